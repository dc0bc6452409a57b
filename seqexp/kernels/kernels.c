/* Kernels of the recurrent cells, once for each number type and each kind of CPU; Python takes the best that runs.

   declarations.h is included by the builder, before this file. */

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

/* switches of the LSTM; FROZEN << gate, o, i and f or z and r */
enum { COUPLED = 1, LINEAR_CANDIDATE = 2, LINEAR_OUTPUT = 4, FROZEN = 8 };
#define HAS(s, name) ((s)->switches & name)
#define FREEZES(s, gate) ((s)->switches & (FROZEN << gate))
/* of the RNN, instead of tanh */
enum { RELU = 1, LOGISTIC = 2 };

/* What a tile asks memory for, beside its own sums: a share of the panel that comes next, ``pace`` bytes a k from ``at``
   on. Else the first tile of each panel would wait for its weights. */
struct ahead {
    const char *at;
    int64_t pace;
};

/* A vanishing gradient ends among the subnormal numbers, with which a CPU computes up to a hundred times slower: as long
   as kernels run, they are zeros. */
static unsigned long without_subnormals(void) {
#if defined(__x86_64__)
    unsigned long before = _mm_getcsr();
    _mm_setcsr((unsigned)before | 0x8040);
#elif defined(__aarch64__)
    unsigned long before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | 1ul << 24));
#else
    unsigned long before = 0;
#endif
    return before;
}

static void with_subnormals(unsigned long before) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

/* CPU is set by the builder. */
#if CPU == 512
#pragma GCC target("avx512f,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#define BYTES 64
#define NR 6
#elif CPU == 256
#pragma GCC target("avx2,fma")
#define BYTES 32
#define NR 3
#else
#define BYTES 16
#define NR 3
#endif

#define FLOATS 32
#define SET f
#include "set.h"
#undef FLOATS
#undef SET
#define FLOATS 64
#define SET d
#include "set.h"
