"""Every registered task keeps the same laws (``seqexp.testing``); a new one is tested by existing."""

from functools import cache

import pytest
from omegaconf import OmegaConf

from seqexp import config, models, tasks, testing
from seqexp.data import sources
from seqexp.testing.tasks import a_network_learns_from_it

LAWS = [pytest.param(law, (), id=testing.title(law)) for law in testing.TASK_LAWS if law != a_network_learns_from_it]
LAWS += [
    pytest.param(a_network_learns_from_it, (f"model={name}",), id=f"{name} learns")
    for name in models.names("sequences")
]
SMALLER = {
    "listops": ["task.examples=160", "task.depth=3"],
    "logic": ["task.examples=160", "task.depth=3"],
    "treebank": ["task.examples=160"],
    "translate": ["task.examples=400"],
    "polyphony": ["task.examples=200"],
    "sentiment": ["task.examples=160"],
    "forecast": ["task.steps=500", "task.window=8", "task.horizon=3"],
    "video": ["task.examples=96"],
}


@cache
def reads_a_file(name):
    return OmegaConf.load(config.conf_files("task")[name]).task.get("source") in sources.FILES


@pytest.mark.parametrize("law, words", LAWS)
@pytest.mark.parametrize("name", tasks.names())  # below: a task's laws follow each other, and its data are read once
def test_law(name, law, words, request):
    config.register_resolvers()
    if reads_a_file(name):
        words = (*words, f"data_dir={request.getfixturevalue('data_dir')}")
    law(name, *words, *SMALLER.get(name, ()))
