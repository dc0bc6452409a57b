"""The page: looks as one HTML file that needs no other, with every number that it shows inside it."""

import hashlib
import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.microscope.by_hand import Layer
from seqexp.microscope.drawings import DRAWINGS
from seqexp.microscope.equations import ABOUT, Equation, Product, compiled
from seqexp.microscope.look import Look
from seqexp.microscope.units import Found
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.printable import printable

TEMPLATE = "page.html"
LARGEST = 2_000_000  # bytes of a page
FEWEST = 4  # units of a layer that a page shows at least
SHRINK = 0.8  # of its units, as often as a page is too large
INPUTS = 200  # numbers of an input that are told apart; the others are told together
NOT_SHOWN = frozenset({"dx"})  # it is no unit's; its size is told for each step


@dataclass(frozen=True, repr=False)
class Page:
    """The page's HTML, and what it is of. Shows itself in a notebook."""

    html: str
    looks: Sequence[tuple[Look, Found]]

    def write(self, path: str | Path) -> Path:
        """Write it to a file. UserError where that cannot be."""
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, self.html)
        except OSError as error:
            raise UserError(f"out: cannot write {path} ({error.strerror}); choose another file") from error
        return path

    def unknown(self) -> list[str]:
        """The words of the text that a run reads as ``<unk>``."""
        return list(dict.fromkeys(look.steps[t] for look, _ in self.looks for t in look.unknown))

    def __repr__(self) -> str:
        """A line a run, and one for each unit that is named."""
        return "\n".join(line for look, found in self.looks for line in _lines(look, found))

    def _repr_html_(self) -> str:
        # A frame of its own: the page's style and script touch nothing of the notebook.
        whole = html.escape(self.html, quote=True)
        return f'<iframe sandbox="allow-scripts" style="width:100%;height:56rem;border:0" srcdoc="{whole}"></iframe>'


def _lines(look: Look, found: Found) -> Iterator[str]:
    result = look.run.result
    yield printable(f"{result.model} on {result.task}, seed {result.seed}: it answers {look.said!r}")
    for one in found.named:
        score = f"{'AUC' if one.yes_no else 'R²'} {one.score:.2f}"
        where = f"{one.layer}, " if one.layer else ""
        falls = "" if one.rises else ", inverted"
        yield printable(f"  {where}{one.signal} of unit {one.unit + 1}: {one.concept} ({score}, p {one.p:.2g}{falls})")
    if found.why:
        yield printable(f"  no unit was looked for: {found.why}")


def page(text: str, looks: Sequence[tuple[Look, Found]]) -> Page:
    """The page of one run on a text, or of several beside each other. Of large networks it shows the units that have
    something to tell, so that it stays below ``LARGEST`` bytes; sums are over all units all the same. UserError where
    that is not enough."""
    share, drawings = 1.0, {name: one.as_json() for name, one in DRAWINGS.items()}
    while True:
        runs = [_run(look, found, share) for look, found in looks]
        made = _filled({"text": printable(text), "runs": runs, "drawings": drawings})
        if len(made.encode()) <= LARGEST:
            return Page(made, looks)
        widest = max((layer.h.shape[1] for look, _ in looks for layer in look.layers), default=0)
        if _units(widest, share) <= FEWEST:
            raise UserError(
                f"on: expected a text whose page has at most {LARGEST // 10**6} MB; got one of "
                f"{len(looks[0][0].steps):,} steps for {len(looks)} runs: take a part of it, or fewer runs"
            )
        share *= SHRINK


def _filled(content: dict[str, Any]) -> str:
    """The template with its data. Whatever comes from a run is JSON without < and &, which no parser takes for a tag;
    the policy allows this page's own script, by its hash, and no other."""
    template = files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    script = re.search(r"<script>(.*?)</script>", template, re.DOTALL)
    assert script is not None
    digest = b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    data = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    return template.replace("{{digest}}", digest).replace("{{data}}", data)


def _run(look: Look, found: Found, share: float) -> dict[str, Any]:
    result = look.run.result
    best = result.best_memoryless()
    said, course = look.course
    return {
        "model": printable(result.model),
        "task": printable(result.task),
        "seed": result.seed,
        "signature": printable(result.signature),
        "metric": printable(result.primary_metric),
        "score": result.score(),
        "baseline": None if best is None else {"name": printable(best[0]), "value": best[1]},
        "steps": [printable(step) for step in look.steps],
        "unknown": look.unknown,
        "numbers": not look.run.codec.shape.tokens,
        "said": printable(look.said),
        "derived": printable(look.derived),
        "soFar": [[[printable(name), chance] for name, chance in step] for step in look.so_far],
        "course": {"of": printable(said), "values": course},
        "sensitive": look.sensitive,
        "differs": look.differs,
        "without": printable(look.without),
        "layers": [_layer(layer, look, found, share) for layer in look.layers] or [_without_equations(look)],
        "found": found.as_json(),
    }


def _units(total: int, share: float) -> int:
    return min(total, max(FEWEST, int(total * share)))


def _layer(layer: Layer, look: Look, found: Found, share: float) -> dict[str, Any]:
    """A layer's numbers, of the units and inputs that are shown; what others add to a sum is told as one number."""
    H, X = layer.h.shape[1], layer.x.shape[1]
    named = [one.unit for one in found.named if one.layer == layer.where.label]
    units, inputs = _chosen(layer.h, _units(H, share), named), _chosen(layer.x, min(X, INPUTS), [])
    kept = {"x": inputs}
    matrices: dict[str, np.ndarray] = {}
    rests: dict[str, list[Any]] = {}
    for equation in (*layer.cell.forward, *layer.cell.backward):
        for one in equation.products:
            if equation.out in NOT_SHOWN:
                continue
            columns = kept.get(one.vector, units)
            matrices[one.matrix] = layer.parts[one.matrix][np.ix_(units, columns)]
            rests.setdefault(equation.out, []).append(_rest(layer, one, units, columns))
    words = look.run.codec.input_words
    ids = layer.where.ids
    return {
        "label": layer.where.label,
        "cell": layer.cell.name,
        "turned": layer.where.turned,
        "total": H,
        "units": units.tolist(),
        "inputs": inputs.tolist(),
        "inputNames": None if ids is None else [printable(words[id]) for id in ids[inputs]],
        "state": layer.cell.state,
        "gates": layer.cell.gates,
        "about": {**ABOUT, **layer.cell.about},
        "x": _packed(layer.x[:, inputs, 0]),
        "signals": {n: _packed(v[:, units, 0]) for n, v in layer.signals.items() if n not in NOT_SHOWN},
        "first": {name: _packed(values[units, 0]) for name, values in layer.first.items()},
        "last": {name: _packed(values[units, 0]) for name, values in layer.last.items()},
        "columns": {
            n: _packed(part[units, 0]) for n, part in layer.parts.items() if part.shape[1] == 1 and n[0] in "bp"
        },
        "matrices": {name: _packed(matrix) for name, matrix in matrices.items()},
        "rests": rests,
        "forward": [_equation(one) for one in layer.cell.forward if one.out not in NOT_SHOWN],
        "backward": [_equation(one) for one in layer.cell.backward if one.out not in NOT_SHOWN],
    }


def _without_equations(look: Look) -> dict[str, Any]:
    """What is known of a core of which there are no equations here: its signals."""
    H = look.plain["h"].shape[1]
    same = {name: values for name, values in look.plain.items() if values.shape[1] == H}
    return {
        "label": "",
        "cell": None,
        "turned": False,
        "total": H,
        "units": list(range(H)),
        "state": [name for name in ("h", "c") if name in same],
        "gates": [name for name in same if name not in ("h", "c")],
        "about": ABOUT,
        "signals": {name: _packed(values) for name, values in same.items()},
    }


def _chosen(values: np.ndarray, count: int, first: Sequence[int]) -> np.ndarray:
    """The rows (count,) of values (T, N, B) that are shown: ``first``, then those that vary most; in their order."""
    varies = values[:, :, 0].std(axis=0)
    varies[list(first)] = np.inf
    return np.sort(np.argsort(-varies, kind="stable")[:count])


def _rest(layer: Layer, one: Product, units: np.ndarray, columns: np.ndarray) -> dict[str, Any] | None:
    """What those that are not shown add to a product, (T, units); None where all are shown."""
    W = layer.parts[one.matrix].T if one.transposed else layer.parts[one.matrix]
    others = np.setdiff1d(np.arange(W.shape[1]), columns)
    if not len(others):
        return None
    return _packed(layer.values(one.vector)[:, others, 0] @ W[np.ix_(units, others)].T)


def _equation(one: Equation) -> dict[str, Any]:
    names = compiled(one.rest)[1] if one.rest else ()
    products = [[each.matrix, each.vector, each.transposed] for each in one.products]
    return {"out": one.out, "products": products, "rest": one.rest, "names": names, "says": one.says}


def _packed(values: np.ndarray) -> dict[str, Any]:
    """An array as the page reads it: little-endian numbers in base64, in four bytes where that loses nothing."""
    with np.errstate(over="ignore"):
        small = values.astype("<f4")
    kept = small if np.array_equal(small.astype(np.float64), values) else values.astype("<f8")
    return {"n": kept.itemsize, "d": b64encode(np.ascontiguousarray(kept).tobytes()).decode()}
