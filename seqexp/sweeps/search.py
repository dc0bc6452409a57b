"""The same random search for every model, with successive halving over the length of the training.

All models get the same trials: the settings as they are, then values drawn once for all. Every trial begins with a
short training; the better half of the field is trained again and twice as long, until the last few train in full.
Source: random search, Bergstra and Bengio 2012; halving, Karnin, Koren and Somekh 2013, Jamieson and Talwalkar 2016.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.numerics.rng import Purpose, stream
from seqexp.runs.lock import locked
from seqexp.sweeps.job_record import JobRecord
from seqexp.sweeps.launch import Launch
from seqexp.sweeps.search_space import Space
from seqexp.system.atomic_files import write_text
from seqexp.system.errors import UserError
from seqexp.system.json_files import read_object
from seqexp.system.paths import TUNING
from seqexp.system.regular_files import Unreadable

TUNING_SEEDS = range(1000, 1010)  # rung r trains on the r-th; no confirming run does
SHORTEST = 0.25  # share of a full training: on a plateau a shorter one says nothing of where it leads
FINALISTS = 2  # trials that train in full, at least
SAMPLER = "random, halving"

Values = dict[str, str]  # key -> the word after "key=" on the command line

logger = logging.getLogger("seqexp")


@dataclass(frozen=True)
class Rung:
    """One stage: so many trials train on this seed for this share of a full training, with the words that say so."""

    trials: int
    share: float
    seed: int
    words: tuple[str, ...] = ()


def halving(trials: int) -> list[Rung]:
    """The stages of a search of so many trials: a quarter, a half and all of a training, as far as there are trials.

    8 trials: 8 for a quarter, 4 for a half, 2 in full, which is as much training as 6 full ones.
    """
    stages = min(1 + max(0, int(math.log2(trials / FINALISTS))), 1 + int(math.log2(1 / SHORTEST)))
    return [
        Rung(math.ceil(trials / 2**stage), 2.0 ** (stage - stages + 1), TUNING_SEEDS[stage]) for stage in range(stages)
    ]


def design(space: Space, trials: int, first: Values) -> list[Values]:
    """The trials' values: ``first``, then a Latin hypercube (McKay, Beckman and Conover 1979), so that few values leave
    no part of a range out. It depends on the space and the number alone, never on the model."""
    n = trials - 1
    rng = stream(trials, Purpose.SEARCH)
    shares = {key: (rng.permutation(n) + rng.random(n)) / max(n, 1) for key in space}
    return [first, *({key: one.at(float(shares[key][i])) for key, one in space.items()} for i in range(n))]


class Search:
    """One model's search.

    words:  what all of its runs are made with. space: what is searched. first: the values of the first trial.
    about:  what names it: its task, its model, all settings that decide.
    """

    def __init__(
        self, about: Mapping[str, Any], words: Sequence[str], space: Space, first: Values, rungs: Sequence[Rung]
    ) -> None:
        self.words, self.rungs, self.space = list(words), list(rungs), space
        self._values = design(space, rungs[0].trials, first)
        self._alive = list(range(rungs[0].trials))
        self._scores: list[float | None] = [None] * len(self._values)  # of the last stage that a trial has reached
        self._records: list[list[JobRecord]] = [[] for _ in self._values]
        self._sign = 1
        text = {key: one.text() for key, one in space.items()}
        stages = [[rung.trials, rung.share, rung.seed] for rung in rungs]
        digest = hashlib.sha256(json.dumps([about, text, first, stages], sort_keys=True).encode()).hexdigest()[:12]
        self.about: dict[str, Any] = {
            **{key: about[key] for key in ("task", "model")},
            "study": digest,
            "varied": {},
            "space": text,
            "trials": len(self._values),
            "sampler": SAMPLER,
            "rungs": stages,
            "metric": None,
            "direction": None,
        }
        self.signatures: list[str] = []  # of the runs that its winner went on to

    def jobs(self, stage: int) -> list[list[str]]:
        """The words of the stage's runs."""
        rung = self.rungs[stage]
        same = [*self.words, *rung.words, "test=false"]
        return [[*same, *typed(self._values[trial]), f"seed={rung.seed}"] for trial in self._alive]

    def tell(self, stage: int, records: Sequence[JobRecord]) -> None:
        """What the stage's runs came to, in their order. One without a score (diverged, failed) is among the worst."""
        for trial, record in zip(self._alive, records, strict=True):
            if record.status == "BAD_INPUT":
                raise UserError(record.error or "a trial was refused")
            if record.result is not None:
                self.about |= {"metric": record.result.primary_metric, "direction": record.result.direction}
                self._sign = -1 if record.result.direction == "max" else 1
            self._scores[trial] = record.score
            self._records[trial].append(record)
        ranked = sorted(self._alive, key=self._rank)
        self._alive = ranked[: self.rungs[stage + 1].trials] if stage + 1 < len(self.rungs) else ranked[:1]

    def _rank(self, trial: int) -> tuple[bool, float]:
        score = self._scores[trial]
        return score is None, 0.0 if score is None else self._sign * score

    @property
    def winner(self) -> int | None:
        """The trial that is left; None where it has no score, so that nothing is known to be good."""
        trial = self._alive[0]
        return None if self._scores[trial] is None else trial

    @property
    def best(self) -> Values | None:
        return None if self.winner is None else self._values[self.winner]

    @property
    def score(self) -> float | None:
        return self._scores[self._alive[0]]

    @property
    def seconds(self) -> float:
        """Of training, over all trials and stages, however many of them were made before."""
        return sum(one.result.seconds for runs in self._records for one in runs if one.result is not None)

    @property
    def runs(self) -> int:
        return sum(map(len, self._records))

    def record(self) -> dict[str, Any]:
        """As a study of the tuned sweep leaves it, so that reports read both."""
        scores = [
            {
                "number": trial,
                "values": {key: _typed(word) for key, word in values.items()},
                "score": self._scores[trial],
                "status": runs[-1].status if runs else None,
                "signature": runs[-1].result.signature if runs and runs[-1].result else None,
                "seconds": sum(one.result.seconds for one in runs if one.result is not None),
                "stages": len(runs),
            }
            for trial, (values, runs) in enumerate(zip(self._values, self._records, strict=True))
        ]
        best = {key: _typed(word) for key, word in (self.best or {}).items()}
        return self.about | {"scores": scores, "best": best, "signatures": self.signatures}

    def save(self, root: Path) -> None:
        """Write the record beside those of tuned sweeps. Trouble is a warning: the trials have directories."""
        file = root / TUNING / self.about["task"] / self.about["model"] / f"{self.about['study']}.json"
        with suppress(FileNotFoundError, Unreadable, TypeError):  # another comparison may have gone on from it
            self.signatures = sorted({*self.signatures, *map(str, read_object(file).get("signatures", []))})
        try:
            with locked(file.parent):
                write_text(file, json.dumps(self.record(), indent=2) + "\n")
        except (OSError, UserError) as error:
            logger.warning("tuning: %s could not be written (%s)", file, error)


def run(searches: Sequence[Search], launch: Launch) -> None:
    """All searches side by side, a stage at a time. UserError where a trial is refused."""
    for stage in range(max((len(search.rungs) for search in searches), default=0)):
        each = [(search, search.jobs(stage)) for search in searches]
        records = launch.run([words for _, jobs in each for words in jobs])
        for search, jobs in each:
            mine, records = records[: len(jobs)], records[len(jobs) :]
            search.tell(stage, mine)


def typed(values: Values) -> list[str]:
    """The values as overrides. A key that a model lacks is added, so that the check says what the model has."""
    return [f"++{key}={word}" for key, word in values.items()]


def _typed(word: str) -> Any:
    """A word as JSON has it: 16, 0.003, true; else the word."""
    try:
        return json.loads(word)
    except ValueError:
        return word
