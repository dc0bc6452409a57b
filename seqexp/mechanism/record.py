"""The findings of the probes as JSON, and the stored lines read back."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqexp.data.batch import Batch
from seqexp.mechanism.counting import counting
from seqexp.mechanism.flow import Flow, gradient_flow
from seqexp.mechanism.gates import GateUse, gate_use
from seqexp.mechanism.jacobian import lyapunov, spectrum
from seqexp.networks import Network, TreeNetwork
from seqexp.numerics.params import Params
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_lines
from seqexp.system.regular_files import Unreadable
from seqexp.tasks import Task
from seqexp.training.losses import Loss

MOST_LAGS = 128  # that are stored; longer curves are thinned evenly
DIGITS = 6  # significant digits


def line(step: int, flow: Flow) -> dict[str, Any]:
    """One line of mechanism.jsonl: gradient flow after ``step`` optimizer steps."""
    return {
        "step": step,
        **_gradient(flow),
        "half_life_h": _number(flow.half_life("h")),
        "half_life_c": _number(flow.half_life("c")),
    }


def measured(network: Network, p: Params, batch: Batch, loss: Loss, *, jacobian: bool = True) -> dict[str, Any]:
    """mechanism.json of a network, without the run's name and the surgery. Computed in float64, whatever p's type."""
    p = p.like(p.flat.astype(np.float64))
    flow = gradient_flow(network, p, batch, loss)
    found: dict[str, Any] = {
        "half_life": {"h": _number(flow.half_life("h")), "c": _number(flow.half_life("c"))},
        "gradient": _gradient(flow),
        "jacobian": None,
        "gates": None,
        "surgery": None,
    }
    if jacobian and not isinstance(network, TreeNetwork):  # a node has two states before it, not one
        found["jacobian"] = {
            "singular": _numbers(spectrum(network, p, batch)),
            "lyapunov": _numbers(lyapunov(network, p, batch)),
        }
    uses = gate_use(network, p, batch)
    if uses is not None:
        found["gates"] = {name: _gate(use) for name, use in uses.items()}
    return found


def counted(network: Network, p: Params, task: Task) -> dict[str, Any] | None:
    """The unit of a network that counts best what the task has to count; None where there is nothing to count."""
    asked = task.counts()
    found = None if asked is None else counting(network, p, asked.batch, asked.values, asked.symbols)
    if found is None:
        return None
    return {
        "quantity": found.quantity,
        "kind": found.kind,
        "unit": found.unit,
        "correlation": _number(found.correlation),
        "correlations": _numbers(found.correlations),
        "a_count": _number(found.a_count),
        "read": list(found.read),
        "count": _numbers(found.count),
        "value": _numbers(found.value),
    }


def stored_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a mechanism.jsonl that are what ``line`` writes, up to the first that is not; none where there
    is no file. UserError where it cannot be read."""
    try:
        return read_lines(path, _is_line)
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise UserError(f"{path}: expected what probes have found; it {error}") from error


def _is_line(line: object) -> bool:
    if not isinstance(line, dict) or type(line.get("step")) is not int or not isinstance(line.get("lag"), list):
        return False
    curves = [line.get("h"), *([line["c"]] if line.get("c") is not None else [])]
    return all(type(lag) is int for lag in line["lag"]) and all(
        isinstance(curve, list)
        and len(curve) == len(line["lag"])
        and all(value is None or type(value) in (int, float) for value in curve)
        for curve in curves
    )


def _gradient(flow: Flow) -> dict[str, Any]:
    kept = np.unique(np.linspace(0, len(flow.lag) - 1, MOST_LAGS).round().astype(int)) if len(flow.lag) else flow.lag
    return {
        "lag": flow.lag[kept].tolist(),
        "h": _numbers(flow.h[kept]),
        "c": None if flow.c is None else _numbers(flow.c[kept]),
    } | ({"along": flow.along} if flow.along != "steps" else {})


def _gate(use: GateUse) -> Mapping[str, Any]:
    constants = np.sort(use.time_constants)
    # "nearest" and not "linear": between two infinite constants, interpolation gives nan.
    low, middle, high = np.quantile(constants, [0.25, 0.5, 0.75], method="nearest")
    return {
        "mean": _number(use.mean),
        "saturated_low": _number(use.low),
        "saturated_high": _number(use.high),
        "time_constant": _number(middle),
        "time_constant_quartiles": [_number(low), _number(high)],
        "time_constants": _numbers(constants),
        "shares": _numbers(use.shares),
    }


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float | None) -> float | None:
    """Rounded to DIGITS; None for nan and inf, which JSON cannot express."""
    return float(f"{value:.{DIGITS}g}") if value is not None and math.isfinite(value) else None
