"""What ``match`` holds equal: words that every model's runs are made with. They never depend on the models' order."""

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import DictConfig, open_dict

from seqexp import config
from seqexp.comparison.arguments import Arguments
from seqexp.config import schema
from seqexp.config.build import build_network, count, counted_with
from seqexp.system.errors import UserError
from seqexp.tasks import Task

UNLIMITED = 1_000_000  # epochs, where the clock ends the training
REFERENCES = ("rnn", "recursive")  # whose parameters are the budget of a task, and of one that reads trees alone
FACTORS = {"small": 0.25, "medium": 1.0, "large": 4.0}


@dataclass(frozen=True)
class Matched:
    """What is equal. budget: of parameters, where they are; words: for all runs; lines: what is told of it."""

    budget: int | None
    words: tuple[str, ...]
    lines: tuple[str, ...] = ()

    def with_budget(self, budget: int) -> "Matched":
        """The same at another number of parameters."""
        return Matched(budget, _budget_words(budget))


def words_of(words: Arguments, model: str) -> list[str]:
    """What a model's runs are made with, but for what is searched, what is matched and the seed."""
    legal = schema.group_fields("model", {"name": model})
    own = [word for word in words.passed if not word.startswith("model.") or word[6:].partition("=")[0] in legal]
    experiment = [f"experiment={words.experiment}"] if words.experiment else []
    task = [] if experiment else [f"task={words.tasks[0]}"]
    return [*experiment, f"model={model}", *task, *own]


def matched(words: Arguments, configs: Sequence[DictConfig], task: Task) -> Matched:
    """UserError where it cannot be. configs: of the models, in the order of the words."""
    given = {"model.hidden_size", "model.param_budget"} & words.filters.keys()
    match = words.match or ("params" if not given else None)
    if words.asked.budget is not None:
        budget = words.asked.budget
        told = f"match=params: model.param_budget={budget}, as budget= says, the embedding not counted"
        return Matched(budget, _budget_words(budget), (told,))
    if match == "hidden":
        sizes = [each.model.hidden_size for each in configs]
        if sizes[0] is None or len(set(sizes)) > 1:
            raise UserError(f"match=hidden: expected equal hidden sizes; got {sizes}; add model.hidden_size=<units>")
        return Matched(None, (), (f"match=hidden: all models have {sizes[0]} hidden units",))
    if match == "seconds":
        seconds = configs[0].training.max_seconds
        told = f"match=seconds: all models train for {seconds:g} s, in any number of epochs"
        return Matched(None, (f"training.epochs={UNLIMITED}",), (told,))
    if "model.param_budget" in given:
        return Matched(int(words.filters["model.param_budget"]), ())
    if match == "params" or words.asked.budgets:
        return _of_the_task(words, task)
    return Matched(None, ())


def sizes(configs: Sequence[DictConfig], budget: int, task: Task) -> list[str]:
    """What each model gets out of a budget, a line each. UserError where one has too many parameters at one unit."""
    lines = []
    for each in configs:
        with open_dict(each):
            each.model.hidden_size, each.model.param_budget = None, budget
        model = config.check(each).settings["model"]
        units = build_network(model, task.shape).core.hidden_size
        counted, more = (counted_with(model, task.shape, hidden) for hidden in (units, units + 1))
        lines.append(f"{model['name']} gets {units} units: {counted:,} parameters (one more: {more:,})")
    return lines


def _of_the_task(words: Arguments, task: Task) -> Matched:
    """The parameters that the reference has at its size on this task: whichever models are compared, in any order."""
    for name in REFERENCES:
        cfg = config.composed(words_of(words, name))
        model = config.check(cfg).settings["model"]
        try:
            budget = count(build_network(model, task.shape))["counted"]
        except UserError:
            if name == REFERENCES[-1]:
                raise
            continue
        told = (
            f"match=params: model.param_budget={budget}, what {name} has with {model['hidden_size']} units, "
            "the embedding not counted"
        )
        return Matched(budget, _budget_words(budget), (told,))
    raise AssertionError


def _budget_words(budget: int) -> tuple[str, ...]:
    return "model.hidden_size=null", f"++model.param_budget={budget}"
