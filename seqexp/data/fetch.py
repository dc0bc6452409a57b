"""Finds a data set's files here, or downloads them; no data set is read whose hash is wrong."""

import gzip
import hashlib
import logging
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from seqexp.data import idx, sources
from seqexp.system.errors import UserError

TIMEOUT_SECONDS = 30.0  # without a byte, from connecting to the end

_log = logging.getLogger(__name__)
_verified: set[tuple[str, int, int]] = set()  # (path, size, mtime in ns) of the files that this process has hashed


def default_data_dir() -> Path:
    """``SEQEXP_DATA_DIR``, or a per-user cache folder where it is unset."""
    named = os.environ.get("SEQEXP_DATA_DIR")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("seqexp", appauthor=False))


def locate(data_dir: str | os.PathLike[str] | None, dataset: str, file: str) -> Path:
    """The path of ``<data_dir>/<dataset>/<file>``, with the bytes that ``sources`` expects; downloaded if missing.

    ``data_dir`` None, or "" as an empty variable gives it, means ``default_data_dir()``. UserError if the hash is
    wrong, the download fails or the folder cannot be written to. KeyError if ``sources`` has no such file.
    """
    source = sources.FILES[dataset][file]
    folder = default_data_dir() if data_dir in (None, "") else Path(data_dir).expanduser()
    path = folder / dataset / file
    if not path.is_file():
        _download(source, path)
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _verified:
        packed = source.gzipped or isinstance(source, sources.Rebuilt | sources.FirstLines)
        actual, where = (sha256_inside(path), " inside the gzip") if packed else (sha256(path), "")
        if actual != source.sha256:
            raise UserError(
                f"{path}: expected SHA-256 {source.sha256}{where}, got {actual}; "
                "delete the file to have it downloaded again"
            )
        _verified.add(key)
    return path


def sha256(path: Path) -> str:
    """The file's SHA-256 in lower-case hexadecimal. Reads it in pieces. UserError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: expected a readable file; {error.strerror}") from error


def sha256_inside(path: Path) -> str:
    """The SHA-256 of the unpacked content, since compressors differ in their output. "no gzip" if it is none."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return "no gzip"
    except OSError as error:
        raise UserError(f"{path}: expected a readable file; {error.strerror}") from error
    return digest.hexdigest()


def _download(source: sources.Source, path: Path) -> None:
    """Write beside ``path``, check, then move: no reader sees half a file, and two processes never collide."""
    from requests.exceptions import RequestException

    with _beside(path) as part:
        _log.info("downloading %s to %s", source.url, path)
        try:
            _get(source.url, part)
        except RequestException as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise UserError(
                f"{path}: the file is missing, and its download from {source.url} failed ({reason}); "
                f"download it by other means and put it at exactly that path, or set data_dir to the folder that "
                f"holds {path.parent.name}/{path.name}"
            ) from error
        if isinstance(source, sources.Rebuilt):
            expected, actual = source.upstream_sha256, sha256_inside(part)
        elif isinstance(source, sources.FirstLines):
            expected, actual = source.upstream_sha256, sha256(part)
        else:
            expected, actual = source.sha256, sha256(part)
        if actual != expected:
            raise UserError(
                f"{path}: the download from {source.url} has a wrong SHA-256, expected {expected}, got {actual}; "
                f"try again, or put the right file at that path"
            )
        if source.gzipped:
            part.write_bytes(gzip.compress(part.read_bytes(), mtime=0))  # no time in it: the same bytes each time
        elif isinstance(source, sources.Rebuilt):
            content = idx.first(gzip.decompress(part.read_bytes()), source.records)
            part.write_bytes(gzip.compress(content, mtime=0))
        elif isinstance(source, sources.FirstLines):
            content = b"".join(part.read_bytes().splitlines(keepends=True)[: source.lines])
            part.write_bytes(gzip.compress(content, mtime=0))
        part.chmod(0o644)  # temporary files are private; a data folder may be shared
        part.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of ``path``, gone afterwards unless it was moved."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    except OSError as error:
        raise UserError(
            f"data_dir: {path} is missing and cannot be downloaded, since {path.parent} cannot be written to "
            f"({error.strerror}); set data_dir or SEQEXP_DATA_DIR to a writable folder"
        ) from error
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _get(url: str, part: Path) -> None:
    import pooch
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        ExitStack() as stack,
    ):

        def close_later(response: Any, **_: Any) -> None:  # pooch does not close the connection of a failed download
            stack.callback(response.close)

        bar = _Bar(progress, url.rpartition("/")[2])
        download = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT_SECONDS, hooks={"response": close_later})
        download(url, str(part), None)


class _Bar:
    """A rich progress bar with the four members that pooch needs."""

    def __init__(self, progress: Any, label: str) -> None:
        self._progress = progress
        self._bar = progress.add_task(label, total=None)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, count: float) -> None:
        self._progress.update(self._bar, total=count or None)

    def update(self, count: int) -> None:
        self._progress.advance(self._bar, count)

    def reset(self) -> None:
        self._progress.update(self._bar, completed=0)

    def close(self) -> None:
        self._progress.refresh()
