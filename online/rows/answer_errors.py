"""What kept values of an answer from being read: a text, which knows what it is about."""

from collections.abc import Iterable
from typing import Self


class AnswerError(str):
    """One of an answer's errors, in words.

    One that names no views and no features is about the answer as a whole, as where the store
    cannot be reached. What another process answered has the words alone.

    Attributes:
        views: the names of the views of which rows could not be read.
        features: the names of the features that are null, or have their blank, for another reason
            than their views: as their expression fails, or as they are not to be shown.
    """

    views: tuple[str, ...]
    features: tuple[str, ...]

    def __new__(
        cls, text: str, views: Iterable[str] = (), features: Iterable[str] = ()
    ) -> "AnswerError":
        """Make one."""
        made = super().__new__(cls, text)
        made.views, made.features = tuple(views), tuple(features)
        return made

    @classmethod
    def of_views(cls, views: Iterable[str], reason: str) -> Self:
        """One of some views, whose names the text begins with."""
        names = tuple(dict.fromkeys(views))
        return cls(f"{', '.join(names)}: {reason}", names)

    @property
    def reason(self) -> str:
        """The text without the names of the views that it begins with."""
        return self.removeprefix(f"{', '.join(self.views)}: ")


def gathered(errors: Iterable[AnswerError]) -> list[AnswerError]:
    """What is said of several views, each thing once: ``a, b: nothing is published``."""
    views: dict[str, list[str]] = {}
    for error in errors:
        views.setdefault(error.reason, []).extend(error.views)
    return [AnswerError.of_views(names, reason) for reason, names in views.items()]
