"""How a class body becomes a definition.

A class body is read when Python makes the class: every annotation becomes a column or a feature,
reachable as an attribute. Wrong definitions fail there, with the place and the nearest right name.
"""

import inspect
import re
from typing import Any, ClassVar

from slate.errors import DefinitionError, UnknownNameError, close, unknown
from slate.expressions import Reference
from slate.identifiers import check_owner, longer
from slate.kinds import several


class _Body(dict[str, Any]):
    """A class body that refuses to give one name twice: Python would keep the second in silence.

    Args:
        where: the class's name.
        computes: whether what is only annotated can be computed with, below its line.
    """

    def __init__(self, where: str, computes: bool) -> None:
        super().__init__()
        self._where = where
        self._computes = computes

    def __missing__(self, name: str) -> Any:
        if self._computes and name in self.get("__annotations__", ()):
            return Reference(name)
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self and not name.startswith("__"):
            raise DefinitionError(f"{self._where} defines {name!r} twice: rename one of them")
        super().__setitem__(name, value)


class DefinitionMeta(type):
    """Makes a class body a definition."""

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **kwargs: Any) -> dict[str, object]:
        """The mapping that the class body is read into."""
        return _Body(name, any(getattr(base, "_computes", False) for base in bases))

    def __new__(
        mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any
    ) -> "DefinitionMeta":
        """Make the class from a plain dict."""
        return super().__new__(mcs, name, bases, dict(body), **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known: dict[str, str] = vars(cls).get("_names", {})
        if name in known:
            raise UnknownNameError(f"{cls.__name__} has no {name!r}: write {known[name]}")
        raise unknown(cls.__name__, name, [n for n, written in known.items() if n == written])


class Definition(metaclass=DefinitionMeta):
    """What all definitions share.

    Attributes:
        name: the class's name in snake case.
        description: its docstring, for the catalogue.
        owner: who answers for it.
        tags: words to find it by.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    owner: ClassVar[str] = ""
    tags: ClassVar[tuple[str, ...]] = ()
    # What a class body may set, and of which type.
    _settings: ClassVar[dict[str, type]] = {"owner": str, "tags": object}
    # Whether its body computes with what it annotates.
    _computes: ClassVar[bool] = False
    # The names that it defines, and how each is referred to.
    _names: ClassVar[dict[str, str]]

    def __init_subclass__(cls) -> None:
        cls.name = snake_case(cls.__name__)
        cls.description = inspect.cleandoc(vars(cls).get("__doc__") or "")
        cls.tags = several(f"{cls.__name__}: tags", cls.tags)
        check_owner(f"{cls.__name__}.owner", cls.owner)


def snake_case(name: str) -> str:
    """A class name as a table is named.

    Examples:
        >>> snake_case("ViewerActivity")
        'viewer_activity'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def members(cls: type[Definition]) -> dict[str, Any]:
    """What a class body defines: each name with its annotation, None where it has none.

    To be called before anything else is done to the class.

    Raises:
        DefinitionError: a name that a definition has itself, a setting of a wrong type, or an
            annotation that names something that is not there.
    """
    parents = cls.__mro__[1:]
    base = parents[0].__name__
    own = {name for parent in parents for name in inspect.get_annotations(parent)}
    annotated = _annotations(cls)
    found = {}
    for name in dict.fromkeys((*annotated, *vars(cls))):
        if name.startswith("_"):
            continue
        where = f"{cls.__name__}.{name}"
        instead = longer(snake_case(cls.__name__), name)
        if name in cls._settings and name not in annotated:
            value, wanted = vars(cls)[name], cls._settings[name]
            if not isinstance(value, wanted):
                raise DefinitionError(
                    f"{where} = {value!r} is not of type {wanted.__name__}: it is where every "
                    f"{base} says its {name}; to define something else, rename it, as in "
                    f"{instead!r}"
                )
        elif name in own:
            raise DefinitionError(
                f"{where}: every {base} has a {name!r} of its own; rename it, as in {instead!r}"
            )
        else:
            found[name] = annotated.get(name)
    return found


def setting_meant(cls: type[Definition], name: str, annotation: object) -> str | None:
    """The setting that a name of a class body, which has no annotation, seems to be misspelt of."""
    return close(name, cls._settings) if annotation is None else None


def _annotations(cls: type) -> dict[str, Any]:
    try:
        return inspect.get_annotations(cls, eval_str=True)
    except NameError as error:
        raise DefinitionError(f"{cls.__name__}: an annotation cannot be read: {error}") from error
