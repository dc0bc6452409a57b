"""Studies: one search for each model, all alike. Optuna asks for values, trials on the validation set answer.

No Optuna database is kept: a study is a function of its settings and its trials' scores, so the same command asks
for the same trials again, and finds those that ended in their directories.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge

from seqexp.config.run_config import RunConfig
from seqexp.config.schema import NO_DEFAULT, Fields, check_group
from seqexp.runs.lock import locked
from seqexp.sweeps.job_record import JobRecord
from seqexp.sweeps.search_space import Space
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_json, read_object
from seqexp.system.paths import STUDIES, TUNING
from seqexp.system.regular_files import Unreadable

Values = dict[str, str]  # key -> the word after "key=" on the command line

logger = logging.getLogger("seqexp")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What every model gets.

    trials:       of each study.
    seeds:        0 … seeds - 1, on which each study's winner runs afterwards.
    sampler:      Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), random search, or every point of a
                  grid of choices and ranges.
    sampler_seed: what the samplers draw from.
    tuning_seed:  of every trial; none of the winners'.
    batch:        trials of a study that are asked for at once, before any of them is answered.
    """

    trials: Annotated[int, Ge(1)]
    seeds: Annotated[int, Ge(1)]
    sampler: Literal["tpe", "random", "grid"]
    sampler_seed: Annotated[int, Ge(0)]
    tuning_seed: Annotated[int, Ge(0)]
    batch: Annotated[int, Ge(1)]


def check_budget(given: Mapping[str, Any]) -> Budget:
    """UserError names the key of ``hydra.sweeper`` at fault."""
    legal: Fields = {name: (kind, NO_DEFAULT) for name, kind in Budget.__annotations__.items()}
    budget = Budget(**check_group("hydra.sweeper", given, legal))
    if budget.tuning_seed < budget.seeds:
        raise UserError(
            f"hydra.sweeper.tuning_seed: expected a seed that no winner runs on, {budget.seeds} or more; "
            f"got {budget.tuning_seed}"
        )
    return budget


class Study:
    """One model's search on one task.

    words:  the sweep's words that are the same in all of the study's runs.
    varied: those of them, besides model and task, that other studies of the sweep have otherwise; key -> value.
    trial:  a trial's config, whatever its values.
    """

    def __init__(
        self, words: Sequence[str], varied: Mapping[str, str], trial: RunConfig, space: Space, budget: Budget
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.words, self.space = list(words), dict(space)
        self._distributions = {key: one.distribution() for key, one in self.space.items()}
        self._study = optuna.create_study(direction="minimize", sampler=_sampler(budget))
        trials = budget.trials
        if budget.sampler == "grid":
            trials = self._enqueue_grid(budget.trials)
        self._batch, self._sign = budget.batch, 1
        self._asked: list[tuple[Any, Values]] = []
        self._refused = False
        self.about: dict[str, Any] = {
            "task": trial.name("task"),
            "model": trial.name("model"),
            "study": _name(trial, space, budget),
            "varied": dict(varied),
            "space": {key: one.text() for key, one in self.space.items()},
            "trials": trials,
            "sampler": budget.sampler,
            "metric": None,
            "direction": None,
            "seed": budget.sampler_seed,
            "tuning_seed": budget.tuning_seed,
            "batch": budget.batch,
        }
        self.scores: list[dict[str, Any]] = []
        self.signatures: list[str] = []
        self.file: Path | None = None

    def ask(self) -> list[Values]:
        """The values of the next trials; none when the study is over."""
        left = 0 if self._refused else self.about["trials"] - len(self._asked)
        asked = []
        for _ in range(min(left, self._batch)):
            trial = self._study.ask(self._distributions)
            asked.append((trial, {key: one.word(trial.params[key]) for key, one in self.space.items()}))
        self._asked += asked
        return [values for _, values in asked]

    def tell(self, records: Sequence[JobRecord]) -> None:
        """What the trials asked for last came to, in their order.

        A diverged trial counts among the worst; a failed one says nothing about its values. One that was
        refused ends the study: its config cannot be run.
        """
        from optuna.trial import TrialState

        for record in records:
            trial, values = self._asked[len(self.scores)]
            status, result, score = record.status, record.result, record.score
            if result is not None:
                self.about |= {"metric": result.primary_metric, "direction": result.direction}
                self._sign = -1 if result.direction == "max" else 1
            if score is not None:
                self._study.tell(trial, self._sign * score)
            else:
                # Parzen estimators rank a pruned trial behind all others, and leave a failed one out.
                worst = status in ("FINISHED", "DIVERGED")
                self._study.tell(trial, state=TrialState.PRUNED if worst else TrialState.FAIL)
            self._refused = self._refused or status == "BAD_INPUT"
            self.scores.append(
                {
                    "number": len(self.scores),
                    "values": {key: _typed(word) for key, word in values.items()},
                    "score": score,
                    "status": status,
                    "signature": result.signature if result else None,
                    "seconds": result.seconds if result else None,
                }
            )

    def best(self) -> Values | None:
        """The values of the trial with the best score, the first of several; None where no trial has one."""
        scored = [(self._sign * one["score"], one["number"]) for one in self.scores if one["score"] is not None]
        return self._asked[min(scored)[1]][1] if scored and not self._refused else None

    def record(self) -> dict[str, Any]:
        best = {key: _typed(word) for key, word in (self.best() or {}).items()}
        return self.about | {"scores": self.scores, "best": best, "signatures": self.signatures}

    def save(self, root: Path, is_whole: bool = False) -> None:
        """Write the record, complete or not at all. Trouble is a warning: the trials have their own directories.

        is_whole: the study is over, winners and all. Before, the record of a study that came further is left alone.
        """
        file = root / TUNING / self.about["task"] / self.about["model"] / f"{self.about['study']}.json"
        if all(one["status"] == "BAD_INPUT" for one in self.scores):
            return
        self.file = file
        known = _stored_scores(file)
        if not is_whole and isinstance(known, list) and len(known) >= len(self.scores):
            return
        try:
            with locked(file.parent):
                write_text(file, json.dumps(self.record(), indent=2) + "\n")
        except (OSError, UserError) as error:
            logger.warning("tuning: %s could not be written (%s)", file, error)

    def say_progress(self) -> None:
        """Log a line on how far it is; nothing where it was refused, which its job has said."""
        if not self._refused:
            logger.info("%s", self._progress())

    def _progress(self) -> str:
        about, values = self.about, self.best() or {}
        name = " ".join([about["model"], "on", about["task"], *(f"{k}={v}" for k, v in about["varied"].items())])
        scored = [one["score"] for one in self.scores if one["score"] is not None]
        if not scored:
            return f"{name}: trial {len(self.scores)} of {about['trials']}, no score yet"
        best = min(scored, key=lambda score: self._sign * score)
        words = " ".join(f"{key}={word}" for key, word in values.items())
        return f"{name}: trial {len(self.scores)} of {about['trials']}, best {about['metric']} {best:.4g} at {words}"

    def _enqueue_grid(self, trials: int) -> int:
        """Have all points of the grid asked for; their number. UserError where there is no end to them, or more than
        ``trials``."""
        points = {key: one.points() for key, one in self.space.items()}
        for key, found in points.items():
            if found is None:
                text = self.space[key].text()
                raise UserError(f"{key}: expected choice(…) or range(…), since hydra.sweeper.sampler=grid; got {text}")
        size = math.prod(len(found or ()) for found in points.values())
        if size > trials:
            raise UserError(f"hydra.sweeper.trials: expected at least {size}, the points of the grid; got {trials}")
        for values in product(*(found or () for found in points.values())):
            self._study.enqueue_trial(dict(zip(points, values, strict=True)))
        return size


def _stored_scores(file: Path) -> Any:
    """What an earlier record of the study has under "scores"; None where there is none."""
    try:
        return read_object(file).get("scores")
    except (FileNotFoundError, Unreadable):
        return None


def left_in(sweep_dir: Path) -> list[dict[str, Any]]:
    """The records of the studies of a sweep; none of a sweep without."""
    file = sweep_dir / STUDIES
    return list(read_json(file)) if file.exists() else []


def leave_in(sweep_dir: Path, studies: Sequence[Study]) -> None:
    """Leave the studies' records where ``left_in`` finds them."""
    records = [study.record() | {"file": study.file and str(study.file)} for study in studies]
    write_text(sweep_dir / STUDIES, json.dumps(records, indent=2) + "\n")


def split(
    records: Sequence[JobRecord], studies: Sequence[Mapping[str, Any]]
) -> tuple[list[JobRecord], list[JobRecord]]:
    """The trials, and the winners' runs without the tuned keys among what the sweep varied: they are the studies'."""
    if not studies:
        return [], list(records)
    tuned = set(studies[0]["space"])
    trials = [record for record in records if record.overrides.get("test") == "false"]
    winners = [
        replace(record, overrides={key: value for key, value in record.overrides.items() if key not in tuned})
        for record in records
        if record.overrides.get("test") != "false"
    ]
    return trials, winners


def has_winner(study: Mapping[str, Any]) -> bool:
    """Whether the study found values that its winner has run with."""
    return bool(study["signatures"])


def last_words(studies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the studies lie, and which have no winner."""
    lines = []
    for study in studies:
        if not any(one["score"] is not None for one in study["scores"]):
            name = f"{study['model']} on {study['task']}"
            lines.append(f"tuning {name}: no trial has a score, so no winner exists; try another hydra.sweeper.space")
        if study.get("file"):
            lines.append(f"study: {study['file']}")
    return lines


def _sampler(budget: Budget) -> Any:
    from optuna.samplers import RandomSampler, TPESampler

    if budget.sampler == "tpe":
        return TPESampler(seed=budget.sampler_seed, multivariate=False)
    return RandomSampler(seed=budget.sampler_seed)


def _name(trial: RunConfig, space: Space, budget: Budget) -> str:
    """Twelve hex digits of all that decides which trials are asked for, but their number."""
    settings = trial.deciding()
    untuned = {key: value for key, value in settings.items() if not any(_within(key, tuned) for tuned in space)}
    about: list[Any] = [untuned, {key: one.text() for key, one in space.items()}]
    about += [budget.sampler, budget.sampler_seed, budget.batch]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def _within(key: str, tuned: str) -> bool:
    return key == tuned or key.startswith(f"{tuned}.")


def _typed(word: str) -> Any:
    """A word as JSON has it: 16, 0.003, true; else the word."""
    try:
        return json.loads(word)
    except ValueError:
        return word
