"""What every test may ask for."""

import gc
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

# Before anything imports them: no window, no message home.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):  # where the tests' runs go is the tests' to say
    os.environ.pop(name, None)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def logger_as_it_was():
    """A command that a test runs in this process lets the logger write to a stream that ends with the test."""
    logger = logging.getLogger("seqexp")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    root = logging.getLogger()
    of_root, its_level = root.handlers[:], root.level
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)
    # Hydra's launchers set up the root logger; pytest's own handlers there come and go.
    root.handlers[:] = [each for each in root.handlers if type(each) is not logging.StreamHandler or each in of_root]
    root.setLevel(its_level)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout: conf/, seqexp/, tests/, pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def task_settings(project_root) -> Callable[[str], dict[str, Any]]:
    """What a task's yaml gives its constructor, by the task's name."""

    def settings(name: str) -> dict[str, Any]:
        own = dict(OmegaConf.load(project_root / f"conf/task/{name}.yaml").task)
        del own["margin"]  # seqexp.compare's
        return own

    return settings


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of the real data sets, <name>/<file> in it.

    Without SEQEXP_DATA_DIR the test is skipped, or fails where SEQEXP_REQUIRE_DATA is set (as it is in CI). A
    SEQEXP_DATA_DIR that is no folder is a mistake, never a reason to skip.
    """
    named = os.environ.get("SEQEXP_DATA_DIR")
    if not named:
        message = "SEQEXP_DATA_DIR is not set: it names the folder that holds the data sets"
        if os.environ.get("SEQEXP_REQUIRE_DATA"):
            pytest.fail(f"{message}, and SEQEXP_REQUIRE_DATA asks for them")
        pytest.skip(message)
    if not Path(named).is_dir():
        pytest.fail(f"SEQEXP_DATA_DIR={named} is no folder")
    return Path(named)


@pytest.fixture(scope="session")
def made_database(tmp_path_factory) -> Path:
    """A new database of MLflow's, to be copied: making one takes longer than a test's runs."""
    from seqexp.tracking.mlflow_store import TrackingSettings, connect

    file = tmp_path_factory.mktemp("made") / "mlflow.db"
    connect(TrackingSettings(name="mlflow", uri=f"sqlite:///{file}", experiment_name="seqexp"))
    return file


@pytest.fixture
def database(made_database, tmp_path) -> Path:
    """tmp_path/runs/mlflow.db, as a first run has made it."""
    from seqexp.tracking.sqlite_file import keep_files_beside

    file = tmp_path / "runs" / "mlflow.db"
    file.parent.mkdir()
    shutil.copyfile(made_database, file)
    keep_files_beside(file, "seqexp")
    return file


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The folder of the runs of the current folder, a new one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def compare(capsys):
    """Calls python -m seqexp.compare with words, in this process: (exit code, what it printed in one line, stderr)."""
    from seqexp.compare import exit_code

    def call(*words):
        code = exit_code([*words, "tracking=off"])
        said = capsys.readouterr()
        return code, " ".join(re.sub(r"[│╭╮╰╯─]", " ", said.out).split()), said.err

    return call


@pytest.fixture
def forked_joblib(monkeypatch):
    """joblib forks its processes from the tests' own forked one, as it does from one of its own for a command."""
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.backend import context

    from tests.forked import processes

    processes()
    monkeypatch.setattr(context, "_DEFAULT_START_METHOD", "forkserver")
    get_reusable_executor(max_workers=2, kill_workers=True).shutdown(wait=True)  # of a test before
    yield
    get_reusable_executor(max_workers=2).shutdown(wait=True)


@pytest.fixture
def unencoded(monkeypatch):
    """Figures are drawn and not encoded, which is most of a short run's time; tests of plots look at them."""
    from seqexp.plots import figure

    monkeypatch.setattr(figure, "_as", lambda suffix, drawn: b"<svg></svg>")


@pytest.fixture
def without_figures(monkeypatch, unencoded):
    """A comparison draws nothing of scores."""
    from seqexp.report import figures, tuning

    for name in ("claims", "points", "learning", "cost", "tuning"):
        monkeypatch.setattr(figures, name, lambda contest, path: False)
    monkeypatch.setattr(tuning, "marginals", lambda contest, path: False)


def pytest_collection_finish() -> None:
    """What was imported and collected is no garbage, and to look for some in it takes a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The worst disagreement with the complex step of each model, where its gradient tests ran."""
    worst: dict[str, float] = {}
    for report in terminalreporter.stats.get("passed", []):
        properties = dict(report.user_properties)
        if "gradient_error" in properties:
            name = properties["model"]
            worst[name] = max(worst.get(name, 0.0), properties["gradient_error"])
    if worst:
        errors = ", ".join(f"{name} {error:.1e}" for name, error in sorted(worst.items()))
        terminalreporter.write_line(f"worst gradient error, relative to the largest derivative: {errors}")
