"""What inputs and answers mean in words, so that a trained network can be used without its data.

A codec makes a batch of what a person types, and words of what the network answers. It is a frozen dataclass of plain
values, such as a vocabulary, which is stored as JSON beside the weights. Reading one runs no code but this package's.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from seqexp.data import files
from seqexp.data.batch import Batch
from seqexp.data.shape import Shape
from seqexp.data.text import Vocabulary
from seqexp.system.errors import UserError

MODULES = (
    "arrays",
    "classes",
    "clips",
    "forecasts",
    "language",
    "music",
    "numbers",
    "pictures",
    "series",
    "strings",
    "tags",
    "translation",
    "trees",
)
Row = dict[str, Any]  # of predictions.csv: column -> a text or a number
FEW = 3  # numbers of a step that are spelled out


@dataclass(frozen=True)
class Answer:
    """What a network says to one input.

    text:          in words: a class, tags, a translation, what follows a prompt.
    probabilities: of what could have been said, the likeliest first; empty where there are none to tell.
    unknown:       what of the input the network has no input for, and read as ``<unk>``.
    notes:         (T, 88) bool, where the answer is music; key 0 is MIDI 21.
    rows:          the answer as a table of its own, where it has several parts; empty elsewhere.
    """

    text: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    notes: np.ndarray | None = None
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """How free answers are made; None leaves it to the run's own setting.

    temperature: 0 takes the likeliest. top_k: draw among the k likeliest only. seed: of the drawing.
    length: how many tokens, notes or frames at most. beam_width: of translations.
    """

    temperature: float | None = None
    top_k: int | None = None
    seed: int = 0
    length: int | None = None
    beam_width: int | None = None


class Generator(Protocol):
    """A trained network as something that continues prompts: ``networks.Chain.generate`` with its weights."""

    def __call__(
        self,
        prompt: np.ndarray | Batch,
        steps: int,
        feed: Literal["zeros", "previous"] = "previous",
        temperature: float = 0.0,
        seed: int = 0,
        *,
        end: int | None = None,
        beam_width: int = 1,
        top_k: int | None = None,
    ) -> np.ndarray:
        """Tokens (steps, B) that follow the prompt (T, B), or the x of a batch."""
        ...


class Answering(Protocol):
    """A trained network as a codec sees it."""

    @property
    def generate(self) -> Generator: ...

    def answers(self, batch: Batch, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The raw answers y (Y, N) of a batch that begins in ``state`` (S, B), and the state after it."""
        ...


class Codec(ABC):
    """One kind of inputs and answers. A subclass is a frozen dataclass of what JSON can hold."""

    kind: ClassVar[str]
    alone: ClassVar[bool] = False  # whether texts are answered one by one: prompts have no padding
    whole_tables: ClassVar[bool] = False  # whether a table is no column of texts, but a text of its own
    input_field: ClassVar[str] = ""  # the field with what input tokens mean
    output_field: ClassVar[str] = ""  # the field with what the rows of an answer stand for

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """The sizes of a network that fits."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Batch:
        """The texts as a batch, a column each, in their order; its targets mean nothing. UserError where one cannot be
        read."""

    @abstractmethod
    def decode(self, batch: Batch, y: np.ndarray) -> list[Answer]:
        """The raw answers y (Y, N) to a batch in words, an answer for each column."""

    def answer(self, network: Answering, texts: Sequence[str], options: Options) -> list[Answer]:
        """What the network says to each text. UserError where one cannot be read."""
        batch = self.encode(texts)
        return self.decode(batch, network.answers(batch)[0])

    def texts_of(self, path: Path) -> list[str]:
        """The texts of a file that has no column of them: a line each. UserError where it cannot be read."""
        return [line for _, line in files.lines(path) if line.strip()]

    @property
    def input_words(self) -> Sequence[str]:
        """What input tokens mean, by id; empty where inputs are numbers."""
        return getattr(self, self.input_field) if self.input_field else ()

    @property
    def output_words(self) -> Sequence[str]:
        """What the rows of an answer stand for; empty where they are numbers."""
        return getattr(self, self.output_field) if self.output_field else ()

    def steps(self, text: str, batch: Batch) -> list[str]:
        """What each step of the batch of one text reads, as it was typed."""
        return spelled_steps(self.input_words, batch.x[..., 0])

    def record(self, batch: Batch, y: np.ndarray) -> list[Row]:
        """The rows of predictions.csv for a scored batch: input, truth and answer."""
        raise NotImplementedError

    def as_json(self) -> dict[str, Any]:
        return dict(asdict(self))  # type: ignore[call-overload]


class Tokenized(Codec):
    """A codec of texts whose field ``tokens`` has those known, by id, the first of which is ``<unk>``."""

    input_field = "tokens"

    def __post_init__(self) -> None:
        Vocabulary(tuple(self.input_words))  # ValueError where it is none

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(tuple(self.input_words))


C = TypeVar("C", bound=Codec)
_kinds: dict[str, type[Codec]] = {}


def register(kind: str) -> Callable[[type[C]], type[C]]:
    """Class decorator: a codec is stored under this name."""

    def decorate(cls: type[C]) -> type[C]:
        cls.kind = kind
        _kinds[kind] = cls
        return cls

    return decorate


def parse(kind: object, content: Mapping[str, Any]) -> Codec:
    """A stored codec, checked. ValueError says what is wrong with it. A kind that a plug-in registers is known once the
    plug-in is loaded."""
    for module in MODULES:
        import_module(f"{__name__}.{module}")
    if not isinstance(kind, str) or kind not in _kinds:
        raise ValueError(f"is of the kind {kind!r:.60}; known are {', '.join(sorted(_kinds))}")
    try:
        return _adapter(_kinds[kind]).validate_json(json.dumps(content))
    except ValidationError as error:
        keys = dict.fromkeys(str((one["loc"] or ("value",))[0]) for one in error.errors(include_url=False))
        raise ValueError(f"lacks a usable {', '.join(keys)}") from None


@cache
def _adapter(cls: type[Codec]) -> TypeAdapter[Codec]:
    return TypeAdapter(cls)


def spelled_steps(words: Sequence[str], x: np.ndarray) -> list[str]:
    """What steps read: tokens (T,) as words, nothing where there is no input; or numbers (T, X)."""
    if x.ndim == 1:
        return ["" if id < 0 else words[id] if id < len(words) else str(id) for id in x.tolist()]
    few = [" ".join(f"{value:.3g}" for value in step[:FEW].tolist()) for step in x]
    return [one + (" …" if x.shape[1] > FEW else "") for one in few]


STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")  # every codec's __pydantic_config__


def distribution(labels: Sequence[str], y: np.ndarray) -> list[dict[str, float]]:
    """The softmax of each column of y (Y, N) by label, the likeliest first."""
    z = y.astype(np.float64) - y.max(axis=0)
    p = np.exp(z) / np.exp(z).sum(axis=0)
    order = np.argsort(-p, axis=0, kind="stable")
    return [{labels[row]: float(p[row, n]) for row in order[:, n]} for n in range(p.shape[1])]


def unread(what: str, text: str, expected: str) -> UserError:
    """The error of an input that the codec cannot read."""
    return UserError(f"{what}: expected {expected}; got {text!r:.80}")
