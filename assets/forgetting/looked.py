"""What was looked at, and what was found there of subjects."""

from collections.abc import Iterable
from dataclasses import dataclass, field

_SHOWN = 5


@dataclass
class Looked:
    """One of the places where Slate keeps something.

    Attributes:
        place: the place, in words.
        what: what is counted there: rows, lines, files, values.
        number: how many of these were looked at.
        found: how many of them are of a subject.
        where: some of those, if they have names.
        unread: why some could not be looked at.
    """

    place: str
    what: str
    number: int = 0
    found: int = 0
    where: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def add(self, number: int, found: int, where: str = "") -> None:
        """Count more."""
        self.number += number
        self.found += found
        if found and where and len(self.where) < _SHOWN:
            self.where.append(where)


def places(looked: Iterable[Looked]) -> list[Looked]:
    """What was looked at of each place, together, in the order in which they came."""
    found: dict[tuple[str, str], Looked] = {}
    for one in looked:
        its = found.setdefault((one.place, one.what), Looked(one.place, one.what))
        its.number += one.number
        its.found += one.found
        its.where = (its.where + one.where)[:_SHOWN]
        its.unread += one.unread
    return list(found.values())
