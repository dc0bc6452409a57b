"""What a run in MLflow has besides numbers and files: its data set, and its network as a model that MLflow can serve.

The model is made from a few lines of code (models-from-code), so nothing is pickled; its weights and codec are files.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqexp.system.paths import ARTIFACTS
from seqexp.tracking import sqlite_file
from seqexp.tracking.mlflow_store import import_mlflow, shorten
from seqexp.tracking.tracker import LONGEST_TAG, MlflowTracker, Tracker
from seqexp.tracking.views import NOTE

LONGEST_DIGEST = 36  # MLflow's limit
DECIDING = ("mlflow", "numpy", "pandas", "safetensors", "scipy")  # packages whose versions a served answer depends on
ASKED = {"temperature": "double", "top_k": "long", "seed": "long", "length": "long", "beam_width": "long"}
CODE = """\
from mlflow.models import set_model

from {module} import {function}
from seqexp.tracking.outputs import python_model

set_model(python_model({function}))
"""
Answers = Callable[[Sequence[str], Mapping[str, Any]], list[dict[str, Any]]]


@dataclass(frozen=True)
class DataSet:
    """What a run read. hash: of the data, or "generated"; source: the settings that say where they come from."""

    name: str
    hash: str
    source: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return self.hash[:LONGEST_DIGEST]


@dataclass(frozen=True)
class ServedModel:
    """A network to be logged. files: those of its run directory that answering takes, by their path in it, outside.
    loader: "module:function" that makes such a directory answer. example: a text it can answer. register: a name."""

    name: str
    files: Mapping[str, Path]
    loader: str
    requirements: Sequence[str]
    example: str | None = None
    register: str | None = None
    params: Mapping[str, Any] | None = None
    note: str = ""
    data_set: DataSet | None = None


def log_data_set(tracker: Tracker, data_set: DataSet) -> None:
    """Say which data the run reads; a resumed run says it again, which changes nothing."""
    if isinstance(tracker, MlflowTracker):
        tracker.attempt("log the data set", lambda: _log_data_set(tracker, data_set))


def log_model(tracker: Tracker, model: ServedModel, scores: Mapping[str, float | None], time: float) -> str | None:
    """Log a network as a model of the run, with the scores that the run logged at ``time``, and register it where it
    has a name. Gives the model's id; None where tracking is off, or MLflow could not take it."""
    if not isinstance(tracker, MlflowTracker):
        return None
    found: list[str] = []
    tracker.attempt("log the model", lambda: found.append(_log_model(tracker, model, scores, time)))
    return found[-1] if found else None


def _log_data_set(tracker: MlflowTracker, data_set: DataSet) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps(dict(data_set.source), default=str)
    dataset = Dataset(name=data_set.name[:500], digest=data_set.digest, source_type="seqexp", source=source[:60_000])
    tags = [InputTag("mlflow.data.context", "training")]
    tracker.client.log_inputs(tracker.run_id, [DatasetInput(dataset, tags)])


def _log_model(tracker: MlflowTracker, model: ServedModel, scores: Mapping[str, float | None], time: float) -> str:
    from mlflow.entities import Metric

    client, run_id = tracker.client, str(tracker.run_id)
    _refuse_elsewhere(client)
    run = client.get_run(run_id)
    sent = [str(one.model_id) for one in getattr(run.outputs, "model_outputs", None) or ()]
    model_id = sent[-1] if sent else _new_model(client, model, run)
    data = () if model.data_set is None else (model.data_set.name, model.data_set.digest)
    at = round(time * 1000)  # the very points of the run: others would make two of each
    known = [Metric(name, value, at, 0, model_id, *data) for name, value in scores.items() if value is not None]
    client.log_batch(run_id, metrics=known)
    if model.register is not None:
        _register(client, model.register, model_id, run_id)
    return model_id


def _new_model(client: Any, model: ServedModel, run: Any) -> str:
    from mlflow.entities import LoggedModelOutput

    logged = client.create_logged_model(
        run.info.experiment_id,
        name=model.name,
        source_run_id=run.info.run_id,
        params={key: str(value)[:250] for key, value in (model.params or {}).items()},
        tags={NOTE: shorten(model.note, LONGEST_TAG)},
        model_type="pyfunc",
    )
    try:
        with TemporaryDirectory() as folder:
            saved = Path(folder, "model")
            save(model, saved, run.info.run_id, logged.model_id)
            client.log_model_artifacts(logged.model_id, str(saved))
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(run.info.run_id, models=[LoggedModelOutput(logged.model_id, 0)])
    except BaseException:
        client.delete_logged_model(logged.model_id)
        raise
    return str(logged.model_id)


def _refuse_elsewhere(client: Any) -> None:
    """Where files of models lead out of the database's folder, which may be a stranger's: nothing is written there."""
    named = sqlite_file.named_by(client.tracking_uri)
    for folder in (ARTIFACTS, f"{ARTIFACTS}/models") if named else ():
        if named is not None and (named[1].parent / folder).is_symlink():
            raise OSError(f"{named[1].parent / folder} is a link")


def _register(client: Any, name: str, model_id: str, run_id: str) -> None:
    """As a new version of the name, unless it is one."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # Without a server, models:/<id> would be looked up where MLflow's global settings point.
    server = client.tracking_uri.startswith("http")
    source = f"models:/{model_id}" if server else client.get_logged_model(model_id).artifact_location
    if not any(version.source == source for version in client.search_model_versions(f"name = '{name}'")):
        client.create_model_version(name, source=source, run_id=run_id, model_id=model_id)


def save(model: ServedModel, path: Path, run_id: str, model_id: str) -> None:
    """Write the model as MLflow reads it: code, files, signature, an input example and pinned requirements."""
    import_mlflow()
    from mlflow import pyfunc
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, DataType, Map, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        Schema([ColSpec(DataType.string, "text")]),
        Schema([ColSpec(DataType.string, "answer"), ColSpec(Map(DataType.double), "probabilities")]),
        ParamSchema([ParamSpec(name, DataType[kind], None) for name, kind in ASKED.items()]),
    )
    module, _, function = model.loader.partition(":")
    with TemporaryDirectory() as folder:
        code = Path(folder, "answers.py")
        code.write_text(CODE.format(module=module, function=function), encoding="utf-8")
        run = Path(folder, "run")
        for name, file in model.files.items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(file.read_bytes())
        example = {} if model.example is None else {"input_example": _table([model.example])}
        with _unadvised(), _unchecked():
            pyfunc.save_model(
                str(path),
                python_model=str(code),
                artifacts={"run": str(run)},
                signature=signature,
                pip_requirements=[*model.requirements, *pinned()],
                mlflow_model=Model(run_id=run_id, model_id=model_id),
                **example,
            )


@contextmanager
def _unadvised() -> Iterator[None]:
    """Without MLflow's warnings. It advises type hints, from which it would infer another signature, and sets filters
    of its own to be heard: so warnings are caught too."""
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _unchecked() -> Iterator[None]:
    """Without MLflow's check that the pinned versions are those here, from where they were read: for it MLflow reads
    which files all packages have, a third of a short run's time."""
    from mlflow.utils import environment

    check = environment.warn_dependency_requirement_mismatches
    environment.warn_dependency_requirement_mismatches = lambda requirements: None
    try:
        yield
    finally:
        environment.warn_dependency_requirement_mismatches = check


def pinned() -> list[str]:
    """The packages on which an answer depends, with the versions here."""
    found = []
    for name in DECIDING:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _table(texts: Sequence[str]) -> Any:
    import pandas as pd

    return pd.DataFrame({"text": list(texts)})


def python_model(load: Callable[[Path], Answers]) -> Any:
    """The object that MLflow asks: a table with a column ``text`` in, a table of answers out."""
    import pandas as pd
    from mlflow.pyfunc import PythonModel

    with _unadvised():

        class Answering(PythonModel):  # type: ignore[misc]
            def load_context(self, context: Any) -> None:
                self._answers = load(Path(context.artifacts["run"]))

            def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
                texts = [str(text) for text in model_input["text"]]
                asked = {key: value for key, value in (params or {}).items() if value is not None}
                return pd.DataFrame(self._answers(texts, asked))

    return Answering()


def legal_name(name: str) -> str:
    """A name for a model, in which MLflow takes no / : . % " '."""
    return re.sub(r"""[/:.%"']""", "_", name)
