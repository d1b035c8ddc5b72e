"""What values must satisfy: those of a feature to be published, of a column to be taken in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slate.errors import DefinitionError
from slate.kinds import Kind, several


@dataclass(frozen=True)
class Constraints:
    """What values must satisfy to be published (of a feature) or taken in (of a source's column).

    Attributes:
        least: the least value allowed.
        greatest: the greatest value allowed.
        one_of: the only values allowed.
        null_share: the greatest share of rows that may be null, between 0 and 1.
    """

    least: Any = None
    greatest: Any = None
    one_of: Sequence[Any] | None = None
    null_share: float | None = None

    def of(self, kind: Kind, where: str) -> "Constraints":
        """The same constraints, in constants of a kind.

        Raises:
            DefinitionError: a bound of another kind, or bounds that exclude everything.
        """
        what = f"{where}: its constraint"
        least, greatest = (
            None if bound is None else kind.constant(bound, what)
            for bound in (self.least, self.greatest)
        )
        if least is not None and greatest is not None and least > greatest:
            raise DefinitionError(
                f"{where}: its least value {self.least} is above its greatest {self.greatest}"
            )
        one_of = self.one_of
        if one_of is not None:
            one_of = tuple(kind.constant(v, what) for v in several(f"{where}: one_of", one_of))
            if not one_of:
                raise DefinitionError(f"{where}: one_of=[] allows no value: list some")
        share = self.null_share
        if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
            raise DefinitionError(f"{where}: null_share={share} is not a share; give 0 to 1")
        return Constraints(least, greatest, one_of, share)

    def against(self, value: Any) -> str:
        """What speaks against a value; empty if nothing does."""
        if self.least is not None and value < self.least:
            return f"below its least value {self.least!r}"
        if self.greatest is not None and value > self.greatest:
            return f"above its greatest value {self.greatest!r}"
        if self.one_of is not None and value not in self.one_of:
            return f"not one of {', '.join(map(repr, self.one_of))}"
        return ""
