"""Gates: how far what is about to go live may be from the view's last good run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from slate.errors import DefinitionError


def _check(where: str, value: Any, most: float, what: str, *, optional: bool = False) -> None:
    if value is None and optional:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= most:
        raise DefinitionError(f"{where} = {value!r}: write {what}")


@dataclass(frozen=True)
class Allowed:
    """How far one feature may move before its view is held back.

    Attributes:
        nulls: by how much its share of nulls, or of rows that have its default, may grow, from 0 to
            1; None for the view's ``max_null_shift``, 1 for any.
        psi: the greatest population stability index of its values or categories; None for any. Of
            0.25 and more, which the literature calls a significant shift, a warning tells.
        ks: the greatest Kolmogorov-Smirnov distance of its numbers, from 0 to 1; None for any.

    Raises:
        DefinitionError: one of them cannot be what it is.
    """

    nulls: float | None = None
    psi: float | None = 0.5
    ks: float | None = 0.4

    def __post_init__(self) -> None:
        share, number = (
            "a share of the rows, from 0 to 1 (any), or None",
            "a number from 0, or None",
        )
        _check("Allowed.nulls", self.nulls, 1, share, optional=True)
        _check("Allowed.psi", self.psi, math.inf, f"{number} for any", optional=True)
        distance = "a distance from 0 to 1, or None for any"
        _check("Allowed.ks", self.ks, 1, distance, optional=True)


@dataclass(frozen=True)
class Gate:
    """How far a view may move from its last good run before it is held back.

    A feature over a window is compared once all of the window is known, as its values grow until
    then; and one over less than a day, or without an end, only where ``features`` names it, as it
    changes from one hour to the next, or grows with time.

    Attributes:
        fewer_rows: the share of the rows that may be gone, from 0 to 1 (any).
        more_rows: how many times as many rows there may be; None for any number.
        least_rows: values are compared where both runs have so many of them: of fewer, chance
            alone makes other distributions.
        usual: how far a feature may move that is not named.
        features: how far others may, by column.

    Examples:
        >>> gate = Gate(features={"orders_7d": Allowed(psi=1.0, ks=None)})
        >>> gate.of("orders_7d").psi, gate.of("spend_7d").psi
        (1.0, 0.5)

    Raises:
        DefinitionError: one of them cannot be what it is.
    """

    fewer_rows: float = 0.5
    more_rows: float | None = None
    least_rows: int = 500
    usual: Allowed = Allowed()
    features: Mapping[str, Allowed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check("Gate.fewer_rows", self.fewer_rows, 1, "a share of the rows, from 0 to 1 (any)")
        times = "a number (2 for twice as many), or None for any"
        _check("Gate.more_rows", self.more_rows, math.inf, times, optional=True)
        _check("Gate.least_rows", self.least_rows, math.inf, "a number of rows")
        for name, allowed in {"usual": self.usual, **self.features}.items():
            if not isinstance(allowed, Allowed):
                raise DefinitionError(
                    f"Gate: what {name} is allowed is {allowed!r}: write Allowed(psi=..., ks=...)"
                )

    @classmethod
    def open(cls) -> Self:
        """A gate that compares nulls alone, of which ``max_null_shift`` says how many more."""
        return cls(fewer_rows=1, usual=Allowed(psi=None, ks=None))

    def of(self, column: str) -> Allowed:
        """How far a feature may move."""
        return self.features.get(column, self.usual)
