"""What confirms a claim: all models trained seed after seed, until a test has a verdict on each pair of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from seqexp.comparison.wording import number
from seqexp.statistics.reliability import ENDED
from seqexp.statistics.sequential import Sequential
from seqexp.sweeps.job_record import JobRecord
from seqexp.system.errors import UserError
from seqexp.system.plurals import counted

Pair = tuple[str, str]


@dataclass
class PairedRuns:
    """The runs of some models on the same seeds, as their records come: those of a seed in the models' order.

    test:   makes a pair's test. metric: by which it judges. signatures: of the runs. failed: whether one did.
    """

    models: Sequence[str]
    pairs: Sequence[Pair]
    metric: str
    first_seed: int
    test: Callable[[], Sequential]
    signatures: set[str] = field(default_factory=set)
    failed: bool = False
    seconds: float = 0.0  # of training
    runs: int = 0
    tests: dict[Pair, Sequential] = field(default_factory=dict)
    _row: list[JobRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tests = {pair: self.test() for pair in self.pairs}

    def take(self, record: JobRecord) -> bool:
        """Whether every pair has its verdict. Prints a line a seed. UserError where the run was refused."""
        if record.status == "BAD_INPUT":
            raise UserError(record.error or "a run was refused")
        if record.result is not None:
            self.signatures.add(record.result.signature)
            self.seconds += record.result.seconds
        self.failed |= record.status != "FINISHED"
        self.runs += 1
        self._row.append(record)
        if len(self._row) < len(self.models):
            return False
        row, self._row = dict(zip(self.models, self._row, strict=True)), []
        seed = self.first_seed + self.runs // len(self.models) - 1
        told = [f"{model} {self._told(record)}" for model, record in row.items()]
        print(
            f"seed {seed}: {', '.join(told)}; {'; '.join(self._judged(row, pair) for pair in self.pairs)}", flush=True
        )
        return all(test.verdict != "not resolved" for test in self.tests.values())

    def _told(self, record: JobRecord) -> str:
        score = record.result.score(self.metric) if record.result else None
        return record.status.lower() if score is None else number(score)

    def _judged(self, row: dict[str, JobRecord], pair: Pair) -> str:
        """What a pair's test says now. A run that failed or diverged has no score, and loses."""
        test, records = self.tests[pair], [row[model] for model in pair]
        if not test.done and all(record.status in ENDED for record in records):
            test.update(*(record.result.score(self.metric) if record.result else None for record in records))
        better = {"better": f"{pair[0]} is better", "worse": f"{pair[1]} is better"}
        who = "" if len(self.pairs) == 1 else f"{pair[0]} and {pair[1]} "
        return f"{who}{better.get(test.verdict, test.verdict)} after {counted(test.n, 'pair')}"
