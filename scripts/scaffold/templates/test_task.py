"""new_task keeps the laws of tasks."""

from collections.abc import Callable

import pytest

from seqexp import testing
from seqexp.tasks import create


@pytest.mark.parametrize("law", testing.TASK_LAWS, ids=testing.title)
def test_law(law: Callable[..., None]) -> None:
    law("new_task", "task.examples=100")


def test_the_answer_is_whether_the_first_number_is_high() -> None:
    task = create("new_task", length=3, steps_per_epoch=1, examples=4, split_seed=0)
    batch = task.batch(0, "train", 0, 8)
    assert (batch.target == (batch.x[0, 0] > 0.5)).all()
