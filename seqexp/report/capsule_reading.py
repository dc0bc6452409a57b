"""A capsule read without trust: it may be a stranger's. Nothing in it is unpacked where its own names say.

A zip file may claim sizes that it has not, grow a thousandfold, name files outside its folder, or hold links; each of
these is refused, and what is read is counted while it is read.
"""

import hashlib
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from pydantic import ConfigDict, TypeAdapter, ValidationError

from seqexp.report.capsule import ABOUT, LARGEST, SCHEMA
from seqexp.system.errors import UserError
from seqexp.system.json_files import parsed
from seqexp.system.regular_files import Unreadable, read_file

MOST_BYTES, MOST_UNPACKED, MOST_FILES = 64 << 20, 256 << 20, 10_000
ENCRYPTED = 0x1  # a flag of a file in a zip file
NAME = re.compile(r"(?:runs(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}){3}/)?[A-Za-z][A-Za-z0-9_]{0,40}\.[a-z]{2,5}")


@dataclass(frozen=True, kw_only=True)
class TaskTerms:
    """What was compared on one task, and by what."""

    task: str
    models: list[str]
    pairs: list[tuple[str, str]]
    metric: str
    margin: float
    level: float
    sequential: bool
    claims: int = 1

    __pydantic_config__ = ConfigDict(allow_inf_nan=False, extra="forbid")


@dataclass(frozen=True, kw_only=True)
class About:
    """capsule.json."""

    schema: int
    command: str
    git_sha: str
    match: str | None
    tasks: list[TaskTerms]
    claims: list[dict[str, str | float | None]]
    runs: list[str]
    files: dict[str, str]

    __pydantic_config__ = ConfigDict(allow_inf_nan=False, extra="ignore")


@dataclass(frozen=True)
class Capsule:
    about: About
    files: Mapping[str, bytes]

    def unpack(self, folder: Path) -> None:
        """Write the runs below ``folder``, which is new and empty: <task>/<model>/<signature>/."""
        for name, content in self.files.items():
            if name.startswith("runs/"):  # the name was checked: it cannot lead out
                file = folder / name.removeprefix("runs/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


def read(path: Path) -> Capsule:
    """A capsule whose files are those that it lists, unchanged. UserError says in one line what is wrong with it."""
    try:
        content = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise UserError(f"capsule: expected a file that a comparison wrote; there is no {path}") from None
    except Unreadable as error:
        raise UserError(f"capsule: {path} {error}") from None
    try:
        with ZipFile(BytesIO(content)) as zipped:
            files = _files(path, zipped)
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise UserError(f"capsule: expected a zip file; {path} is none that can be read ({error})") from None
    except Exception as error:  # zlib's own error has no other base
        raise UserError(f"capsule: {path} is damaged ({error})") from None
    return _checked(path, files)


def _files(path: Path, zipped: ZipFile) -> dict[str, bytes]:
    infos = zipped.infolist()
    if len(infos) > MOST_FILES:
        raise UserError(f"capsule: expected at most {MOST_FILES:,} files; {path} has {len(infos):,}")
    files: dict[str, bytes] = {}
    left = MOST_UNPACKED
    for info in infos:
        _refuse(path, info, files)
        with zipped.open(info) as file:
            content = file.read(min(LARGEST, left) + 1)  # whatever size it claims
        if len(content) > min(LARGEST, left):
            raise UserError(f"capsule: {path} unpacks to more than a capsule may hold, at {info.filename!r:.80}")
        left -= len(content)
        files[info.filename] = content
    return files


def _refuse(path: Path, info: ZipInfo, files: Mapping[str, bytes]) -> None:
    """UserError where a file has a name that no capsule has, or is no plain file."""
    kind = info.external_attr >> 16
    plain = not kind or not stat.S_IFMT(kind) or stat.S_ISREG(kind)
    if not NAME.fullmatch(info.filename) or not plain or info.filename in files:
        raise UserError(f"capsule: {path} holds what no capsule does, {info.filename!r:.80}")
    if info.flag_bits & ENCRYPTED or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise UserError(f"capsule: {path} is packed in a way that no capsule is, at {info.filename!r:.80}")


def _checked(path: Path, files: Mapping[str, bytes]) -> Capsule:
    try:
        content: Any = parsed(files[ABOUT])
        about = TypeAdapter(About).validate_python(content)
    except (KeyError, ValueError, ValidationError):
        raise UserError(f"capsule: expected {ABOUT} in {path}; it is missing or damaged") from None
    if about.schema != SCHEMA:
        raise UserError(f"capsule: {path} is of another version (schema {about.schema}; this one reads {SCHEMA})")
    rest = {name: content for name, content in files.items() if name != ABOUT}
    for name in sorted(rest.keys() | about.files.keys()):
        known = hashlib.sha256(rest[name]).hexdigest() if name in rest else "missing"
        if known != about.files.get(name):
            raise UserError(f"capsule: {path} was changed: {name!r:.100} is not the file that {ABOUT} lists")
    return Capsule(about, rest)
