"""Files of labelled series, of several channels and of any length: the user's own, and those of UEA and UCR.

Formats: .ts (https://www.timeseriesclassification.com), .csv and .tsv in long form (a row a step) or in wide form (a
row a series), .npz.
"""

import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqexp.data import files, rows
from seqexp.data.files import Faults
from seqexp.data.series import MISSING, Labelled
from seqexp.system.errors import UserError

_log = logging.getLogger(__name__)
SUFFIXES = (".csv", ".tsv", ".ts", ".npz")
IDS, TIMES = ("id", "series", "series_id", "case", "subject"), ("time", "t", "step", "date", "timestamp")  # usual names
LARGEST = 1_000_000_000  # bytes of an array in a .npz
MOST_SIZE = 1e100  # of a number
MOST_CHANNELS = 10_000


@dataclass(frozen=True)
class Columns:
    """How a table is read.

    label:  the column of the class.
    id:     the column that says which series a row belongs to (long form); None: a row is a series
            (wide form).
    time:   the column by which the steps of a series are in order.
    values: the columns of the channels, or in wide form of the steps; () for all others.
    """

    label: str
    id: str | None = None
    time: str | None = None
    values: tuple[str, ...] = ()


def read(path: Path, columns: Columns) -> Labelled:
    """The series of a file, whose suffix says its format. UserError, with the line, where it is malformed."""
    match files.suffix(path):
        case ".ts":
            found = _ts(path)
        case ".npz":
            found = _npz(path)
        case _:
            found = _long(path, columns) if columns.id is not None else _wide(path, columns)
    if not found.series:
        raise UserError(f"{path}: expected series; the file has none")
    for number, (one, label) in enumerate(zip(found.series, found.labels, strict=True), 1):
        if not len(one) or np.isnan(one).all(axis=0).any():
            raise UserError(
                f"{path}: series {number} (class {label!r}): expected values in every channel; got none in one of them"
            )
    return found


# -- tables -----------------------------------------------------------------------------------------------------------


def _long(path: Path, columns: Columns) -> Labelled:
    assert columns.id is not None
    named = {"task.id_column": columns.id, "task.label_column": columns.label}
    if columns.time is not None:
        named["task.time_column"] = columns.time
    there = rows.names(path, [*named.values()])
    channels = columns.values or tuple(name for name in there if name not in named.values())
    if not channels:
        raise UserError(f"{path}:1: expected columns of numbers beside {', '.join(named.values())}; got none")
    wanted = named | {f"task.value_columns[{n}]": name for n, name in enumerate(channels)}
    faults = Faults(path)
    steps: dict[str, list[tuple[float, list[float]]]] = {}
    labels: dict[str, str] = {}
    for line, fields in rows.read(path, wanted, faults):
        key, label = str(fields[0]).strip(), str(fields[1]).strip()
        values = [
            number(field, name, line, faults) for name, field in zip(channels, fields[-len(channels) :], strict=True)
        ]
        when = float(len(steps.get(key, ())))
        if columns.time is not None:
            when = _moment(str(fields[2]), columns.time, line, faults)
            before = steps.get(key)
            if before and not when > before[-1][0]:
                how = "twice" if when == before[-1][0] else "out of order"
                faults.add(
                    line, f"expected rising {columns.time} in series {key!r}; {str(fields[2]).strip()!r} is {how}"
                )
        if not label:
            faults.add(line, f"expected a class in column {columns.label!r}; got none")
        if labels.setdefault(key, label) != label:
            faults.add(line, f"expected one class for series {key!r}; got {labels[key]!r} and {label!r}")
        steps.setdefault(key, []).append((when, values))
    faults.refuse()
    series = [np.array([values for _, values in of]) for of in steps.values()]
    return Labelled(series, [labels[key] for key in steps], channels)


def _wide(path: Path, columns: Columns) -> Labelled:
    found = read_rows(path, columns.label, columns.values)
    series = []
    for row in found.series:
        there_to = np.flatnonzero(~np.isnan(row[0]))  # a shorter series ends in empty fields
        series.append(row[0, : there_to[-1] + 1 if len(there_to) else 0, None])
    usual = {"task.id_column": IDS, "task.time_column": TIMES}
    guess = {key: name for key, names in usual.items() for name in found.channels if name.lower() in names}
    if "task.id_column" in guess:
        words = " ".join(f"{key}={name}" for key, name in guess.items())
        _log.warning(
            "%s: each row was read as a series, and its columns as the steps; if a row is a step: %s", path, words
        )
    return Labelled(series, found.labels, ("value",))


def read_rows(path: Path, label_column: str, values: tuple[str, ...]) -> Labelled:
    """The rows of a table as series of one step (1, X), whose channels are the columns of ``values``, or () all but the
    class's. UserError, with the line, where it is malformed."""
    there = rows.names(path, [label_column])
    names = values or tuple(name for name in there if name != label_column)
    wanted = {"task.label_column": label_column} | {f"task.value_columns[{n}]": name for n, name in enumerate(names)}
    faults = Faults(path)
    found, labels = [], []
    for line, fields in rows.read(path, wanted, faults):
        label = str(fields[0]).strip()
        if not label:
            faults.add(line, f"expected a class in column {label_column!r}; got none")
        row = [number(field, name, line, faults) for name, field in zip(names, fields[1:], strict=True)]
        found.append(np.array([row], np.float64))
        labels.append(label)
    faults.refuse()
    return Labelled(found, labels, names)


def number(field: object, name: str, line: int, faults: Faults) -> float:
    """A field as a number, nan where it is missing; another one is a fault of the line."""
    text = str(field).strip()
    if field is None or text.lower() in MISSING:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        faults.add(line, f"expected a number in column {name!r}; got {text!r:.60}")
        return 0.0
    if not abs(value) <= MOST_SIZE:  # its square, or a sum, would be none
        kind = "finite number" if not np.isfinite(value) else f"number of at most {MOST_SIZE:g}"
        faults.add(line, f"expected a {kind} in column {name!r}; got {text!r:.60}")
        return 0.0
    return value


def _moment(text: str, name: str, line: int, faults: Faults) -> float:
    """A number, or a date and time as ISO 8601 or as pandas reads it, in seconds."""
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        faults.add(line, f"expected a number or a date such as 2024-05-31T12:00 in column {name!r}; got {text!r:.60}")
        return float("inf")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# -- .ts --------------------------------------------------------------------------------------------------------------


def _ts(path: Path) -> Labelled:
    header: dict[str, str] = {}
    faults = Faults(path)
    series: list[np.ndarray] = []
    labels: list[str] = []
    in_data = False
    for line, text in files.lines(path):
        text = text.strip()
        if not text or text.startswith(("#", "%")):
            continue
        if not in_data:
            key, _, value = text.partition(" ")
            if not key.startswith("@"):
                raise UserError(
                    f"{path}:{line}: expected a header line such as @dimensions, before @data; got {text!r:.60}"
                )
            header[key.lower().removeprefix("@")] = value.strip()
            in_data = key.lower() == "@data"
            if in_data:
                _check_header(path, header)
        else:
            one = _example(text, header, line, faults)
            if one is not None:
                series.append(one[0])
                labels.append(one[1])
    if not in_data:
        raise UserError(f"{path}: expected a line @data, behind which the series stand; got none")
    faults.refuse()
    width = series[0].shape[1] if series else 0
    return Labelled(series, labels, tuple(f"channel {n + 1}" for n in range(width)))


def _check_header(path: Path, header: dict[str, str]) -> None:
    if header.get("timestamps", "false").lower() == "true":
        raise UserError(
            f"{path}: @timeStamps: expected false; got true; write the values alone, or a .csv in long form"
        )
    said = header.get("classlabel", "").split()
    if not said or said[0].lower() != "true":
        raise UserError(
            f"{path}: @classLabel: expected true and the classes; got {header.get('classlabel', 'nothing')!r:.60}"
        )


def _example(text: str, header: dict[str, str], line: int, faults: Faults) -> tuple[np.ndarray, str] | None:
    *parts, label = text.split(":")
    label = label.strip()
    classes = header["classlabel"].split()[1:]
    dimensions = (
        header.get("dimensions") or header.get("dimension") or ("1" if header.get("univariate") == "true" else "")
    )
    if dimensions and dimensions != str(len(parts)):
        faults.add(line, f"expected {dimensions} dimensions, as the header says; got {len(parts)}")
        return None
    if classes and label not in classes:
        faults.add(line, f"expected one of the header's classes, {', '.join(classes)[:200]}; got {label!r:.60}")
        return None
    channels = [
        [number(field, f"dimension {n}", line, faults) for field in part.split(",")] for n, part in enumerate(parts, 1)
    ]
    if not channels or len({len(one) for one in channels}) > 1:
        lengths = ", ".join(str(len(one)) for one in channels) or "none"
        faults.add(line, f"expected dimensions of one length; got {lengths[:60]}")
        return None
    length = header.get("serieslength")
    if header.get("equallength", "").lower() == "true" and length and length != str(len(channels[0])):
        faults.add(line, f"expected {length} steps, as the header says; got {len(channels[0])}")
    return np.array(channels).T, label


# -- .npz -------------------------------------------------------------------------------------------------------------


def _npz(path: Path) -> Labelled:
    """x (N, T) or (N, T, X), y (N,), and where series end before T: lengths (N,)."""
    try:
        with zipfile.ZipFile(path) as packed:
            if any(entry.file_size > LARGEST for entry in packed.infolist()):
                raise UserError(f"{path}: expected arrays of at most {LARGEST:,} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            there = {name: arrays[name] for name in ("x", "y", "lengths") if name in arrays}
            names = ", ".join(arrays.files)[:200]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"{path}: expected a .npz of plain arrays x and y; {str(error)[:100]}") from error
    if not {"x", "y"} <= there.keys():
        raise UserError(f"{path}: expected arrays x (N, T, X) and y (N,); got {names or 'none'}")
    x, y = there["x"], there["y"]
    x = x[..., None] if x.ndim == 2 else x
    if x.ndim != 3 or x.dtype.kind not in "iuf" or y.shape != x.shape[:1] or not 1 <= x.shape[2] <= MOST_CHANNELS:
        given = f"x {there['x'].dtype} {there['x'].shape}, y {y.shape}"
        raise UserError(f"{path}: expected x (N, T, X) of numbers and y (N,); got {given}")
    lengths = there.get("lengths", np.full(len(x), x.shape[1]))
    legal = (
        lengths.shape == y.shape
        and lengths.dtype.kind in "iu"
        and len(x)
        and lengths.min() >= 1
        and lengths.max() <= x.shape[1]
    )
    if not legal:
        given = f"{lengths.dtype} {lengths.shape}"
        raise UserError(f"{path}: lengths: expected {len(x)} whole numbers from 1 to {x.shape[1]}; got {given}")
    series = [one[:length].astype(np.float64) for one, length in zip(x, lengths, strict=True)]
    if any((np.abs(one) > MOST_SIZE).any() for one in series):
        raise UserError(
            f"{path}: x: expected numbers of at most {MOST_SIZE:g}, nan where one is missing; got a larger one"
        )
    return Labelled(series, [str(label) for label in y.tolist()], tuple(f"channel {n + 1}" for n in range(x.shape[2])))
