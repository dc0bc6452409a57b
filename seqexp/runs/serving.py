"""A run's network as a model of MLflow's: what of its directory answering takes, and how such a directory answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqexp import __version__
from seqexp.codecs import Codec, Options
from seqexp.config.run_config import RunConfig
from seqexp.runs import model
from seqexp.runs.result import RunResult
from seqexp.runs.trained import usable
from seqexp.system import blas
from seqexp.system.errors import UserError
from seqexp.system.paths import BEST, CHECKPOINTS, CODEC, CONFIG, MODEL, RESULT
from seqexp.tracking.outputs import Answers, ServedModel, legal_name

NEEDED = (CONFIG, RESULT, f"{MODEL}/{CODEC}", f"{CHECKPOINTS}/{BEST}")
SAID = ("the movie was really clever", "the movie is good", "h")  # texts, where their words are known
TYPED = ("0.3 0.5* 0.2 0.9*", "[[60, 64, 67], [62]]", "0 1", "0")  # inputs of codecs that know no words


def wanted(run_config: RunConfig, result: RunResult, directory: Path) -> ServedModel | None:
    """The model that the run's config asks for; None where it asks for none, or the task has no codec."""
    settings = run_config.settings["tracking"]
    asked, name = settings.get("log_model", "auto"), settings.get("register")
    if name is None and (asked is False or (asked == "auto" and result.parent_run_id is not None)):
        return None
    if result.status != "FINISHED" or result.is_trial:
        return None
    files = {each: directory / each for each in NEEDED}
    if any(file.is_symlink() or not file.is_file() for file in files.values()):
        return None
    return ServedModel(
        name=legal_name(f"{result.model}-{result.task}"),
        files=files,
        loader="seqexp.runs.serving:answers_of",
        requirements=[f"seqexp=={__version__}"],
        example=example(directory, result),
        register=name,
        params={"model": result.model, "task": result.task, "seed": result.seed, "signature": result.signature},
    )


def answers_of(directory: Path) -> Answers:
    """What a run's directory, or a copy of those files of it, answers to texts; ``Options`` by name."""
    run = usable(directory)

    def answers(texts: Sequence[str], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        with blas.limited_by(run.run_config.settings):
            found = run.predict(list(texts), Options(**options))
        return [{"answer": one.text, "probabilities": dict(one.probabilities)} for one in found]

    return answers


def example(directory: Path, result: RunResult) -> str | None:
    """A text that the run can answer, of words that it knows; None where it has no codec. UserError where that is
    damaged."""
    codec = model.read(directory, result)
    return None if codec is None else _readable(codec)


def _readable(codec: Codec) -> str | None:
    known = [value for value in codec.as_json().values() if isinstance(value, list | tuple) and len(value) > 1]
    words = [[word for word in value if isinstance(word, str) and word.isalnum()] for value in known]
    natural = [text for text in SAID if any(set(text.split()) <= set(each) for each in words)]
    several = natural + [gap.join(each[:4]) for each in words for gap in (" ", "")]
    for text in [*several, *(each[0] for each in words if each), *TYPED]:
        try:
            if text:
                codec.encode([text])
                return text
        except (UserError, ValueError):
            continue
    return None
