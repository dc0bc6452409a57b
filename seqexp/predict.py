"""``python -m seqexp.predict <run directory> "a text"``: what a trained network says of new input.

It needs the run's directory alone: its config.yaml, its best weights and its model/. The data may have moved away.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from seqexp.system.commands import ended, leave

if TYPE_CHECKING:
    from seqexp.codecs import Answer, Options
    from seqexp.runs.trained import Usable

SOURCES = ("task.source", "task.val_source", "task.test_source")
NUMBERS = {"temperature": (float, 0), "top_k": (int, 1), "seed": (int, 0), "length": (int, 1), "beam_width": (int, 1)}
LARGEST = {"length": 100_000, "beam_width": 1000}
KEYS = ("file", "out", "column", "data_dir", "plugins", *NUMBERS, *SOURCES)
LIKELIEST = 5  # probabilities that are shown
USAGE = """usage: python -m seqexp.predict <run directory> ["a text" …] [file=<table> [column=<name>]] [out=<file>]
                                [temperature=0.8] [top_k=10] [seed=0] [length=200] [beam_width=4] [plugins=[my.module]]

Says what the best weights of a finished run answer to each text: a class with its probabilities, tags, a translation;
of a language model, of names and of music what follows the text, which is then a prompt, and the likeliest next tokens.
The texts are words of this command line; or of file= (.csv, .tsv, .jsonl: the column that the run was trained on, or
column=; .txt: a text a line); or else standard input, line by line. out= writes a table of the answers, .csv; of music
one MIDI file, .mid. What is drawn follows temperature=, top_k= and seed=. The data are not needed; to a run of an
earlier version, which has no model/, task.source=<file> or data_dir=<folder> show them. plugins= loads the modules that
the run's model or task comes from: a stored config never does so by itself.
"""


@dataclass
class Words:
    """The command line: the run's directory, the texts, and the other words by their key."""

    path: Path
    texts: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    def numbers(self) -> "Options":
        """The options of free answers. UserError where one is no such number."""
        from seqexp.codecs import Options
        from seqexp.system.errors import UserError

        found: dict[str, Any] = {}
        for key, (kind, least) in NUMBERS.items():
            if (given := self.options.get(key)) is None:
                continue
            most = LARGEST.get(key, 1 << 40)
            try:
                found[key] = kind(given)
                legal = least <= found[key] <= most
            except ValueError:
                legal = False
            if not legal:
                what = "a whole number" if kind is int else "a number"
                limit = f" to {most:,}" if key in LARGEST else ""
                raise UserError(f"{key}: expected {what} from {least}{limit}; got {given!r}")
        return Options(**found)


def main() -> NoReturn:
    """Exit codes: 0 answered, 2 bad input, such as a run that has not finished, 130 Ctrl-C."""
    leave(ended(_predict, sys.argv[1:], USAGE))


def _predict(words: Sequence[str]) -> None:
    from seqexp.config import load_plugins

    understood = _understood(words)
    load_plugins([word for word in words if word.startswith("plugins=")])
    predict(understood)


def _understood(words: Sequence[str]) -> Words:
    """UserError where there is no run, or a word is none of those above. What is no key of ours is a text."""
    from seqexp.config.command_line import refuse_flags
    from seqexp.system.errors import UserError

    refuse_flags([word for word in words if " " not in word])
    options: dict[str, str] = {}
    others: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in KEYS:
            if not value:
                raise UserError(f"{key}: expected a value; got nothing")
            options[key] = value
        elif equals and key.isidentifier() and key.islower() and " " not in word and others:
            raise UserError(f"{word}: expected one of {', '.join(f'{key}=' for key in KEYS)}, or a text")
        else:
            others.append(word)
    if not others:
        raise UserError("expected the directory of a run first; got none")
    if others[1:] and "file" in options:
        raise UserError(f"expected texts or file=; got both: {others[1][:80]!r} and file={options['file']}")
    if "column" in options and "file" not in options:
        raise UserError("column: expected file= too, the table that has this column; got none")
    return Words(Path(others[0]), others[1:], options)


def predict(words: Words) -> None:
    """Answer as the words say: print, or write ``out=``. UserError where something cannot be read or written."""
    from seqexp.runs.trained import usable
    from seqexp.system import blas
    from seqexp.system.errors import UserError

    options, out = words.numbers(), words.options.get("out")
    if out is not None and Path(out).suffix not in (".csv", ".mid"):
        raise UserError(f"out: expected a file that ends in .csv, or for music in .mid; got {out!r}")
    sources = {key.removeprefix("task."): words.options[key] for key in SOURCES if key in words.options}
    run = usable(words.path, words.options.get("data_dir"), sources)
    with blas.limited_by(run.run_config.settings):
        if not words.texts and "file" not in words.options and out is None:
            for text in _lines():  # one by one, so that a program at the other end of a pipe gets each answer at once
                _show(text, run.predict([text], options)[0], run)
            return
        texts = words.texts or (_column(words, run) if "file" in words.options else list(_lines()))
        answers = run.predict(texts, options)
        if out is None:
            for text, answer in zip(texts, answers, strict=True):
                _show(text, answer, run)
            return
    _write(Path(out), texts, answers)
    _note_unknown([token for answer in answers for token in answer.unknown])


def _lines() -> Iterator[str]:
    """The lines of standard input that have something in them."""
    if sys.stdin.isatty():
        print("type a text and Enter; Ctrl-D ends", file=sys.stderr)
    for line in sys.stdin:
        if line.strip():
            yield line.rstrip("\r\n")


def _column(words: Words, run: "Usable") -> list[str]:
    """The texts of file=, by default in the column that the run's own table had; or what the codec makes of the file.

    UserError names the columns where the one that is asked for is not there."""
    from seqexp.data import files, rows
    from seqexp.data.files import Faults, composed
    from seqexp.system.errors import UserError

    path = Path(words.options["file"])
    if files.suffix(path) not in rows.SUFFIXES or run.codec.whole_tables:
        if "column" in words.options:
            expected = "no column, since the run read the table's own" if run.codec.whole_tables else "a table"
            raise UserError(f"column: expected {expected} ({', '.join(rows.SUFFIXES)}); got {path}")
        return run.codec.texts_of(path) or _nothing(path)
    faults = Faults(path)
    task = run.run_config.settings["task"]
    column = composed(words.options.get("column") or str(task.get("text_column", "text")))
    texts: list[str] = []
    for line, (value,) in rows.read(path, {"column": column}, faults):
        if not isinstance(value, str) or not value.strip():
            faults.add(line, f"expected a text in column {column!r}, got {'nothing' if not value else type(value)}")
        else:
            texts.append(value.strip())
    faults.refuse()
    return texts or _nothing(path)


def _nothing(path: Path) -> NoReturn:
    from seqexp.system.errors import UserError

    raise UserError(f"{path}: expected texts; the file has none")


def _show(text: str, answer: "Answer", run: "Usable") -> None:
    """Print an answer: of a prompt with the prompt before it."""
    from seqexp.system.printable import printable

    said = "\n".join(printable(line) for line in answer.text.split("\n"))
    likeliest = list(answer.probabilities.items())[:LIKELIEST]
    named = [(name if name.strip() else repr(name), chance) for name, chance in likeliest]  # white space in quotes
    chances = [f"{printable(name)} {chance:.3f}" for name, chance in named]
    if run.codec.alone:
        print(said, flush=True)
        if chances:
            print(f"next: {', '.join(chances)}", file=sys.stderr, flush=True)
    else:
        print(said + (f"\t{', '.join(chances)}" if chances else ""), flush=True)
    _note_unknown(answer.unknown)


def _note_unknown(tokens: Sequence[str]) -> None:
    from seqexp.system.printable import printable

    if tokens:
        listed = ", ".join(printable(token) for token in list(dict.fromkeys(tokens))[:10])
        print(f"note: unknown to this run, and read as <unk>: {listed}", file=sys.stderr, flush=True)


def _write(out: Path, texts: Sequence[str], answers: "Sequence[Answer]") -> None:
    """Write a table of the answers, or one answer's music. UserError where it cannot be written."""
    from seqexp.runs.tables import rows_as_csv
    from seqexp.system.atomic_files import write_bytes
    from seqexp.system.errors import UserError

    if out.suffix == ".mid":
        notes = answers[0].notes
        if len(answers) != 1 or notes is None:
            why = "the answer is no music" if notes is None else "there are several answers"
            raise UserError(f"out: expected .csv, since {why}; got {out}")
        from seqexp.plots.midi import midi_file

        content = midi_file(notes)
    else:
        rows = [row for answer in answers for row in answer.rows] or [
            {"text": text, "answer": answer.text} | {f"p({name})": p for name, p in answer.probabilities.items()}
            for text, answer in zip(texts, answers, strict=True)
        ]
        content = rows_as_csv(rows).encode()
    try:
        write_bytes(out, content)
    except OSError as error:
        raise UserError(f"out: cannot write {out} ({error.strerror}); choose another file") from error
    print(f"{len(answers)} answers: {out}" if len(answers) != 1 else f"answer: {out}")


if __name__ == "__main__":
    main()
