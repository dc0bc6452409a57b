"""JSON and lines of JSON in files that may be damaged or come from a stranger."""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from seqexp.system.regular_files import Unreadable, opened, read_file

LONGEST_JSON = 10_000_000  # bytes of a JSON file, or of one line, worth reading
LONGEST_LINES = 1_000_000_000  # bytes of a file of lines
DEEPEST = 32  # levels of arrays and objects


def read_json(path: Path) -> Any:
    """What a JSON file holds. FileNotFoundError where there is none; Unreadable where it is damaged."""
    try:
        return parsed(read_file(path, LONGEST_JSON))
    except ValueError as error:
        raise Unreadable("is no JSON") from error


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text. ValueError where it is none, or is nested so deeply that it could not be written."""
    try:
        value = json.loads(text)  # UnicodeDecodeError is a ValueError
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
    if any(isinstance(each, dict | list) for each in level):
        raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    return value


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def read_object(path: Path) -> dict[str, Any]:
    """As ``read_json``, of a file that holds one object."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise Unreadable(f"holds a {type(content).__name__}, not an object")
    return content


def read_lines(path: Path, is_whole: Callable[[Any], bool]) -> list[Any]:
    """The lines of JSON up to the first that is cut or that ``is_whole`` refuses. Errors as ``read_json``."""
    with opened(path) as file:
        return whole_lines(file, is_whole)[0]


def whole_lines(file: IO[bytes], is_whole: Callable[[Any], bool]) -> tuple[list[Any], list[int]]:
    """As ``read_lines``, of an open file; and where each line ends (before them, 0).

    A process that was killed leaves a part of a line at the end.
    """
    lines: list[Any] = []
    ends = [0]
    file.seek(0)
    while ends[-1] < LONGEST_LINES and (text := file.readline(LONGEST_JSON)).endswith(b"\n"):
        try:
            line = parsed(text)
        except ValueError:
            break
        if not is_whole(line):
            break
        lines.append(line)
        ends.append(ends[-1] + len(text))
    return lines, ends


def finite(value: Any) -> float | None:
    """The value as a number where it is a finite one; None else, since JSON has no nan and no inf."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None
