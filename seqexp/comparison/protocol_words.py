"""The words of ``run=true``: how the models are tuned, which seeds confirm, at which budgets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from seqexp.sweeps.search_space import Choice, Range
from seqexp.sweeps.search_words import read
from seqexp.system.errors import UserError

Size = Literal["small", "medium", "large"]

WORDS = ("tuned", "plan", "trials", "budget", "budgets", "first_seed", "splits", "robustness", "claims")
SEARCHED = ("model", "optimizer", "training")  # groups of which a key may be searched: the task is the question
LARGEST_SEED = 2**31


@dataclass
class Asked:
    """What was asked of the runs to be made.

    tuned:      whether each model is tuned before it is compared. trials: of each model's search.
    space:      what is searched, where it is not the task's own. study: the names are Arguments.studies.
    plan:       whether the plan is all that is wanted.
    budget:     of parameters. budgets: sizes at which the comparison is repeated, relative to the budget.
    first_seed: of those that confirm; None: drawn from the registration. splits: whether each seed divides the data
                anew.
    robustness: whether the verdict is also asked for at other settings.
    claims:     that are made together, where other reports make some of them, such as a catalogue's; None: this one's.
    """

    tuned: bool = True
    plan: bool = False
    trials: int = 8
    space: dict[str, Range | Choice] = field(default_factory=dict)
    budget: int | None = None
    budgets: list[Size] = field(default_factory=list)
    first_seed: int | None = None
    splits: bool = False
    robustness: bool = False
    claims: int | None = None


def take(asked: Asked, key: str, text: str) -> None:
    """UserError names the word at fault."""
    match key:
        case "tuned" | "plan" | "splits" | "robustness":
            if text not in ("true", "false"):
                raise UserError(f"{key}: expected true or false; got {text!r}")
            setattr(asked, key, text == "true")
        case "trials":
            asked.trials = _whole(key, text, "a whole number from 1 to 1000", lambda value: 1 <= value <= 1000)
        case "budget":
            expected = "a whole number of parameters, such as 5000"
            asked.budget = _whole(key, text, expected, lambda value: value >= 1)
        case "claims":
            asked.claims = _whole(key, text, "a whole number of claims, such as 66", lambda value: value >= 1)
        case "first_seed":
            expected = f"a whole number from 0 to {LARGEST_SEED}"
            asked.first_seed = _whole(key, text, expected, lambda value: 0 <= value <= LARGEST_SEED)
        case "budgets":
            named = list(dict.fromkeys(text.split(",")))
            wrong = [name for name in named if name not in get_args(Size)]
            if wrong or len(named) < 2:
                got = f"{wrong[0]!r}" if wrong else f"{text!r} alone"
                raise UserError(f"budgets: expected two or three of {', '.join(get_args(Size))}; got {got}")
            asked.budgets = named  # type: ignore[assignment]


def search(asked: Asked, key: str, text: str) -> bool:
    """Whether ``key=text`` is a space to search, which is then kept. UserError where it may not be one."""
    found = read(key, text)
    if found is None:
        return False
    if key.partition(".")[0] not in SEARCHED or "." not in key:
        raise UserError(
            f"{key}: expected one value; got {text!r}; what a search may choose are keys of {', '.join(SEARCHED)}"
        )
    asked.space[key] = found
    return True


def check(asked: Asked, match: str | None, keys: set[str], studies: list[str]) -> None:
    """Rules that involve several words. keys: the settings that were given. UserError names the word at fault."""
    if asked.budget is not None and (match not in (None, "params") or "model.param_budget" in keys):
        other = "model.param_budget" if "model.param_budget" in keys else f"match={match}"
        raise UserError(f"budget: expected no {other} beside it, since it is the parameters of every model")
    if asked.budgets and match not in (None, "params"):
        raise UserError(f"budgets: expected match=params, since budgets are of parameters; got match={match}")
    if not asked.tuned and asked.space:
        raise UserError(f"{next(iter(asked.space))}: expected one value beside tuned=false, which searches nothing")
    if studies and not asked.tuned:
        raise UserError("study: expected no tuned=false beside it, since a study is a tuning")


def _whole(key: str, text: str, expected: str, is_legal: Callable[[int], bool]) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not is_legal(value):
        raise UserError(f"{key}: expected {expected}; got {text!r}")
    return value
