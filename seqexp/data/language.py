"""Running text for language models: Python's own help topics, published texts, and the user's own file."""

import gzip
import hashlib
import re

from seqexp.data import fetch, files, sources
from seqexp.data.batch import Split
from seqexp.data.splits import PARTS
from seqexp.system.errors import UserError

DRAWN = frozenset(" -=+*|~^")  # rules and the borders of tables consist of these
NAMED = ("python", "tinyshakespeare", "ptb")


def read(source: str, data_dir: str | None, held_out: dict[Split, str | None]) -> tuple[dict[Split, str], str]:
    """The texts of a source by part, and a hash of them; what is not there is yet to be cut from training's.

    "python", "tinyshakespeare", "ptb", or the path of a text file; ``held_out`` names the user's own files of
    validation and test. UserError where one cannot be read.
    """
    if source in NAMED:
        files.no_own_parts(source, {f"{part}_source": other for part, other in held_out.items()})
    if source == "python":
        text = help_topics()
        return {"train": text}, hashlib.sha256(text.encode()).hexdigest()
    if source == "tinyshakespeare":
        path = fetch.locate(data_dir, source, "input.txt")
        return {"train": path.read_text(encoding="utf-8")}, sources.fingerprint(source)
    if source == "ptb":
        packed = {
            part: fetch.locate(data_dir, source, f"ptb.{name}.txt.gz")
            for part, name in zip(PARTS, ("train", "valid", "test"), strict=True)
        }
        return {part: gzip.decompress(file.read_bytes()).decode() for part, file in packed.items()}, (
            sources.fingerprint(source)
        )
    paths = files.own_paths(source, NAMED, (), held_out, any_suffix=True)
    texts = {part: files.composed(files.text(path)) for part, path in paths.items()}
    for part, text in texts.items():
        if not text.strip():
            raise UserError(f"{paths[part]}: expected a text; the file is empty")
    return texts, files.fingerprint(paths)


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


def topic_sentences() -> list[tuple[str, str]]:
    """(topic, sentence) of Python's help topics, each sentence once, with the first topic that has it."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise UserError("task.source: this Python has no help topics (pydoc_data); name a .tsv file instead") from error
    found: dict[str, str] = {}
    for topic in sorted(topics):
        for part in topics[topic].split("\n\n"):
            if part[:1].isalpha():  # else it is code, a rule of the grammar or a list
                for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(part.split())):
                    if sentence.endswith((".", "!", "?")):
                        found.setdefault(sentence, topic.lower())
    return [(topic, sentence) for sentence, topic in found.items()]
