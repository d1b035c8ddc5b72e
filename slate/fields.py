"""What can stand behind an annotated name in a definition."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from slate.base import Definition, setting_meant
from slate.constraints import Constraints
from slate.errors import DefinitionError
from slate.expressions import Expr
from slate.windows import duration


@dataclass(frozen=True, repr=False, eq=False)
class Field(Expr):
    """What is said of an annotated name; in a source's body it can be computed with.

    Attributes:
        role: the part that it plays: the function below that says so; empty if only annotated.
        entity: of a key, the entity that it leads to.
        default: its value where there is none.
        constraints: what its values must satisfy.
        tags: words to find it by.
        horizon: of a unique id, for how long a repeat is recognised (microseconds).
    """

    role: str = ""
    entity: type[Definition] | None = None
    default: Any = None
    constraints: Constraints = field(default_factory=Constraints)
    tags: Sequence[str] = ()
    horizon: int = 0

    def __repr__(self) -> str:
        return f"{self.role}(...)"


def unique_id(*, horizon: str = "7d") -> Any:
    """The id that makes an event unique.

    Args:
        horizon: for how long after its arrival a second event of that id is taken as a repeat.
    """
    return Field("unique_id", horizon=duration(horizon, "unique_id(horizon=...)"))


def event_time() -> Any:
    """When the event happened (UTC)."""
    return Field("event_time")


def arrival_time() -> Any:
    """When the platform could know of the event (UTC)."""
    return Field("arrival_time")


def feature(
    *,
    default: Any = None,
    min: Any = None,
    max: Any = None,
    one_of: Sequence[Any] | None = None,
    null_share: float | None = None,
    tags: Sequence[str] = (),
) -> Any:
    """An attribute, with what is to be known of it.

    Args:
        default: its value where there is no row, or the row has none.
        min: the least value that may be published.
        max: the greatest value that may be published.
        one_of: the only values that may be published.
        null_share: the greatest share of nulls with which the view may be published.
        tags: words to find it by.
    """
    constraints = Constraints(min, max, one_of, null_share)
    return Field("feature", default=default, constraints=constraints, tags=tags)


def column(
    *,
    min: Any = None,
    max: Any = None,
    one_of: Sequence[Any] | None = None,
    tags: Sequence[str] = (),
) -> Any:
    """A source's column of which more is to be known; a row outside the bounds is quarantined.

    Args:
        min: the least value that a row may have.
        max: the greatest value that a row may have.
        one_of: the only values that a row may have.
        tags: words to find it by; ``pii`` keeps its values from being shown.
    """
    return Field("column", constraints=Constraints(min, max, one_of), tags=tags)


def field_of(cls: type[Definition], name: str, annotation: object, *roles: str) -> Field:
    """What is said of a name that has to be annotated.

    Args:
        cls: the class.
        name: the name.
        annotation: its annotation, None where it has none.
        roles: what may stand behind it.

    Raises:
        DefinitionError: it is not annotated, or something else stands behind it.
    """
    field = vars(cls).get(name, Field())
    if annotation is None or not isinstance(field, Field) or field.role not in ("", *roles):
        option = setting_meant(cls, name, annotation)
        raise DefinitionError(
            f"{cls.__name__}.{name} = {field!r}: write `{name}: <its type>`, alone or followed by "
            f"{' or '.join(f'= {role}(...)' for role in roles)}"
            + (f". There is an option {option!r}: write that, if it is meant" if option else "")
        )
    return field
