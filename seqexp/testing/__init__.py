"""The laws that every model and every task keeps, as plain functions: a new one's own tests call them.

    @pytest.mark.parametrize("law", testing.MODEL_LAWS, ids=testing.title)
    def test_gru(law):
        law("gru")

``check_model("gru")`` and ``check_task("prices")`` go through all of them. A broken law is an AssertionError.
"""

from seqexp.testing.gradcheck import complex_step, worst_error
from seqexp.testing.laws import title
from seqexp.testing.models import MODEL_LAWS, check_model
from seqexp.testing.tasks import TASK_LAWS, check_task

__all__ = ["MODEL_LAWS", "TASK_LAWS", "check_model", "check_task", "complex_step", "title", "worst_error"]
