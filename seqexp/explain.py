"""``python -m seqexp.explain <run directory>``: why a trained network scores as it does, in numbers and figures.

It rebuilds the network from the run's config.yaml and best weights. It does not change the run itself.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from seqexp.system.commands import ended, leave

if TYPE_CHECKING:
    from seqexp.config.run_config import RunConfig
    from seqexp.networks import Network
    from seqexp.numerics.params import Params
    from seqexp.runs.result import RunResult
    from seqexp.tasks import Task
    from seqexp.tasks.artifacts import Artifact

SOURCES = ("task.source", "task.val_source", "task.test_source")
USAGE = """usage: python -m seqexp.explain <run directory> [out=<folder>] [data_dir=<folder>] [task.source=<file>]
                                [plugins=[my.module]]
       python -m seqexp.explain <run directory> [<run directory> …] on="a text" [out=<file.html>] […]

Explains the best weights of a finished run. It prints how far back the gradient reaches and its half-life, and what one
step and many steps do to a small difference (Jacobian, Lyapunov exponents). For a model with gates it also prints what
the gates do, and the test score with each gate fixed at one. It writes mechanism.json and figures to the run's
directory, or to out=: also those that the run itself draws unless it is a sweep's. data_dir= names the folder of the
data sets, and task.source=, task.val_source= and task.test_source= your own files, if they have moved. plugins= loads
the modules that the run's model or task comes from: a stored config never does so by itself.

on= looks inside the cell instead, on a text as seqexp.predict takes it: one HTML page, microscope.html in the (first)
run's directory, or out=. It shows the text coloured by any unit or gate, all units over all steps, one cell forward and
backward by hand, and units that count or keep track of something; of several runs, up to 4, side by side.
"""


def main() -> NoReturn:
    """Exit codes: 0 explained, 2 bad input, such as a directory without a finished run, 130 Ctrl-C."""
    leave(ended(_explain, sys.argv[1:], USAGE))


def _explain(words: Sequence[str]) -> None:
    from seqexp.config import load_plugins

    paths, options = _understood(words)
    load_plugins([word for word in words if word.startswith("plugins=")])
    sources = {key.removeprefix("task."): options[key] for key in SOURCES if key in options}
    if "on" in options:
        look_inside(paths, options["on"], options.get("out"), options.get("data_dir"), sources)
    else:
        explain(paths[0], options.get("out"), options.get("data_dir"), sources)


def _understood(words: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    from seqexp.config.command_line import refuse_flags
    from seqexp.system.errors import UserError

    refuse_flags([word for word in words if not word.startswith("on=")])
    options, paths = {}, []
    for word in words:
        key, equals, value = word.partition("=")
        if key in ("on", "out", "data_dir", "plugins", *SOURCES) and equals and value:
            options[key] = value
        elif equals and not Path(word).exists():
            raise UserError(
                f"{word}: expected a run directory, on=<text>, out=<folder>, data_dir=<folder>, task.source=<file> "
                "or plugins=[…]"
            )
        else:
            paths.append(Path(word))
    if not paths or (len(paths) > 1 and "on" not in options):
        several = "; several stand side by side with on=<text>" if paths else ""
        raise UserError(f"expected the directory of one run; got {len(paths)}: {' '.join(map(str, paths))}{several}")
    return paths, options


def look_inside(
    paths: Sequence[Path],
    text: str,
    out: str | None = None,
    data_dir: str | None = None,
    sources: Mapping[str, str] | None = None,
) -> Path:
    """Write the page of a text through finished runs, and say where it is. UserError as ``microscope.through``."""
    from seqexp.microscope.through import through
    from seqexp.system.paths import MICROSCOPE
    from seqexp.system.printable import printable

    made = through(paths, text, data_dir, sources)
    target = Path(out) if out else paths[0]
    file = made.write(target if target.suffix == ".html" else target / MICROSCOPE)
    print(made)
    print(f"page: {file} ({len(made.html.encode()) / 1000:,.0f} kB): open it in a browser")
    if unknown := made.unknown():
        listed = ", ".join(printable(word) for word in unknown[:10])
        print(f"note: unknown to a run, and read as <unk>: {listed}", file=sys.stderr)
    return file


def explain(
    path: Path, out: str | None = None, data_dir: str | None = None, sources: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Explain the finished run in ``path``: print a table, write mechanism.json and figures to ``out`` (default: to
    ``path``), and return the content of mechanism.json. ``sources``: where the user's own files are now, such as
    {"source": "moved.csv"}. UserError if there is no finished run, or if its files do not belong together."""
    from seqexp.mechanism.record import stored_lines
    from seqexp.runs.description import draw
    from seqexp.runs.directory import history
    from seqexp.runs.lock import cannot_write, locked
    from seqexp.runs.trained import with_data
    from seqexp.system import blas
    from seqexp.system.atomic_files import write_text
    from seqexp.system.errors import UserError
    from seqexp.system.paths import LINES, SUMMARY

    result, run_config, task, network, p = with_data(path, data_dir, sources)
    folder = Path(out) if out else path
    with blas.limited_by(run_config.settings):
        found = _found(result, run_config, task, network, p)
        shown = [] if result.is_trial else _evaluation(run_config, task)(network, p)[1]
    lines = stored_lines(path / LINES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with nullcontext(True) if out else locked(path, wait=False) as held:
            if not held:
                raise UserError(f"{path}: another process works on this run; wait for it to end, or name out=<folder>")
            write_text(folder / SUMMARY, json.dumps(found) + "\n")
            from seqexp.plots import mechanism

            written = draw(history(path), folder, shown, result, run_config.settings["training"]["clip_norm"])
            written += mechanism.draw_all(
                found,
                lines,
                folder,
                metric=result.primary_metric,
                direction=result.direction,
                baseline=result.best_memoryless(),
            )
    except OSError as error:
        raise cannot_write(folder, error) from error
    print(table(found, result))
    print(f"figures: {', '.join(file.name for file in written)}\nin {folder}")
    return found


def _found(
    result: "RunResult", run_config: "RunConfig", task: "Task", network: "Network", p: "Params"
) -> dict[str, Any]:
    from seqexp import mechanism
    from seqexp.mechanism.walk import COLUMNS
    from seqexp.runs.probes import whose
    from seqexp.training import losses

    columns = min(COLUMNS, run_config.settings["training"]["batch_size"])
    batch = mechanism.probe_batch(task, network, columns)
    found = whose(result) | mechanism.measured(network, p, batch, losses.create(task.shape.loss))
    found["counting"] = mechanism.counted(network, p, task)
    if found["gates"] is not None and run_config.settings.get("test", True):
        found["surgery"] = _surgery(run_config, task, p, tuple(found["gates"]))
    return found


def _surgery(run_config: "RunConfig", task: "Task", p: "Params", gates: Sequence[str]) -> dict[str, float | None]:
    """The test score of the unchanged network, and with each gate fixed at one that is not fixed already."""
    from seqexp import mechanism
    from seqexp.config.build import build_network
    from seqexp.numerics.params import Params
    from seqexp.system.json_files import finite

    settings = run_config.settings["model"]
    frozen = list(settings.get("freeze_gates") or ())
    evaluate = _evaluation(run_config, task)

    def network(more: Sequence[str]) -> "Network":
        return build_network({**settings, "freeze_gates": (*frozen, *more)}, task.shape)

    def score(of: "Network") -> float:
        return float(evaluate(of, Params(of.layout, p.flat))[0][f"test/{task.primary_metric}"])

    scores = mechanism.surgery(network, score, [gate for gate in gates if gate not in frozen])
    return {name: finite(value) for name, value in scores.items()}


def _evaluation(
    run_config: "RunConfig", task: "Task"
) -> "Callable[[Network, Params], tuple[dict[str, float], list[Artifact]]]":
    """What scores a network's weights on the test split, with the run's own batches, and gives what the task shows."""
    from seqexp.config.build import build_optimizer
    from seqexp.training.trainer import Trainer, Training

    training, seed = Training(**run_config.group("training")), run_config.settings["seed"]

    def evaluate(network: "Network", p: "Params") -> "tuple[dict[str, float], list[Artifact]]":
        optimizer = build_optimizer(run_config.settings["optimizer"])
        trainer = Trainer(network, task, optimizer, training, seed=seed, dtype=p.flat.dtype.type)
        return trainer.evaluate("test", p)

    return evaluate


def table(found: Mapping[str, Any], result: "RunResult") -> str:
    """The findings as text: one line for each quantity, with what it means."""
    from seqexp.system.printable import printable

    lines = [f"{found['model']} on {found['task']}, seed {found['seed']}: best weights, at step {found['best_step']}"]
    lag = found["gradient"]["lag"]
    for kind in ("h", "c"):
        if found["gradient"][kind] is not None:
            reach = _reach(found["half_life"][kind], lag[-1] if lag else 0, found["gradient"].get("along") == "depth")
            lines.append(_row(f"half-life of |dL/d{kind}|", *reach))
    if found["jacobian"] is not None:
        lines += _dynamics(found["jacobian"])
    for name, gate in (found["gates"] or {}).items():
        shut, opened = gate["saturated_low"], gate["saturated_high"]
        lines.append(_row(f"gate {name}: mean", f"{gate['mean']:.3f}", f"{shut:.0%} below 0.1, {opened:.0%} above 0.9"))
    for name, word in (("f", "forget"), ("z", "update")):
        if gate := (found["gates"] or {}).get(name):
            low, high = gate["time_constant_quartiles"]
            said = f"half of the {'cells' if name == 'f' else 'units'} between {_steps(low)} and {_steps(high)}"
            lines.append(_row(f"{word} time constant", _steps(gate["time_constant"]), said))
    if counter := found.get("counting"):
        more = f"{counter['a_count']:+.3g} with one more"
        what = f"its correlation with: {counter['quantity']}; {more}"
        lines.append(_row(f"counting {counter['kind']}[{counter['unit']}]", f"{counter['correlation']:+.4f}", what))
    if found["surgery"]:
        lines += _operated(found["surgery"], result)
    return printable("\n".join(lines))


def _row(name: str, value: str, reading: str) -> str:
    return f"  {name:<24} {value:>14}   {reading}"


def _steps(value: float | None) -> str:
    return "without end" if value is None else f"{value:,.3g} steps"


def _reach(half_life: float | None, longest: int, in_a_tree: bool) -> tuple[str, str]:
    unit, lags = ("levels", "levels below the root") if in_a_tree else ("steps", "measured lags")
    if half_life is None:
        return f"> {longest:,} {unit}", f"it does not halve within the {lags}"
    faded = f"over the {longest:,} {lags} it fades to {0.5 ** (longest / half_life):.2g}"
    return f"{half_life:,.3g} {unit}", faded


def _dynamics(jacobian: Mapping[str, Any]) -> list[str]:
    rows = []
    if jacobian["singular"] and jacobian["singular"][0] is not None:
        largest = jacobian["singular"][0]
        rows.append(_row("largest singular value", f"{largest:.3f}", "how much one step can stretch a difference"))
    if jacobian["lyapunov"] and jacobian["lyapunov"][0] is not None:
        exponent = jacobian["lyapunov"][0]
        what = (
            "differences grow on these sequences" if exponent > 0 else "differences fade: memory is lost at this rate"
        )
        rows.append(_row("Lyapunov exponent", f"{exponent:+.4f}", f"nats a step; {what}"))
    return rows


def _operated(scores: Mapping[str, float | None], result: "RunResult") -> list[str]:
    metric, best = result.primary_metric, result.best_memoryless()
    rows = []
    for name, value in scores.items():
        label = "as trained" if name == "none" else f"gate {name} fixed at 1"
        without = f" ({best[0]}, no memory: {best[1]:.4g})" if best is not None and name == "none" else ""
        rows.append(_row(label, "nan" if value is None else f"{value:.4g}", f"{metric}{without}"))
    return rows


if __name__ == "__main__":
    main()
