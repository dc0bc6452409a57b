"""Hostile files of numbers for ``scripts.long.fuzzing``: tables to forecast and to classify, .ts and .npz."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from scripts.long.fuzz_files import LABELS, Draw, changed

Form = Callable[[Draw, Path], tuple[str, Mapping[str, Any]]]
VALUES = ("0.5", "1e3", "-7", "?", "", "nan", "inf", "1e308", "1e-320", "x", "1,5", "0x10", "1_0", "9" * 400, " 2 ")
TIMES = (
    "{n}",
    "2024-01-{n:02d}",
    "2024-{n:02d}",
    "19580{n:03d}",
    "2024-01-01 {n:02d}:00",
    "{n}.5",
    "-{n}",
    "9999-12-{n}",
)


SIZES = st.sampled_from((40, 24, 31, 12, 6, 2, 1, 0))


def numbers(draw: Draw, count: int, k: int = 0) -> list[str]:
    """As many fields; of another ``k`` others."""
    hostile = draw(st.integers(0, 30)) == 30
    odd = set(draw(st.lists(st.integers(0, count), max_size=3))) if hostile else set()
    return [draw(st.sampled_from(VALUES)) if n in odd else str(round(np.sin(n + k) + n / 50, 3)) for n in range(count)]


def perhaps_changed(draw: Draw, content: bytes) -> bytes:
    return content if draw(st.booleans()) else changed(draw, content)


def to_forecast(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    series, length = draw(st.integers(1, 3)), draw(st.sampled_from((90, 40, 60, 28, 12, 4, 1, 0)))
    form = draw(st.sampled_from((*[TIMES[0]] * 6, *TIMES)))
    suffix = draw(st.sampled_from((".csv", ".csv", ".tsv")))
    mark = "\t" if suffix == ".tsv" else draw(st.sampled_from((",", ",", ";", "\t")))
    lines = [mark.join(("t", "who", "y", "z"))]
    for who in range(series):
        columns = zip(numbers(draw, length, who), numbers(draw, length), strict=True)
        lines += [mark.join((form.format(n=n + 1), f"s{who}", y, z)) for n, (y, z) in enumerate(columns)]
    path = folder / f"own{suffix}"
    path.write_bytes(perhaps_changed(draw, "\n".join(lines).encode()))
    settings: dict[str, Any] = {"source": str(path), "target": "y", "series_column": "who"}
    settings |= {"window": draw(st.sampled_from((1, 4, 8))), "horizon": draw(st.sampled_from((1, 3)))}
    settings["strategy"] = draw(st.sampled_from(("direct", "recursive", "encoder_decoder")))
    settings |= draw(st.sampled_from(({}, {"covariates": ["z"]}, {"missing": "mask"}, {"level": "last"})))
    settings |= draw(st.sampled_from(({}, {}, {"season": 7}, {"test_from": "25"}, {"until": "2024-01-20"})))
    if draw(st.integers(0, 4)) == 0:
        settings |= {"series_column": None}
    return "forecast", settings


def in_long_form(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    lines = ["id,t,a,b,label"]
    for k in range(draw(SIZES)):
        for n, (a, b) in enumerate(zip(numbers(draw, 1 + k % 5, k), numbers(draw, 1 + k % 5), strict=True)):
            lines.append(f"{k},{n},{a},{b},{LABELS[k % 2]}")
    path = folder / "own.csv"
    path.write_bytes(perhaps_changed(draw, "\n".join(lines).encode()))
    settings = {"source": str(path), "id_column": "id", "missing": draw(st.sampled_from(("interpolate", "mask")))}
    return "series_classify", settings | ({"time_column": "t"} if draw(st.booleans()) else {})


def in_wide_form(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    rows = [f"{LABELS[k % 2]},{','.join(numbers(draw, 6, k))}" for k in range(draw(SIZES))]
    path = folder / "own.csv"
    path.write_bytes(perhaps_changed(draw, "\n".join(["label,a,b,c,d,e,f", *rows]).encode()))
    return "series_classify", {"source": str(path)}


def ts(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    channels = draw(st.integers(1, 3))
    header = ["@problemName P", f"@dimensions {channels}", "@classLabel true a b c", "@data"]
    if draw(st.booleans()):
        header[2:2] = ["@equalLength true", "@seriesLength 5"]
    rows = []
    for k in range(draw(SIZES)):
        parts = [",".join(value.replace(",", "") for value in numbers(draw, 5, k)) for _ in range(channels)]
        rows.append(":".join([*parts, LABELS[k % 3]]))
    path = folder / "own.ts"
    path.write_bytes(perhaps_changed(draw, "\n".join([*header, *rows]).encode()))
    return "series_classify", {"source": str(path)}


def npz(draw: Draw, folder: Path) -> tuple[str, Mapping[str, Any]]:
    n, steps = draw(SIZES), draw(st.sampled_from((6, 3, 1, 0)))
    kind = draw(st.sampled_from((*[np.float64] * 6, np.float32, np.int8, bool, complex, "U3", object)))
    x = np.arange(n * steps).reshape(n, steps).astype(kind)
    arrays = {"x": x[..., None] if draw(st.booleans()) else x, "y": np.arange(n) % 2}
    if draw(st.booleans()):
        arrays["lengths"] = np.full(n, draw(st.sampled_from((steps, 1, steps + 1, 0, -1))))
    made = io.BytesIO()
    np.savez(made, **arrays)  # type: ignore[arg-type]
    path = folder / "own.npz"
    path.write_bytes(perhaps_changed(draw, made.getvalue()))
    return "series_classify", {"source": str(path)}


SERIES: dict[str, Form] = {
    "a table to forecast": to_forecast,
    "series in long form": in_long_form,
    "series in wide form": in_wide_form,
    "ts": ts,
    "npz": npz,
}
