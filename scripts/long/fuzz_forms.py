"""More forms of own files for ``scripts.long.fuzzing``: parts, folders, gzip, UTF-16, columns, links and FIFOs.

Each form writes its files below a folder and gives the task's settings; see docs/data.md.
"""

import gzip
import json
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from scripts.long.fuzz_files import KINDS, LABELS, Draw, changed, texts

Form = Callable[[Draw, Path], tuple[str, Mapping[str, Any]]]  # gives the task, and settings of it
PARTS = {"source": "own", "val_source": "own_val", "test_source": "own_test"}


def parts_in_files(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    task, suffix, make = KINDS[kind]
    settings = {}
    for key, name in PARTS.items():
        if key == "source" or draw(st.integers(0, 3)):
            content = make(draw, suffix)
            settings[key] = _written(folder / f"{name}{suffix}", _perhaps_changed(draw, content))
    return task, settings


def parts_in_a_column(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    parts = draw(st.sampled_from((("train", "val", "test"), ("Training", "dev", "TEST"), ("0", "1", ""), ("train",))))
    rows = [f"{' '.join(words)},{LABELS[k % 2]},{parts[k % len(parts)]}\n" for k, words in enumerate(texts(draw))]
    content = changed(draw, ("text,label,part\n" + "".join(rows)).encode())
    task = draw(st.sampled_from(("sentiment", "name_origin", "offensive")))
    return task, {"source": _written(folder / "own.csv", content), "split_column": "part", "label_column": "label"}


def semicolons(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    mark = draw(st.sampled_from((";", "\t", "|")))
    rows = [("text", "label"), *((" ".join(words), LABELS[k % 2]) for k, words in enumerate(texts(draw)))]
    content = "".join(f"{text}{mark}{label}\n" for text, label in rows).encode()
    return "sentiment", {"source": _written(folder / "own.csv", changed(draw, content))}


def json_array(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    values: st.SearchStrategy[Any] = st.sampled_from((*LABELS, 0, 1, 1.0, True, None, [], {"a": 1}, 10**400, "1"))
    plain = draw(st.booleans())
    rows = [
        {"text": " ".join(words), "label": LABELS[k % 2] if plain else draw(values)}
        for k, words in enumerate(texts(draw))
    ]
    content = json.dumps(rows, indent=draw(st.sampled_from((None, 1)))).encode()
    return "sentiment", {"source": _written(folder / "own.json", changed(draw, content))}


def packed(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    task, suffix, make = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    content = gzip.compress(changed(draw, make(draw, suffix)), 1, mtime=0)
    if draw(st.booleans()):
        content = changed(draw, content)
    return task, {"source": _written(folder / f"own{suffix}{draw(st.sampled_from(('.gz', '')))}", content)}


def wide(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    """UTF-16 and UTF-32, with and without a byte order mark."""
    task, suffix, make = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    encoding = draw(st.sampled_from(("utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-8-sig")))
    text = changed(draw, make(draw, suffix)).decode(errors="replace")
    content = text.encode(encoding, "surrogatepass")
    if draw(st.booleans()):
        content = changed(draw, content)
    return task, {"source": _written(folder / f"own{suffix}", content)}


def four_columns(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    tags = draw(st.sampled_from((("O", "B-x", "I-x"), ("O", "x-B", "x-I"), ("U-x", "B-x", "L-x"), ("NOUN", "VERB"))))
    sentences = [
        "".join(f"{word} NN {k} {tags[k % len(tags)]}\n" for k, word in enumerate(words)) for words in texts(draw)
    ]
    content = changed(draw, ("-DOCSTART- -X- -X- O\n\n" + "\n".join(sentences)).encode())
    columns = draw(st.sampled_from(((1, 4), (1, 2), (4, 1), (3, 4), (1, 5), (1, 1), (None, 4), (10**9, 2))))
    source = _written(folder / "own.conll", content)
    return "tagging", {"source": source, "word_column": columns[0], "tag_column": columns[1]}


def rests(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    """Piano rolls in the forms that programs write: -1 and NaN for silence, whole floats, a place for each voice."""
    notes: st.SearchStrategy[Any] = st.sampled_from(
        (-1, 60, 64.0, 21, 108, None, float("nan"), 60.5, True, "60", 10**400, 20, 1e308, [])
    )
    few: st.SearchStrategy[Any] = st.sampled_from((-1, 60, 64.0, float("nan"), None))
    chosen = few if draw(st.booleans()) else notes
    pieces = [[[draw(chosen), 60 + k % 9] for _ in range(2 + k % 4)] for k in range(draw(st.integers(3, 8)))]
    content = json.dumps(dict.fromkeys(("train", "valid", "test"), pieces) if draw(st.booleans()) else pieces).encode()
    return "polyphony", {"source": _written(folder / "own.json", _perhaps_changed(draw, content))}


def names_folder(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    path = folder / "own"
    path.mkdir()
    for name in draw(st.sampled_from((("A", "B"), ("A",), (), ("é", "=1+1", "\x1b[2J"), (".hidden", "B")))):
        lines = "\n".join("".join(words) for words in texts(draw)).encode()
        _written(path / f"{name}.txt", _perhaps_changed(draw, lines))
    if draw(st.booleans()):
        _special(draw, path / "C.txt", path / "A.txt")
    return draw(st.sampled_from(("names", "name_origin"))), {"source": str(path)}


def special_files(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    """Links, FIFOs, sockets, folders and devices where a file should be."""
    task, suffix, make = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    real = folder / f"own_real{suffix}"
    _written(real, make(draw, suffix))
    key = draw(st.sampled_from(("source", "source", "val_source", "test_source")))
    path = folder / f"own{suffix}"
    _special(draw, path, real)
    return task, {"source": str(real)} | {key: str(path)}


def _special(draw: Draw, path: Path, real: Path) -> None:
    kind = draw(st.sampled_from(("link", "nowhere", "loop", "zero", "memory", "fifo", "socket", "folder", "closed")))
    leads: dict[str, Path | str] = {
        "link": real,
        "nowhere": path / "x",
        "loop": path,
        "zero": "/dev/zero",
        "memory": "/proc/self/mem",
    }
    if kind in leads:
        path.symlink_to(leads[kind])
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with suppress(OSError), socket.socket(socket.AF_UNIX) as made:  # a long name is no socket's
            made.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch(mode=0o000)


def _perhaps_changed(draw: Draw, content: bytes) -> bytes:
    return changed(draw, content) if draw(st.booleans()) else content


def _written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


FORMS: dict[str, Form] = {
    "parts in files": parts_in_files,
    "parts in a column": parts_in_a_column,
    "csv with semicolons": semicolons,
    "JSON array": json_array,
    "gzip": packed,
    "UTF-16 and 32": wide,
    "four columns": four_columns,
    "piano rolls with rests": rests,
    "folder of names": names_folder,
    "links and special files": special_files,
}
