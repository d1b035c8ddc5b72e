"""Where a scenario's choices come from: Hypothesis, or a seeded generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

T = TypeVar("T")


class Chooser(Protocol):
    """Where choices come from."""

    def pick(self, options: Sequence[T]) -> T:
        """One of some options; the first is the simplest."""

    def whole(self, least: int, greatest: int) -> int:
        """A whole number, bounds included."""


@dataclass(frozen=True)
class Drawn:
    """Choices of Hypothesis."""

    draw: st.DrawFn

    def pick(self, options: Sequence[T]) -> T:
        return options[self.whole(0, len(options) - 1)]

    def whole(self, least: int, greatest: int) -> int:
        return self.draw(st.integers(least, greatest))


@dataclass(frozen=True)
class Seeded:
    """Choices of a seeded generator."""

    random: np.random.Generator

    def pick(self, options: Sequence[T]) -> T:
        return options[self.whole(0, len(options) - 1)]

    def whole(self, least: int, greatest: int) -> int:
        return int(self.random.integers(least, greatest + 1))
