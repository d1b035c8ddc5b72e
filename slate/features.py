"""Features: the named values that views are made of, and how they are referred to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.lib.mixins import NDArrayOperatorsMixin

from slate.aggregates import Measure
from slate.errors import DefinitionError, UnknownNameError, nearest
from slate.expressions import Expr
from slate.kinds import Kind
from slate.windows import Window

if TYPE_CHECKING:
    from slate.entities import Entity, Source
    from slate.views import FeatureView, RequestFeatures


class Column(Expr):
    """A column of a source, as used in filters and aggregates.

    Attributes:
        source: the source it belongs to.
        name: its name in the source's table.
        kind: the kind of its values.
        nullable: whether a row may lack it.
        constraints: what its values must satisfy; a row that does not is quarantined.
        description: the comment beside it.
    """

    def __init__(
        self,
        source: "type[Source]",
        name: str,
        kind: Kind,
        nullable: bool,
        constraints: "Constraints",
        description: str,
    ) -> None:
        self.source = source
        self.name = name
        self.kind = kind
        self.nullable = nullable
        self.constraints = constraints
        self.description = description

    def __repr__(self) -> str:
        return f"{self.source.__name__}.{self.name}"


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
    one_of: tuple[Any, ...] | None = None
    null_share: float | None = None


class Feature(Expr):
    """A value with a name, defined once.

    Attributes:
        view: the view that it belongs to.
        column: its name inside the view ("taps_1h").
        kind: the kind of its values.
        default: what it is where it has no value; None for null.
        constraints: what its values must satisfy to be published.
        description: the comment beside it, for the catalogue.
        tags: words to find it by.
    """

    def __init__(
        self,
        view: "type[FeatureView] | type[RequestFeatures]",
        column: str,
        kind: Kind,
        *,
        default: Any = None,
        constraints: Constraints | None = None,
        description: str = "",
        tags: tuple[str, ...] = (),
    ) -> None:
        self.view = view
        self.column = column
        self.kind = kind
        self.default = default
        self.constraints = constraints or Constraints()
        self.description = description
        self.tags = tags
        where = f"{view.__name__}.{column}"
        if default is None and not kind.has_null:
            raise DefinitionError(
                f"{where}: a value of type {kind.value} cannot be null, but a key without a row "
                f"has none: give default=..., or annotate it float"
            )
        if default is not None and not kind.accepts(default):
            raise DefinitionError(f"{where}: the default {default!r} is no {kind.value}")
        one_of = self.constraints.one_of
        if default is not None and one_of is not None and default not in one_of:
            raise DefinitionError(f"{where}: the default {default!r} is not one of {one_of}")

    @property
    def name(self) -> str:
        """The feature's full name ("viewer_activity.taps_1h")."""
        return f"{self.view.name}.{self.column}"

    def __repr__(self) -> str:
        return self.name


class Attribute(Feature):
    """A column of a hand-written model, as of its latest row.

    ``key_of`` names the entity that the value is a key of: a way from one entity to another.
    """

    key_of: "type[Entity] | None" = None


class Aggregated(Feature):
    """One window of an aggregate."""

    measure: Measure
    window: Window | None


class Computed(Feature):
    """An expression over other features and the request."""

    expression: Expr


class Input(Feature):
    """A value that comes with the request itself.

    Inside the class body that it is written in it has no name yet, but can be computed with.
    """

    def __init__(self, default: Any, constraints: Constraints) -> None:
        self._default = default
        self._constraints = constraints

    def bind(
        self, view: "type[RequestFeatures]", column: str, kind: Kind, description: str
    ) -> None:
        """Give it its place and type."""
        super().__init__(
            view,
            column,
            kind,
            default=self._default,
            constraints=self._constraints,
            description=description,
        )

    @property
    def required(self) -> bool:
        """Whether a request must bring it."""
        return self.default is None


def request_input(*, default: Any = None, one_of: Sequence[Any] | None = None) -> Any:
    """A value that comes with the request; in training, the spine's column of that name.

    Args:
        default: its value where a request brings none; without it, a request must.
        one_of: the only values that a request may bring.
    """
    return Input(default, Constraints(one_of=tuple(one_of) if one_of is not None else None))


class Windows(NDArrayOperatorsMixin):
    """The features of one aggregate, one for each of its windows: ``ViewerActivity.taps["1h"]``."""

    def __init__(self, where: str, features: dict[str, Aggregated]) -> None:
        self.where = where
        self.features = features

    def __getitem__(self, window: str) -> Aggregated:
        """The feature over this window.

        Raises:
            UnknownNameError: the aggregate has no such window.
        """
        try:
            return self.features[window]
        except KeyError:
            hint = ", ".join(self.features)
            raise UnknownNameError(
                f"{self.where} has no window {window!r}; its windows are {hint}"
            ) from None

    def __iter__(self) -> Iterator[Aggregated]:
        """The features, in the order in which the windows were written."""
        return iter(self.features.values())

    def __getattr__(self, name: str) -> Any:
        hint = next(iter(self.features))
        raise UnknownNameError(
            f"{self.where} has several windows: pick one first, as in {self.where}[{hint!r}]"
        )

    def __array_ufunc__(self, ufunc: Any, *_: Any, **__: Any) -> Any:
        """A set of windows is no value: say so, not NumPy's own words."""
        hint = next(iter(self.features))
        raise DefinitionError(
            f"{self.where} has several windows: compute with one, as in {self.where}[{hint!r}]"
        )


def unknown(where: str, name: str, known: list[str]) -> UnknownNameError:
    """The error for a reference to a name that a definition lacks."""
    return UnknownNameError(f"{where} has no {name!r}: {nearest(name, known)}")
