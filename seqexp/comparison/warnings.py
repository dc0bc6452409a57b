"""What a sceptic would object to: each warning is one line that says what is unequal, and by how much."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from seqexp.comparison.contest import Claim, Contest, Entry
from seqexp.comparison.tuning_studies import Study, winner
from seqexp.comparison.wording import percent
from seqexp.runs.reader import Run, differing
from seqexp.statistics import families
from seqexp.system.plurals import counted

UNEQUAL = 0.02  # share of the parameters, unless one hidden unit is more
MANY = 0.5  # share of a model's runs that were still improving from which on that is a warning
UNEQUAL_TIME = 0.1  # share of the training seconds
MACHINE = {"numpy": "NumPy", "blas": "BLAS"}


def warnings(contest: Contest, match: str | None) -> list[str]:
    """All that is unequal between the runs compared, most serious first."""
    found = [
        *_unreachable(contest.claims),
        *_missing_metric(contest.entries),
        *_different_data(contest),
        *_budgets(contest, match),
        *_matched(contest, match),
        *_steps(contest),
        *_too_short(contest),
        *_plateaus(contest),
        *_tuning(contest),
        *_edges(contest),
        *_settings(contest),
        *_code(contest),
        *_machines(contest),
    ]
    return [f"{contest.task}: {text}" for text in dict.fromkeys(found)]


def _unreachable(claims: Iterable[Claim]) -> Iterator[str]:
    few: dict[tuple[int, int], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.typical is not None and not claim.typical.reachable:
            few[min(claim.typical.n, claim.typical.m), claim.family].append(claim)
    for (n, family), alike in few.items():
        terms = alike[0].terms
        never = f"can never reach the {percent(terms.level)} level"
        if terms.sequential:
            yield f"{counted(n, 'pair')}, tested after every pair, {never}{_together(terms.claims)}"
            continue
        enough = next(n for n in range(1, 200) if families.reachable(2.0 ** (1 - n), family, terms.level))
        who = ", ".join(f"{claim.a} and {claim.b}" for claim in alike)
        yield f"{counted(n, 'run')} of {who} {never}{_together(family)}; at least {enough} of each are needed"


def _together(claims: int) -> str:
    return "" if claims == 1 else f", with {claims} claims in one report"


def _missing_metric(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        seeds = [str(lost.seed) for lost in entry.lost if lost.status == "FINISHED"]
        if seeds:
            yield f"finished runs of {entry.model} have no {entry.terms.metric}: seeds {', '.join(seeds)}"


def _different_data(contest: Contest) -> Iterator[str]:
    hashes = _values(contest, "data")
    if len(hashes) > 1:
        yield f"the runs read different data (hashes {_listed(hashes)}): their scores are not comparable"


def _budgets(contest: Contest, match: str | None) -> Iterator[str]:
    for a, b in combinations(contest.entries, 2):
        if a.counted is None or b.counted is None:
            continue
        unit = max(a.a_unit or 0, b.a_unit or 0)
        larger, difference = max(a.counted, b.counted), abs(a.counted - b.counted)
        if difference > max(UNEQUAL * larger, unit):
            why = " (as match=hidden implies)" if match == "hidden" and a.hidden == b.hidden else ""
            yield (
                f"budgets differ by {difference / larger:.0%}{why}: {a.model} has {a.counted:,} parameters, "
                f"{b.model} {b.counted:,}, without the embedding; model.param_budget makes them equal"
            )


def _matched(contest: Contest, match: str | None) -> Iterator[str]:
    for a, b in combinations(contest.entries, 2):
        if match == "hidden" and a.hidden != b.hidden:
            yield f"match=hidden: {a.model} has {a.hidden} hidden units, {b.model} {b.hidden}"
        if match == "seconds":
            limits = [entry.any.settings.get("training.max_seconds") for entry in (a, b)]
            if limits[0] is None or limits[0] != limits[1]:
                yield f"match=seconds: training.max_seconds is {limits[0]} for {a.model}, {limits[1]} for {b.model}"
            longer = max(a.seconds, b.seconds)
            if abs(a.seconds - b.seconds) > UNEQUAL_TIME * longer:
                yield f"match=seconds: {a.model} trained for {a.seconds:.1f} s, {b.model} for {b.seconds:.1f} s"


def _steps(contest: Contest) -> Iterator[str]:
    stops = {run.result.stop for entry in contest.entries for run in entry.runs.values()} - {None, "epochs"}
    epochs = {entry.model: entry.epochs for entry in contest.entries}
    if stops and None not in epochs.values() and len(set(epochs.values())) > 1:
        used = ", ".join(f"{model} {count:.3g}" for model, count in epochs.items())
        ended = ", ".join(sorted(map(str, stops)))
        yield f"epochs used on average: {used} (ended by {ended}); stop=never makes them equal"


def _too_short(contest: Contest) -> Iterator[str]:
    """Models whose runs were still improving as their epochs ended."""
    for entry in contest.entries:
        finished = _finished(entry)
        improving = [run for run in finished if run.result.ended_improving]
        if improving and len(improving) >= MANY * len(finished):
            yield (
                f"{len(improving)} of {len(finished)} {entry.model} runs were best in their last epoch, so that more "
                f"training.epochs (now {entry.any.settings.get('training.epochs')}) may change the verdict"
            )


def _plateaus(contest: Contest) -> Iterator[str]:
    """Models that patience stopped before they were better than an answer without memory."""
    if contest.baseline is None:
        return
    name, floor = contest.baseline
    sign = 1 if contest.terms.direction == "max" else -1
    for entry in contest.entries:
        finished = _finished(entry)
        scores = [run.result.score(contest.terms.metric) for run in finished if run.result.stop == "patience"]
        stuck = [score for score in scores if score is not None and sign * score <= sign * floor]
        if stuck:
            yield (
                f"{len(stuck)} of {len(finished)} {entry.model} runs were stopped by patience on a plateau, no better "
                f"than {name}; a larger training.patience, or stop=never, lets them go on"
            )


def _finished(entry: Entry) -> list[Run]:
    return [run for run in entry.runs.values() if run.result.status == "FINISHED"]


def _edges(contest: Contest) -> Iterator[str]:
    for model, study in _won(contest).items():
        for key, end in (study.edges if study is not None else {}).items():
            best = study.best[key] if study is not None else ""
            yield f"{model} was best at the {end} {key} that was tried ({best}): a wider space may change the verdict"


def _tuning(contest: Contest) -> Iterator[str]:
    for (a, first), (b, second) in combinations(_won(contest).items(), 2):
        if first is None and second is None:
            continue
        if first is None or second is None:
            tuned, untuned = (a, b) if second is None else (b, a)
            yield f"{tuned}'s runs come from a tuning study's winner, {untuned}'s runs do not"
            continue
        for what in ("trials", "sampler", "metric", "space"):
            left, right = getattr(first, what), getattr(second, what)
            if left != right:
                yield f"tuned unequally: {what} {_described(left)} for {a}, {_described(right)} for {b}"
        if len(first.scores) != len(second.scores):
            yield f"tuned unequally: {len(first.scores)} trials were run for {a}, {len(second.scores)} for {b}"


def _settings(contest: Contest) -> Iterator[str]:
    settings = ("training.", "optimizer.", "dtype", "threads", "backend")
    unlike = differing([entry.any for entry in contest.entries], settings)
    studies = _won(contest).values()
    for key, values in unlike.items():
        if not all(study is not None and key in study.space for study in studies):  # else each model has its best
            yield f"{key} differs between the models ({_listed(values)})"


def _code(contest: Contest) -> Iterator[str]:
    commits = _values(contest, "git_sha")
    if len(commits) > 1:
        yield f"the runs come from different code (commits {_listed(commit[:10] for commit in commits)})"
    dirty = sorted({commit[:10] for commit in commits if commit.endswith("+")})
    if dirty:
        yield f"the code of the runs was changed after commit {', '.join(dirty)}, so it is not known exactly"


def _machines(contest: Contest) -> Iterator[str]:
    for key, name in MACHINE.items():
        versions = _values(contest, key)
        if len(versions) > 1:
            yield f"the runs used different versions of {name} ({_listed(versions)})"


def _won(contest: Contest) -> dict[str, Study | None]:
    """model -> the study whose winner its runs are."""
    won = {}
    for entry in contest.entries:
        signatures = frozenset(run.result.signature for run in entry.runs.values())
        study = contest.studies.get(entry.model)
        won[entry.model] = winner([study] if study else [], signatures)
    return won


def _values(contest: Contest, key: str) -> list[str]:
    """What the runs that count say of a field of their results."""
    values = (getattr(run.result, key) for entry in contest.entries for run in entry.runs.values())
    return list(dict.fromkeys(str(value) for value in values if value))


def _listed(values: Iterable[Any]) -> str:
    shown = [str(value)[:40] for value in values]
    return ", ".join(shown[:5]) + (" …" if len(shown) > 5 else "")


def _described(value: Any) -> str:
    return "{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}" if isinstance(value, Mapping) else str(value)
