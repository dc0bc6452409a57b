"""The user's own files: where they lie, what is in them as text, and what is wrong with their rows, told at once."""

import codecs
import gzip
import hashlib
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from seqexp.data.batch import Split
from seqexp.data.fetch import sha256
from seqexp.system.errors import UserError

LARGEST_UNPACKED = 1_000_000_000  # bytes of a gzip's content: a small file can claim to hold any number
BLOCK = 1 << 20  # bytes that are unpacked at once
SHOWN_FAULTS = 10

_PACKED = (".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers", ".parquet", ".feather", ".arrow", ".pkl", ".pickle", ".docx", ".pdf")
_MARKS = (  # a byte order mark -> its encoding; UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (  # how a file begins -> what it is, and what to do
    (b"PK\x03\x04", "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Office file; save it as CSV (UTF-8)"),
    (b"PAR1\x15", "a Parquet file; write it as CSV, with pandas.read_parquet(…).to_csv(…, index=False)"),
    (b"BZh91AY&SY", "packed by bzip2; unpack it first"),
    (b"\xfd7zXZ\x00", "packed by xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "packed by 7-Zip; unpack it first"),
    (b"%PDF-", "a PDF; save its text"),
    (b"SQLite format 3\x00", "a SQLite database; export the table as CSV"),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer; fetch the file itself with git lfs pull"),
)


def own_path(
    source: str,
    named: Sequence[str],
    suffixes: Sequence[str],
    *,
    key: str = "task.source",
    folder: str | None = None,
    any_suffix: bool = False,
) -> Path:
    """The path of the user's own file, whose name may end in .gz after its suffix.

    ``key`` is the setting, for errors, which list the ``named`` sources too. ``folder`` says what a folder must hold
    to be read; None refuses folders. UserError if there is no such file, or it is none that can be read.
    """
    if re.match(r"[a-z][a-z0-9+.-]*://", source, re.IGNORECASE):
        raise UserError(
            f"{key}: expected a file on this machine; got a web address, {source!r}; download it, and give its path"
        )
    kinds = "the path of a text file" if any_suffix else f"a file ending in {', '.join(suffixes)}"
    expected = ", ".join([*named, *([f"a folder of {folder}"] if folder else [])])
    expected = f"{expected}, or {kinds}" if expected else kinds
    try:
        path = Path(source).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:  # a name too long, a folder that may not be entered, nobody's home
        raise UserError(f"{key}: expected {expected}; got {source[:80]!r}, which cannot be used ({error})") from error
    if is_folder:
        if folder is None:
            raise UserError(f"{key}: expected {expected}; {source!r} is a folder; name a file in it")
        return path
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(_PACKED):
        raise UserError(f"{key}: expected {expected}; got {source!r}; unpack it first (gzip is read as it is)")
    if name.endswith(_SHEETS) and suffix(path) not in suffixes:
        raise UserError(f"{key}: expected {expected}; got {source!r}; save or export it as CSV (UTF-8)")
    if not any_suffix and suffix(path) not in suffixes:
        raise UserError(f"{key}: expected {expected}; got {source!r}")
    if not is_file:
        if any_suffix:
            raise UserError(f"{key}: expected {expected}; there is no file {source!r}")
        raise UserError(f"{key}: expected an existing file; there is no {path.absolute()}")
    return path


def own_paths(
    source: str,
    named: Sequence[str],
    suffixes: Sequence[str],
    held_out: Mapping[Split, str | None],
    folder: str | None = None,
    any_suffix: bool = False,
) -> dict[Split, Path]:
    """The user's file or folder for training, and those of val and test that are named. UserError as of
    ``own_path``."""
    paths: dict[Split, Path] = {"train": own_path(source, named, suffixes, folder=folder, any_suffix=any_suffix)}
    for part, other in held_out.items():
        if other is not None:
            key = f"task.{part}_source"
            paths[part] = own_path(other, (), suffixes, key=key, folder=folder, any_suffix=any_suffix)
    return paths


def no_own_parts(source: str, settings: Mapping[str, object]) -> None:
    """UserError where a source that is no file of the user's is given settings for one."""
    for key, value in settings.items():
        if value is not None:
            raise UserError(f"task.{key}: expected null, since {source!r} has parts of its own; got {value!r}")


def suffix(path: Path) -> str:
    """Which format the file's name says, in small letters: .csv of a.csv and of a.CSV.gz."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def text(path: Path) -> str:
    """The file's text, in whatever form of Unicode it is written: UTF-8, or UTF-16 or 32 with a byte order mark;
    unpacked, if it is a gzip. Lines end in a line feed, however the file ends them.

    UserError, with the line, where it cannot be read or is no such text.
    """
    raw = _unpacked(path)
    for beginning, is_a in _NO_TEXT:
        if raw.startswith(beginning):
            raise UserError(f"{path}: expected text; the file is {is_a}")
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8-sig")
    if encoding == "utf-8-sig" and raw[:200].count(0) > len(raw[:200]) // 4:
        raise UserError(
            f"{path}: expected UTF-8; it looks like UTF-16 without a byte order mark, or like no text; save it as UTF-8"
        )
    try:
        content = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(_undecodable(path, raw, encoding, error)) from error
    return content.replace("\r\n", "\n").replace("\r", "\n") if "\r" in content else content


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines from 1, without their ends; str.splitlines would also cut inside words, at U+0085."""
    yield from enumerate(text(path).split("\n"), 1)


def composed(value: str) -> str:
    """In Unicode's composed form (NFC), so that é is one character, whichever program wrote it."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def fingerprint(parts: Mapping[Split, Path]) -> str:
    """A hash of what a run read: of one file its own; of several, and of a folder's, theirs with what each is."""
    if list(parts) == ["train"] and not parts["train"].is_dir():
        return sha256(parts["train"])
    said = []
    for part, path in parts.items():
        inside = folder_files(path) if path.is_dir() else [path]
        said += [f"{part} {file.stem if path.is_dir() else ''} {sha256(file)}" for file in inside]
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogateescape")).hexdigest()


def own_files(task: Mapping[str, object]) -> str | None:
    """The ``fingerprint`` of the files that a task's settings name, before the task reads them; None where none are."""
    keys: dict[Split, str] = {"train": "source", "val": "val_source", "test": "test_source"}
    paths: dict[Split, Path] = {}
    for part, key in keys.items():
        value = task.get(key)
        with suppress(OSError, ValueError, RuntimeError):  # what is wrong with a path is said where it is read
            path = Path(str(value)).expanduser()
            if path.is_file() or path.is_dir():  # a FIFO would never end
                paths[part] = path
    with suppress(UserError):
        return fingerprint(paths) if "train" in paths else None
    return None


def folder_files(folder: Path) -> list[Path]:
    """The folder's <Category>.txt files by name; hidden files are none."""
    try:
        return sorted(f for f in folder.iterdir() if f.suffix.lower() == ".txt" and f.name[0] != "." and f.is_file())
    except OSError as error:
        raise UserError(f"{folder}: expected a folder that can be listed; {error.strerror}") from error


class Faults:
    """What is wrong with a file's rows, so that all of it is told at once and not one row a start."""

    def __init__(self, path: Path | str, place: str = "line") -> None:
        """``place``: what a place in the file is called, such as "line"; "" where each place says it all."""
        self.place = place
        self._path = path
        self._shown: list[tuple[str, str, str]] = []
        self.count = 0

    def add(self, where: int | str, what: str, remedy: str = "") -> None:
        """A row is faulty: where, "expected …; got …", and what to do about it."""
        self.count += 1
        if len(self._shown) < SHOWN_FAULTS:
            self._shown.append((str(where), what, remedy))

    def refuse(self) -> None:
        """UserError where there is a fault: the first ten, and how many there are."""
        if not self._shown:
            return
        remedies = "".join(f"; {remedy}" for remedy in dict.fromkeys(remedy for *_, remedy in self._shown) if remedy)
        if self.count == 1:
            where, what, _ = self._shown[0]
            at = where if self.place == "line" else f" {self.place} {where}".rstrip().replace("  ", " ")
            raise UserError(f"{self._path}:{at}: {what}{remedies}")
        places: dict[str, list[str]] = {}
        for where, what, _ in self._shown:
            places.setdefault(what, []).append(where)
        told = "; ".join(f"{self._named(where)}: {what}" for what, where in places.items())
        more = f" (the first {SHOWN_FAULTS} of them)" if self.count > SHOWN_FAULTS else ""
        raise UserError(f"{self._path}: {self.count:,} faulty rows: {told}{more}{remedies}")

    def _named(self, places: Sequence[str]) -> str:
        name = f"{self.place}{'s' if len(places) > 1 else ''} " if self.place else ""
        return name + ", ".join(places)


def _unpacked(path: Path) -> bytes:
    """The file's bytes, or what the gzip holds, whatever its name says."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: expected a readable file; {error.strerror}") from error
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        with gzip.open(path) as file:
            raw = _up_to(file, LARGEST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: expected a whole gzip ({error}); pack it anew, or unpack it first") from error
    if len(raw) > LARGEST_UNPACKED:
        raise UserError(f"{path}: expected at most {LARGEST_UNPACKED:,} bytes in the gzip; unpack it first")
    return raw


def _up_to(file: gzip.GzipFile, limit: int) -> bytes:
    """At most so many bytes. Block by block: a gzip's reader takes the memory for all that it is asked for."""
    blocks, left = [], limit
    while left and (block := file.read(min(left, BLOCK))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def _undecodable(path: Path, raw: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    if encoding != "utf-8-sig":
        return f"{path}: expected {encoding.upper()}, as its byte order mark says; {error.reason}; save it as UTF-8"
    # With a byte order mark, error.start counts from behind it.
    start = error.start + (len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0)
    line = raw.count(b"\n", 0, start) + 1
    return f"{path}:{line}: expected UTF-8; byte {start} of the file, 0x{raw[start]:02x}, is not; save it as UTF-8"
