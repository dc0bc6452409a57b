"""All parameters of a network in one flat vector, with a named view for each.

Optimizers, clipping, checkpoints and gradient checks see only the vector; models see only the names.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from seqexp.numerics import memory

Index = tuple[slice | int, ...]


class Layout:
    """Where each parameter lies in the flat vector. Built once by a model, shared by its Params.

    A block is contiguous memory of one shape, and may be cut into named views: the LSTM keeps its four gates in one
    block so that a step is one product, and still has a ``W_f``.
    """

    def __init__(self) -> None:
        self.size = 0
        self._blocks: dict[str, tuple[int, tuple[int, ...]]] = {}  # name -> (offset, shape)
        self._views: dict[str, tuple[str, Index]] = {}  # name -> (block, index into it)
        self._parts: dict[str, tuple[int, Layout]] = {}  # name -> (offset, layout)
        self._spelled: dict[str, tuple[str, str]] = {}  # name of a parameter -> (part, its name there)
        self._tables: list[str] = []

    def add(self, name: str, shape: tuple[int, ...], **views: Index) -> None:
        """Append a block; with ``views``, the views are the parameters' names and ``name`` is only the block's."""
        self._blocks[name] = (self.size, shape)
        for view, index in (views or {name: (slice(None),)}).items():
            self._views[view] = (name, index)
        self.size += int(np.prod(shape))

    def table(self, name: str, shape: tuple[int, int]) -> None:
        """Append a block whose gradient comes row by row: a batch touches few of its rows (``Params.add_rows``)."""
        self.add(name, shape)
        self._tables.append(name)

    def tables(self) -> Iterator[tuple[str, int, tuple[int, ...]]]:
        """(name, offset, shape) of each table, its parts' under ``name/…``."""
        for name in self._tables:
            yield (name, *self._blocks[name])
        for part, (offset, layout) in self._parts.items():
            yield from ((f"{part}/{name}", offset + start, shape) for name, start, shape in layout.tables())

    def part(self, name: str, layout: "Layout", spelled: str = "") -> None:
        """Append another layout; its parameters are called ``name/…`` here, or as ``spelled`` has it: "forward.{}"."""
        self._parts[name] = (self.size, layout)
        self._spelled |= {(spelled or f"{name}/{{}}").format(inner): (name, inner) for inner in layout.names()}
        self.size += layout.size

    @property
    def tallest(self) -> int:
        """The rows of the tallest matrix: the outputs of the largest product a step has."""
        own = [shape[0] for _, shape in self._blocks.values()]
        return max([*own, *(layout.tallest for _, layout in self._parts.values())])

    def names(self) -> Iterator[str]:
        """The parameters' names, each number of the flat vector under exactly one of them."""
        yield from self._views
        yield from self._spelled

    def view(self, flat: np.ndarray, name: str) -> np.ndarray:
        """The parameter or block ``name`` as a writable view of ``flat``. KeyError lists the names there are."""
        part, inner = self._spelled.get(name, ("", ""))
        if not part and "/" in name:  # a part's block
            part, _, inner = name.partition("/")
        if part in self._parts:
            offset, layout = self._parts[part]
            return layout.view(flat[offset : offset + layout.size], inner)
        block, index = self._views.get(name, (name, ()))
        if block not in self._blocks:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self.names())}")
        offset, shape = self._blocks[block]
        return flat[offset : offset + int(np.prod(shape))].reshape(shape)[index]

    def inner(self, flat: np.ndarray, name: str) -> tuple["Layout", np.ndarray]:
        """The layout of the part ``name`` and its share of ``flat``."""
        offset, layout = self._parts[name]
        return layout, flat[offset : offset + layout.size]


class Params(Mapping[str, np.ndarray]):
    """Named parameters over one flat vector.

    ``p.flat`` is the vector (P,); ``p["W_f"]`` a writable view into it; ``p.part("core")`` the Params of a part.
    """

    __slots__ = ("_cache", "flat", "layout")

    __eq__, __hash__ = object.__eq__, object.__hash__  # itself alone: a Mapping would compare arrays

    def __init__(self, layout: Layout, flat: np.ndarray) -> None:
        if flat.shape != (layout.size,):
            raise ValueError(f"Params: flat must be ({layout.size},), got {flat.shape}")
        self.layout = layout
        self.flat = flat
        self._cache: dict[str, np.ndarray | Params] = {}  # views: a training step asks for the same names again

    @classmethod
    def zeros(cls, layout: Layout, dtype: Any) -> Self:
        """All parameters zero, in memory of their own."""
        return cls(layout, memory.zeros((layout.size,), dtype))

    def __getitem__(self, name: str) -> np.ndarray:
        view = self._cache.get(name)
        if view is None:
            view = self._cache[name] = self.layout.view(self.flat, name)
        return view  # type: ignore[return-value]

    def __setitem__(self, name: str, value: np.ndarray) -> None:
        # ``p["W"] += dW`` ends here with the view itself, for which this is a self-assignment.
        if value is not self[name]:
            self[name][...] = value

    def __iter__(self) -> Iterator[str]:
        return self.layout.names()

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()  # not a block's

    def part(self, name: str) -> "Params":
        """The Params of one part of a network, on the same memory."""
        key = name + "/"
        part = self._cache.get(key)
        if part is None:
            part = self._cache[key] = type(self)(*self.layout.inner(self.flat, name))
        return part  # type: ignore[return-value]

    def add_rows(self, name: str, rows: np.ndarray, values: np.ndarray) -> None:
        """Add values (P, D) to the rows (P,) of a table (V, D). No row may occur twice: NumPy would add to it once."""
        self[name][rows] += values

    def names(self) -> list[str]:
        return list(self.layout.names())

    def like(self, flat: np.ndarray | None = None) -> "Params":
        """Params with the same names on ``flat``, or on zeros of the same dtype."""
        return Params.zeros(self.layout, self.flat.dtype) if flat is None else Params(self.layout, flat)


class Span(NamedTuple):
    """A stretch of a flat vector. With ``rows``: a table of that width, in which only these rows may be nonzero."""

    start: int
    stop: int
    width: int = 1
    rows: np.ndarray | None = None


class Gradient(Params):
    """A gradient that knows which rows of its tables may be nonzero, so that nobody has to visit the other rows.

    ``flat`` is the whole gradient nevertheless.
    """

    __slots__ = ("_rows", "_tables")

    def __init__(self, layout: Layout, flat: np.ndarray) -> None:
        super().__init__(layout, flat)
        self._rows: dict[str, np.ndarray] = {}  # name -> the rows that may be nonzero, if there are any
        # Each table as (the part it belongs to, its name there, its offset here, its shape).
        self._tables = [(*self._owner(name), start, shape) for name, start, shape in layout.tables()]

    def add_rows(self, name: str, rows: np.ndarray, values: np.ndarray) -> None:
        before = self._rows.get(name)
        if before is None:  # the first rows since ``clear``: there is nothing to add to
            self[name][rows], self._rows[name] = values, rows
            return
        super().add_rows(name, rows, values)
        self._rows[name] = np.union1d(before, rows)

    def spans(self) -> list[Span]:
        """The vector from beginning to end: stretches that may be nonzero, and tables. [] if there is no table."""
        if not self._tables:
            return []
        spans, end = [], 0
        for owner, name, start, shape in self._tables:
            if start > end:
                spans.append(Span(end, start))
            end = start + shape[0] * shape[1]
            # An untouched table has no rows, rather than None, which would make it a stretch to be walked through.
            spans.append(Span(start, end, shape[1], owner._rows.get(name, np.empty(0, np.intp))))
        return [*spans, Span(end, self.layout.size)]

    def clear(self) -> None:
        """Set the gradient to zero."""
        if not self._tables:
            self.flat[:] = 0
        # Of a large vocabulary a batch touches some hundred words; zeroing all rows would cost more than the batch.
        for start, stop, width, rows in self.spans():
            if rows is None:
                self.flat[start:stop] = 0
            else:
                self.flat[start:stop].reshape(-1, width)[rows] = 0
        for owner, name, _, _ in self._tables:
            owner._rows.pop(name, None)

    def _owner(self, name: str) -> tuple["Gradient", str]:
        """The part that a table belongs to, and the table's name there."""
        part, _, inner = name.partition("/")
        return self.part(part)._owner(inner) if inner else (self, name)  # type: ignore[attr-defined]
