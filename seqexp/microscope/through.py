"""Runs on a text: what ``explain on=`` and ``Result.explain`` do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from seqexp.microscope.look import Look, look
from seqexp.microscope.page import Page, page
from seqexp.microscope.units import Found, find
from seqexp.runs.trained import usable, with_data
from seqexp.system import blas
from seqexp.system.errors import UserError

MOST = 4  # runs beside each other


def through(
    paths: Sequence[Path], text: str, data_dir: str | None = None, sources: Mapping[str, str] | None = None
) -> Page:
    """The page of a text through finished runs. Units are looked for where the runs' data are there; without them the
    page says why there are none. UserError where a run cannot be used, or cannot read the text."""
    if not 1 <= len(paths) <= MOST:
        raise UserError(f"on: expected 1 to {MOST} run directories; got {len(paths)}")
    return page(text, [_of_run(path, text, data_dir, sources) for path in paths])


def _of_run(path: Path, text: str, data_dir: str | None, sources: Mapping[str, str] | None) -> tuple[Look, Found]:
    run = usable(path, data_dir, sources)
    with blas.limited_by(run.run_config.settings):
        seen = look(run, text)
        if seen.without:
            return seen, Found(why=seen.without)
        try:
            _, _, task, network, p = with_data(path, data_dir, sources)
        except UserError as missing:
            return seen, Found(why=f"the run's data are not there ({missing})")
        return seen, find(task, network, p, run.result.seed)
