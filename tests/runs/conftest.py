"""What tests of runs share."""

import pytest

from tests.runs.small import checked


@pytest.fixture(scope="module")
def run_config():
    return checked("seed=3")
