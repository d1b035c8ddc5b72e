"""What the store says of the generations of one view, whatever its definitions."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from slate.errors import StoreError
from slate.online.store.generations import Generation, GenerationNames, named_as_of, read_pointer


@dataclass(frozen=True)
class Pointers:
    """What the store says of a view's generations.

    Attributes:
        live: the live generation of each of its definitions, former ones too, by field.
        bad: the fields of pointers that cannot be read.
        publishing: the generation that the latest publish writes; None if it has ended.
        pinned: since when pointers are pinned, by field, as text.
    """

    live: dict[str, Generation]
    bad: list[str]
    publishing: str | None
    pinned: dict[str, str]

    @classmethod
    def of(cls, names: GenerationNames, found: Mapping[bytes, bytes]) -> Self:
        """Those of a view among all fields of the hash."""
        live, bad = {}, []
        for field, pointer in found.items():
            if field.startswith(f"{names.view}:".encode()):
                try:
                    live[field.decode()] = read_pointer(names.view, pointer)
                except StoreError:
                    bad.append(field.decode())
        publishing = found.get(names.publishing.encode())
        pins = {field: found.get(pin_field(field).encode()) for field in live}
        return cls(
            live,
            bad,
            publishing.decode() if publishing else None,
            {field: pin.decode(errors="replace") for field, pin in pins.items() if pin},
        )

    def changed(self, field: str, live: Generation, without: Set[str]) -> "Pointers":
        """These, once another generation is live by a field, and other fields are gone."""
        kept = {other: one for other, one in self.live.items() if other not in without}
        return Pointers({**kept, field: live}, [], None, self.pinned)

    @property
    def as_of(self) -> datetime | None:
        """The latest instant up to which any of these knows events; None if none can be read."""
        known = [live.as_of for live in self.live.values()]
        if self.publishing is not None:
            known.append(named_as_of(self.publishing))
        return max(known, default=None)

    @property
    def readable(self) -> set[str]:
        """The generations that are live, or kept: those that have a marker."""
        return {one.name for live in self.live.values() for one in (live, *live.kept)}


def views_of(fields: Iterable[bytes]) -> set[str]:
    """The names of all views that fields of the hash say something of."""
    named = [field.decode() for field in fields]
    about = [field.split("/", 1) for field in named if "/" in field]
    pointed = {field.split(":")[0] for field in named if "/" not in field}
    return pointed | {view for what, view in about if what in ("publishing", "removed")}


def pin_field(field: str) -> str:
    """The field of the hash that says since when a definition's live generation is to stay so.

    Args:
        field: the field of its pointer.
    """
    return f"pinned/{field}"


def held_field(field: str) -> str:
    """The field of the hash that says since when a definition's runs were held back.

    Args:
        field: the field of its pointer.
    """
    return f"held/{field}"
