"""The checked config of a run that takes no time."""

from seqexp import config
from seqexp.config.compose import composed
from seqexp.config.run_config import RunConfig


def checked(*words: str) -> RunConfig:
    config.register_resolvers()
    return config.check(composed(["task=hello", "model=rnn", "model.hidden_size=4", "tracking=off", *words]))
