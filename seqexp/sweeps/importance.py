"""Which settings of a search mattered: the share of the trials' variance that each explains by itself (fANOVA).

Source: Hutter, Hoos and Leyton-Brown 2014, as Optuna computes it from a random forest fitted to the trials.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

FEWEST = 10  # trials with a score: a forest of fewer says little
WIDE = 30  # a factor from which positive values count as logarithmic


def importances(trials: Sequence[tuple[Mapping[str, Any], float | None]]) -> dict[str, float]:
    """key -> its share, the largest first; empty for fewer than ``FEWEST`` trials with a score, or one setting alone.

    trials: values by key, and the score.
    """
    known = [(values, score) for values, score in trials if score is not None and math.isfinite(score)]
    keys = [key for key in (known[0][0] if known else ()) if len({str(values.get(key)) for values, _ in known}) > 1]
    if len(known) < FEWEST or len(keys) < 2 or len({score for _, score in known}) < 2:
        return {}
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spaces = {key: _space([values[key] for values, _ in known]) for key in keys}
    study = optuna.create_study()
    for values, score in known:
        own = {key: values[key] if _is_number(values[key]) else str(values[key]) for key in keys}
        study.add_trial(optuna.trial.create_trial(params=own, distributions=spaces, value=score))
    return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0)))


def _space(values: Sequence[Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if not all(map(_is_number, values)):
        return CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = float(min(values)), float(max(values))
    return FloatDistribution(low, high, log=low > 0 and high > WIDE * low)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
