"""Every registered task keeps the same laws (``seqexp.testing``); a new one is tested by existing."""

import pytest

from seqexp import config, tasks, testing
from seqexp.data import sources


@pytest.mark.parametrize("law", testing.TASK_LAWS, ids=testing.title)
@pytest.mark.parametrize("name", tasks.names())  # below: a task's laws follow each other, and its data are read once
def test_law(name, law, request):
    config.register_resolvers()
    settings = config.composed([f"task={name}"]).task
    needs_data = settings.get("source") in sources.FILES
    law(name, *([f"data_dir={request.getfixturevalue('data_dir')}"] if needs_data else []))
