"""Running text for language models: Python's own help topics, published texts, and the user's own file."""

import gzip
import hashlib
from pathlib import Path

from seqexp.data import fetch, labelled_files, sources
from seqexp.system.errors import UserError

DRAWN = frozenset(" -=+*|~^")  # rules and the borders of tables consist of these
NAMED = ("python", "tinyshakespeare", "ptb")


def read(source: str, data_dir: str | None) -> tuple[list[str], str]:
    """The texts of a source and their hash: training, validation and test, or one text that the caller splits.

    "python", "tinyshakespeare", "ptb", or the path of a text file in UTF-8. UserError if it cannot be read.
    """
    if source == "python":
        text = help_topics()
        return [text], hashlib.sha256(text.encode()).hexdigest()
    if source == "tinyshakespeare":
        path = fetch.locate(data_dir, source, "input.txt")
        return [path.read_text(encoding="utf-8")], sources.fingerprint(source)
    if source == "ptb":
        files = [fetch.locate(data_dir, source, f"ptb.{part}.txt.gz") for part in ("train", "valid", "test")]
        return [gzip.decompress(file.read_bytes()).decode() for file in files], sources.fingerprint(source)
    path = Path(source).expanduser()
    if not path.is_file():
        raise UserError(
            f"task.source: expected {', '.join(NAMED)}, or the path of a text file; there is no file {source!r}"
        )
    text = labelled_files.decode(path).replace("\r\n", "\n")
    if not text.strip():
        raise UserError(f"{path}: expected a text; the file is empty")
    return [text], fetch.sha256(path)


def help_topics() -> str:
    """The text of Python's help topics, in alphabetical order of their names; it changes with Python's version.

    Topics repeat each other. Only the first of equal paragraphs is kept, so that the test part is not in the training
    part. Lines that only draw (under headings, around tables) are left out: they are too easy to predict.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise UserError("task.source: this Python has no help topics (pydoc_data); name a text file instead") from error
    lines = (line.rstrip() for name in sorted(topics) for line in ("", *topics[name].split("\n")))
    text = "\n".join(line for line in lines if not line or not DRAWN.issuperset(line))
    paragraphs = (part.strip("\n") for part in text.split("\n\n"))
    return "\n\n".join(dict.fromkeys(part for part in paragraphs if part)) + "\n"
