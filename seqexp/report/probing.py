"""A look into one run of a model whose own runs were too short for probes: computed for the report, stored nowhere."""

import logging
from typing import Any

from seqexp.runs.probes import MOST_WORK, whose
from seqexp.runs.reader import Run

logger = logging.getLogger("seqexp")


def looked_at(run: Run) -> dict[str, Any] | None:
    """What mechanism.json of the run would say, but for the Jacobian; None where its weights or data are not there, or
    the network is too large to be looked at unasked."""
    from seqexp import mechanism
    from seqexp.mechanism.walk import COLUMNS, STEPS
    from seqexp.runs.trained import with_data
    from seqexp.system import blas
    from seqexp.training import losses

    if run.directory is None or (run.result.params or 0) * STEPS > MOST_WORK:
        return None
    try:
        result, run_config, task, network, p = with_data(run.directory)
        with blas.limited_by(run_config.settings):
            columns = min(COLUMNS, run_config.settings["training"]["batch_size"])
            batch = mechanism.probe_batch(task, network, columns)
            loss = losses.create(task.shape.loss)
            return whose(result) | mechanism.measured(network, p, batch, loss, jacobian=False)
    except Exception as error:  # a stranger's run, or one of a plug-in: the report is not about it
        logger.debug("report: %s cannot be looked at (%s)", run.directory, error)
        return None
