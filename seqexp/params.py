"""All parameters of a network in one flat vector, with a named view for each.

Optimizers, clipping, checkpoints and gradient checks see only the vector; models see only the names.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from seqexp import aligned

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

    def add(self, name: str, shape: tuple[int, ...], **views: Index) -> None:
        """Append a block; with ``views``, the views are the parameters' names and ``name`` is only the block's."""
        self._blocks[name] = (self.size, shape)
        for view, index in (views or {name: (slice(None),)}).items():
            self._views[view] = (name, index)
        self.size += int(np.prod(shape))

    def part(self, name: str, layout: "Layout") -> None:
        """Append another layout; its parameters are called ``name/…`` here."""
        self._parts[name] = (self.size, layout)
        self.size += layout.size

    def names(self) -> Iterator[str]:
        """The parameters' names, each number of the flat vector under exactly one of them."""
        yield from self._views
        for name, (_, layout) in self._parts.items():
            yield from (f"{name}/{inner}" for inner in layout.names())

    def view(self, flat: np.ndarray, name: str) -> np.ndarray:
        """The parameter or block ``name`` as a writable view of ``flat``. KeyError lists the names there are."""
        part, _, inner = name.partition("/")
        if inner and part in self._parts:
            offset, layout = self._parts[part]
            return layout.view(flat[offset : offset + layout.size], inner)
        block, index = self._views.get(name, (name, ()))
        if block not in self._blocks:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self.names())}")
        offset, shape = self._blocks[block]
        return flat[offset : offset + int(np.prod(shape))].reshape(shape)[index]

    def inner(self, flat: np.ndarray, name: str) -> "Params":
        """The Params of the part ``name``, sharing ``flat``'s memory."""
        offset, layout = self._parts[name]
        return Params(layout, flat[offset : offset + layout.size])


class Params:
    """Named parameters over one flat vector.

    ``p.flat`` is the vector (P,); ``p["W_f"]`` a writable view into it; ``p.part("core")`` the Params of a part.
    """

    __slots__ = ("_cache", "flat", "layout")

    def __init__(self, layout: Layout, flat: np.ndarray) -> None:
        if flat.shape != (layout.size,):
            raise ValueError(f"Params: flat must be ({layout.size},), got {flat.shape}")
        self.layout = layout
        self.flat = flat
        self._cache: dict[str, np.ndarray | Params] = {}

    @classmethod
    def zeros(cls, layout: Layout, dtype: Any) -> "Params":
        """All parameters zero, in memory of their own."""
        return cls(layout, aligned.zeros((layout.size,), dtype))

    def __getitem__(self, name: str) -> np.ndarray:
        view = self._cache.get(name)
        if view is None:
            view = self._cache[name] = self.layout.view(self.flat, name)
        return view  # type: ignore[return-value]

    def __setitem__(self, name: str, value: np.ndarray) -> None:
        # ``p["W"] += dW`` ends here with the view itself, for which this is a self-assignment.
        if value is not self[name]:
            self[name][...] = value

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def part(self, name: str) -> "Params":
        """The Params of one part of a network, on the same memory."""
        key = name + "/"
        part = self._cache.get(key)
        if part is None:
            part = self._cache[key] = self.layout.inner(self.flat, name)
        return part  # type: ignore[return-value]

    def names(self) -> list[str]:
        return list(self.layout.names())

    def like(self, flat: np.ndarray | None = None) -> "Params":
        """Params with the same names on ``flat``, or on zeros of the same dtype."""
        return Params.zeros(self.layout, self.flat.dtype) if flat is None else Params(self.layout, flat)

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, self[name]) for name in self.names())
