"""A run's model/: what a trained network needs beside its weights and config to be used without the data."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqexp import codecs
from seqexp.codecs import Codec, cuts
from seqexp.runs.result import RunResult
from seqexp.system.atomic_files import remove_leftovers, write_bytes
from seqexp.system.errors import UserError
from seqexp.system.json_files import parsed
from seqexp.system.paths import CODEC, MODEL
from seqexp.system.regular_files import Unreadable, read_file
from seqexp.tasks import Task

logger = logging.getLogger("seqexp")

SCHEMA = 1  # of codec.json; a higher one is a later version's
LONGEST = 64_000_000  # bytes of a codec, a vocabulary of millions of words


def write(directory: Path, result: RunResult, task: Task) -> None:
    """Write model/codec.json of a run; nothing of a task that has no codec. A codec that fails costs no run."""
    try:
        if (codec := task.codec()) is None:
            return
        text = _text(codec, result)
    except Exception as error:
        logger.warning("the task has no usable codec, so that predict needs the data: %s", error)
        return
    if len(text) > LONGEST:
        logger.warning("the vocabulary has more than %d MB, and is not kept: predict needs the data", LONGEST // 10**6)
        return
    folder = directory / MODEL
    if folder.is_symlink() or folder.is_file():
        folder.unlink()  # it was not the run that put it there
    folder.mkdir(exist_ok=True)
    remove_leftovers(folder)
    write_bytes(folder / CODEC, text)


def _text(codec: Codec, result: RunResult) -> bytes:
    content = {"kind": codec.kind, "signature": result.signature, "tokenizer": cuts.VERSION, "codec": codec.as_json()}
    return json.dumps({"schema": SCHEMA, "sha256": _digest(content)} | content).encode() + b"\n"


def read(directory: Path, result: RunResult) -> Codec | None:
    """The codec of a run's directory; None where there is none. UserError where it is damaged, another run's, or a
    later version's."""
    file = directory / MODEL / CODEC
    try:
        if file.parent.is_symlink():
            raise Unreadable("lies behind a link")
        content = parsed(read_file(file, LONGEST))
        if not isinstance(content, dict):
            raise Unreadable("holds no object")
        return _checked(content, result)
    except FileNotFoundError:
        return None
    except (Unreadable, ValueError) as error:
        raise UserError(f"{file}: expected what the run's inputs and answers mean; it {_why(error)}") from None


def _checked(content: Mapping[str, Any], result: RunResult) -> Codec:
    """ValueError or Unreadable says what is wrong."""
    schema, tokenizer = content.get("schema"), content.get("tokenizer")
    if schema != SCHEMA:
        raise Unreadable(f"is of another version (schema {schema!r:.20}; this one reads {SCHEMA})")
    known = {key: content.get(key) for key in ("kind", "signature", "tokenizer", "codec")}
    if content.get("sha256") != _digest(known) or not isinstance(known["codec"], dict):
        raise Unreadable("is damaged: its SHA-256 differs from the one it was saved with")
    if tokenizer != cuts.VERSION:
        raise Unreadable(f"cuts texts as version {tokenizer!r:.20} does; this one is version {cuts.VERSION}")
    if known["signature"] != result.signature:
        raise Unreadable(f"belongs to another run, with the signature {known['signature']!r:.40}")
    return codecs.parse(known["kind"], known["codec"])


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _why(error: Exception) -> str:
    return "is no JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
