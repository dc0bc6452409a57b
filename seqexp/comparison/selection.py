"""Which runs of a task and model are compared: those of one configuration; and which word would choose it.

A suggestion is computed from the runs there are, so that the word, typed, leaves every model on every task with runs of
one configuration.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from seqexp.comparison.tuning_studies import Study
from seqexp.config.command_line import for_shell, word
from seqexp.runs import reader
from seqexp.runs.reader import ABSENT, Run, Settings, deciding, differing
from seqexp.sweeps.job_record import read_records
from seqexp.system.errors import UserError
from seqexp.system.paths import SWEEPS

KEYS, VALUES, NEWEST = 20, 6, 20  # differing keys, values of each, and sweeps that are tried as a suggestion
WORDS, KEPT = 3, 5  # words in a suggestion, at most; and begun suggestions that are gone on with

Cell = tuple[str, str]  # a task and a model
Keep = Callable[[Sequence["Configuration"]], list["Configuration"]]  # what a word leaves
State = tuple[list[str], dict[Cell, list["Configuration"]]]  # words, and what they leave


@dataclass(frozen=True)
class Configuration:
    """Runs of one task and model that differ in the seed alone. ``settings``: flattened, of one of them."""

    runs: Sequence[Run]
    tuned: bool = False  # whether a tuning study's winner is among them

    @property
    def settings(self) -> Settings:
        return self.runs[0].settings

    @property
    def seeds(self) -> set[int]:
        return {run.result.seed for run in self.runs}


@dataclass
class Candidates:
    """The configurations of every task and model that are to be compared. ``match``: what is to be held equal."""

    match: str | None
    cells: dict[Cell, list[Configuration]] = field(default_factory=dict)

    def add(self, task: str, model: str, runs: Sequence[Run], winners: Collection[str], as_one: bool = False) -> None:
        """``winners``: signatures of the runs that tuning studies have ended with. ``as_one``: the runs were made for
        one question, and count as of one configuration though each may divide the data in its own way."""
        groups: dict[str, list[Run]] = {}
        for run in runs:
            key = "" if as_one else json.dumps(deciding(run), sort_keys=True, default=str)
            groups.setdefault(key, []).append(run)
        self.cells[task, model] = [
            Configuration(group, any(run.result.signature in winners for run in group)) for group in groups.values()
        ]

    def models(self, task: str) -> list[str]:
        return [model for of, model in self.cells if of == task]

    def keep(self, signatures: Mapping[Cell, Collection[str]]) -> None:
        """Of these cells the runs with these signatures alone count. UserError where none is left."""
        for cell, only in signatures.items():
            self.cells[cell] = _with_signatures(only)(self.cells[cell])
            if not self.cells[cell]:
                raise UserError(
                    f"study: expected finished runs of its winner; there are none of {' on '.join(cell[::-1])}"
                )

    def chosen(self, task: str, model: str, root: Path) -> Sequence[Run]:
        """The runs that count. UserError names what several configurations differ in, and words that choose one.

        Of several configurations the one that holds a tuning study's winner is taken, or, where parameters are to
        match, the one with a budget.
        """
        several = _preferred(self.cells[task, model], self.match)
        if len(several) > 1:
            raise UserError(_several(task, model, [one.runs[0] for one in several], self.suggested(root)))
        return several[0].runs if several else []

    def suggested(self, root: Path) -> list[str]:
        """The fewest words that leave each cell with runs of one configuration, and with the most seeds; empty where no
        ``WORDS`` words do."""
        known = [(text, _with_setting(key, value)) for key, value in self._values() for text in [word(key, value)]]
        known += [(f"sweep={name}", _with_signatures(found)) for name, found in _newest_sweeps(root)]
        states: list[State] = [([], self.cells)]
        choosing: list[State] = []
        for _ in range(WORDS):
            tried = [
                ([*words, text], {cell: keep(group) for cell, group in cells.items()})
                for words, cells in states
                for text, keep in known
                if text.partition("=")[0] not in {given.partition("=")[0] for given in words}
            ]
            left = sorted((state for state in tried if all(state[1].values())), key=self._worth, reverse=True)
            choosing += [state for state in left if not self._ambiguous(state)]
            states = [state for state in left if self._ambiguous(state)][:KEPT]
        return max(choosing, key=self._worth, default=([], {}))[0]

    def _worth(self, state: State) -> tuple[int, int, int]:
        """The seeds that every task's models share, at most; then fewer cells of several configurations, and words."""
        tasks: dict[str, set[int]] = {}
        for (task, _), group in state[1].items():
            seeds = max((one.seeds for one in _preferred(group, self.match)), key=len)
            tasks[task] = tasks.get(task, seeds) & seeds
        return min(map(len, tasks.values())), -self._ambiguous(state), -len(state[0])

    def _ambiguous(self, state: State) -> int:
        """The cells that have several configurations still."""
        return sum(len(_preferred(group, self.match)) > 1 for group in state[1].values())

    def _values(self) -> list[tuple[str, object]]:
        """The settings in which configurations of one cell differ."""
        found: dict[str, list[object]] = {}
        for group in self.cells.values():
            for key, values in list(differing([one.runs[0] for one in group]).items())[:KEYS]:
                known = found.setdefault(key, [])
                known += [value for value in values[:VALUES] if value != ABSENT and value not in known]
        return [(key, value) for key, values in found.items() for value in values]


def _with_setting(key: str, value: object) -> Keep:
    return lambda group: [one for one in group if reader.matches(one.runs[0], {key: value})]


def _with_signatures(signatures: Collection[str]) -> Keep:
    def keep(group: Sequence[Configuration]) -> list[Configuration]:
        left = [(one, [run for run in one.runs if run.result.signature in signatures]) for one in group]
        return [replace(one, runs=runs) for one, runs in left if runs]

    return keep


def of_sweep(root: Path, name: str) -> frozenset[str]:
    """The signatures of a sweep's runs. UserError where there is no such sweep, with the names there are."""
    folder = root / SWEEPS / name
    if Path(name).name != name or not folder.is_dir():
        there = [known for known, _ in _newest_sweeps(root)]
        raise UserError(f"sweep: expected a sweep's folder in {root / SWEEPS}, such as {_listed(there)}; got {name!r}")
    return _signatures(folder)


def of_studies(names: Sequence[str], found: Mapping[str, Mapping[str, Sequence[Study]]]) -> dict[Cell, frozenset[str]]:
    """The signatures of the winners of the tuning studies with these names. ``found``: task -> model -> its studies.
    UserError where there is no such study, with the names there are."""
    chosen: dict[Cell, frozenset[str]] = {}
    every = [study for models in found.values() for studies in models.values() for study in studies]
    for name in names:
        named = [study for study in every if study.path.stem == name]
        if not named:
            raise UserError(f"study: expected a study of {_listed([_said(study) for study in every])}; got {name!r}")
        for study in named:
            cell = study.task, study.model
            chosen[cell] = chosen.get(cell, frozenset()) | study.signatures
    return chosen


def _said(study: Study) -> str:
    return f"{study.path.stem} ({study.model} on {study.task})"


def _preferred(several: Sequence[Configuration], match: str | None) -> Sequence[Configuration]:
    if len(several) > 1:
        several = [one for one in several if one.tuned] or several
    if len(several) > 1 and match in ("params", "hidden"):
        key = "model.param_budget" if match == "params" else "model.hidden_size"
        several = [one for one in several if one.settings.get(key) is not None] or several
    return several


def _several(task: str, model: str, examples: Sequence[Run], suggested: Sequence[str]) -> str:
    keys = differing(examples)
    listed = "; ".join(f"{key} ({', '.join(word('', value)[1:] for value in seen[:6])})" for key, seen in keys.items())
    advice = (
        f"choose one, such as {' '.join(map(for_shell, suggested))}"
        if suggested
        else "no setting leaves every model with runs alike: name fewer models, or run them with equal settings"
    )
    return (
        f"{task}: expected runs of {model} that differ in the seed alone; "
        f"got {len(examples)} configurations, which differ in {listed[:600]}; {advice}"
    )


def _newest_sweeps(root: Path) -> list[tuple[str, frozenset[str]]]:
    """The newest sweeps' names, with the signatures of their runs."""
    folders = sorted((root / SWEEPS).glob("*/"), key=lambda folder: folder.name, reverse=True)
    return [(folder.name, _signatures(folder)) for folder in folders[:NEWEST]]


def _signatures(folder: Path) -> frozenset[str]:
    return frozenset(record.result.signature for record in read_records(folder) if record.result is not None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) or "none, since there is none"
