"""How a class body becomes a definition.

A class body is read when Python makes the class: every annotation becomes a column or a feature,
reachable as an attribute. Wrong definitions fail there, with the place and the nearest right name.
"""

import inspect
import re
from typing import Any, ClassVar

from slate.errors import DefinitionError
from slate.features import Constraints, unknown
from slate.kinds import Kind


class _Body(dict[str, Any]):
    """A class body that refuses to give one name twice: Python would keep the second in silence."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self and not name.startswith("__"):
            raise DefinitionError(f"{self._where} defines {name!r} twice: rename one of them")
        super().__setitem__(name, value)


class DefinitionMeta(type):
    """Makes a class body a definition."""

    @classmethod
    def __prepare__(
        metacls, name: str, bases: tuple[type, ...], /, **kwargs: Any
    ) -> dict[str, object]:
        """The mapping that the class body is read into."""
        return _Body(name)

    def __new__(
        mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any
    ) -> "DefinitionMeta":
        """Make the class from a plain dict."""
        return super().__new__(mcs, name, bases, dict(body), **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = [n for c in cls.__mro__ for n in vars(c).get("_names", ())]
        raise unknown(cls.__name__, name, known)


class Definition(metaclass=DefinitionMeta):
    """What all definitions share."""

    name: ClassVar[str]
    description: ClassVar[str] = ""
    owner: ClassVar[str] = ""
    tags: ClassVar[tuple[str, ...]] = ()
    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.name = snake_case(cls.__name__)
        cls.description = inspect.cleandoc(vars(cls).get("__doc__") or "")
        cls.tags = tuple(cls.tags)


def snake_case(name: str) -> str:
    """A class name as a table is named.

    Examples:
        >>> snake_case("ViewerActivity")
        'viewer_activity'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def annotations(cls: type) -> dict[str, Any]:
    """The annotated names of a class body, in order, and their types.

    Raises:
        DefinitionError: an annotation names something that is not there.
    """
    try:
        found = inspect.get_annotations(cls, eval_str=True)
    except NameError as error:
        raise DefinitionError(f"{cls.__name__}: an annotation cannot be read: {error}") from error
    return {name: value for name, value in found.items() if not name.startswith("_")}


def check_constraints(where: str, kind: Kind, constraints: Constraints) -> None:
    """Refuse bounds that values of this kind can never meet.

    Raises:
        DefinitionError: a bound of another type, or bounds that exclude everything.
    """
    least, greatest = constraints.least, constraints.greatest
    for value in (least, greatest, *(constraints.one_of or ())):
        if value is not None and not kind.accepts(value):
            raise DefinitionError(f"{where} is a {kind.value}; its constraint {value!r} is not")
    if least is not None and greatest is not None and least > greatest:
        raise DefinitionError(f"{where}: its least value {least} is above its greatest {greatest}")
    share = constraints.null_share
    if share is not None and not 0 <= share <= 1:
        raise DefinitionError(f"{where}: null_share={share} is no share; give 0 to 1")
