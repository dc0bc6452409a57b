"""How cells are put together: layers on top of each other, two directions, a learned state to start from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le

from seqexp.models.bidirectional import Bidirectional
from seqexp.models.core import Core, output_size
from seqexp.models.deep import Deep
from seqexp.models.learned_state import LearnedState
from seqexp.system.errors import UserError
from seqexp.system.registry import ADDED


@dataclass(kw_only=True, frozen=True)
class Arrangement:
    """What every model's config has beside its cell's own settings.

    num_layers:    cells on top of each other (``Deep``).
    bidirectional: each layer is two cells that read from both ends (``Bidirectional``); the next one reads both.
    skip:          each layer from the third on reads the sum of what the layers between the first and it have said.
    initial_state: where a cell starts that is given no state: zeros, or parameters (``LearnedState``).
    """

    num_layers: Annotated[int, Ge(1), Le(1000), ADDED] = 1
    bidirectional: Annotated[bool, ADDED] = False
    skip: Annotated[bool, ADDED] = False
    initial_state: Annotated[Literal["zeros", "learned"], ADDED] = "zeros"

    def of(self, cell: Callable[[int], Core], input_size: int) -> Core:
        """The core of cells made by ``cell(inputs)``; of one plain cell itself. UserError where it cannot be."""
        if self.skip and self.num_layers < 3:
            raise UserError(
                "model.skip: expected false with fewer than 3 layers of cells, between which nothing can be skipped; "
                f"got true; add model.num_layers=3 (here {self.num_layers})"
            )
        bottom = self._layer(cell, input_size)
        if self.num_layers == 1:
            return bottom
        above = [self._layer(cell, output_size(bottom)) for _ in range(self.num_layers - 1)]
        return Deep([bottom, *above], self.skip)

    def _layer(self, cell: Callable[[int], Core], inputs: int) -> Core:
        directions = [cell(inputs) for _ in range(1 + self.bidirectional)]
        if self.initial_state == "learned":
            directions = [LearnedState(one) for one in directions]
        return Bidirectional(*directions) if self.bidirectional else directions[0]
