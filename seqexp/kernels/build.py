"""Compiles the kernels: ``python -m seqexp.kernels.build NAME FOLDER BITS``, a process of its own: compilers talk."""

import sys
from pathlib import Path

SOURCES = Path(__file__).parent
FLAGS = ["-O3", "-fno-math-errno", "-Wno-psabi", "-g0"]
FUNCTIONS = """
void pack_units_{0}(void *, const void *, int64_t, int64_t, int64_t, const int64_t *, int64_t, int64_t, int64_t);
void pack_gates_{0}(void *, const void *, int64_t, int64_t, int64_t, const int64_t *, int64_t, int64_t, int64_t);
void pack_back_{0}(void *, const void *, int64_t, int64_t, int64_t, const int64_t *, int64_t, int64_t, int64_t);
void product_{0}(const void *, int64_t, const void *, void *, int64_t, const int64_t *, int64_t);
void gradient_{0}(void *, int64_t, const int64_t *, int64_t, int64_t, int64_t, int64_t, int64_t,
                  const void *, int64_t, const void *, int64_t, int64_t, int64_t);
void softmax_{0}(void *, const int64_t *, void *, void *, int64_t, int64_t, double);
void lstm_forward_{0}(const struct pass *);
void lstm_backward_{0}(const struct pass *);
void gru_forward_{0}(const struct pass *);
void gru_backward_{0}(const struct pass *);
void rnn_forward_{0}(const struct pass *);
void rnn_backward_{0}(const struct pass *);
void turn_{0}(void *, int64_t, int64_t, const void *, int64_t, int64_t,
              int64_t, int64_t, int64_t);
void adam_{0}(void *, const void *, void *, void *, int64_t, double, double, double, double);
void adam_rows_{0}(const void *, void *, void *, const int64_t *, int64_t, int64_t, double, double);
"""


def build(name: str, folder: str, bits: int) -> None:
    """The module ``name`` in ``folder``, for vectors of so many bits."""
    from cffi import FFI

    declarations = (SOURCES / "declarations.h").read_text(encoding="utf-8")
    declarations += "".join(FUNCTIONS.format(kind) for kind in "fd")
    ffi = FFI()
    ffi.cdef(declarations)
    source = f'#define CPU {bits}\n#include <stdint.h>\n{declarations}\n#include "kernels.c"\n'
    ffi.set_source(name, source, include_dirs=[str(SOURCES)], extra_compile_args=FLAGS)
    ffi.compile(tmpdir=folder)


if __name__ == "__main__":
    build(sys.argv[1], sys.argv[2], int(sys.argv[3]))
