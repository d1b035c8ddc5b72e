"""Features: the named values that views are made of, and how they are referred to."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from slate.aggregates import Measure
from slate.base import Definition
from slate.constraints import Constraints
from slate.entities import Entity
from slate.errors import DefinitionError, UnknownNameError
from slate.expressions import Array, Call, Expr
from slate.identifiers import check_name
from slate.kinds import Kind, several
from slate.value_types import ValueType
from slate.windows import Window


def is_null(column: Any) -> Any:
    """Whether an event lacks a column, in a filter: ``where=~is_null(Event.price)`` is "has it".

    Raises:
        DefinitionError: it is not a column.
    """
    if not isinstance(column, Expr) or isinstance(column, Call | Feature):
        raise DefinitionError(
            f"is_null({column!r}): ask it of a source's column, in the filter of an aggregate, as "
            "in count(where=~is_null(Event.price), over='1h')"
        )
    return Call(is_null, (column,), {})


class Feature(Expr):
    """A value with a name, defined once.

    Attributes:
        view: the view that it belongs to.
        column: its name inside the view ("taps_1h").
        kind: the kind of its values.
        default: what it is where it has no value, what a list is padded with; None for null.
        constraints: what its values must satisfy to be published.
        description: the comment beside it, for the catalogue.
        tags: words to find it by.
        always: whether it has a value even where there is no row, and so needs no default.
    """

    always: ClassVar[bool] = False

    def __init__(
        self,
        view: type[Definition],
        column: str,
        kind: Kind,
        *,
        default: Any = None,
        constraints: Constraints | None = None,
        description: str = "",
        tags: Sequence[str] = (),
    ) -> None:
        self.view = view
        self.column = column
        self.kind = kind
        self.description = description
        where = f"{view.__name__}.{column}"
        check_name(where, column, view.name)
        self.tags = several(f"{where}: tags", tags)
        self.constraints = (constraints or Constraints()).of(kind, where)
        if default is not None:
            default = kind.constant(default, f"{where}: the default")
            if wrong := self.constraints.against(default):
                raise DefinitionError(f"{where}: the default {default!r} is {wrong}: change either")
        elif not kind.has_null and not self.always:
            raise DefinitionError(
                f"{where}: a value of type {kind.value} cannot be null, but a key without a row "
                f"has none: give default=..., or annotate it float"
            )
        self.default = default

    @property
    def name(self) -> str:
        """The feature's full name ("viewer_activity.taps_1h")."""
        return f"{self.view.name}.{self.column}"

    @property
    def null(self) -> Any:
        """What it is in NumPy where it has no value: its default, or the kind's null."""
        return self.kind.null if self.default is None else self.kind.scalar(self.default)

    def where(self, known: Array, values: Array) -> Array:
        """Values, and where there is none ``null``, as an array of its kind."""
        null = self.kind.full(1, self.null) if self.kind is Kind.STRING else self.null
        return np.where(known, values, null).astype(self.kind.dtype, copy=False)

    @cached_property
    def value_type(self) -> ValueType:
        """The type of its values: of its kind, one a row."""
        return ValueType(self.kind)

    def __repr__(self) -> str:
        return self.name


class Attribute(Feature):
    """A column of a hand-written model, as of its latest row.

    ``key_of`` names the entity that the value is a key of: a way from one entity to another.
    """

    key_of: type[Entity] | None = None


class Aggregated(Feature):
    """One window of an aggregate."""

    measure: Measure
    window: Window | None

    @cached_property
    def value_type(self) -> ValueType:
        """The type of its values: of its kind, one a row or a list."""
        return ValueType(self.kind, self.measure.length)


class Computed(Feature):
    """An expression over other features and the request."""

    always = True
    expression: Expr


class Input(Feature):
    """A value that comes with the request itself.

    Inside the class body that it is written in it has no name yet, but can be computed with.
    """

    always = True

    def __init__(self, default: Any, constraints: Constraints) -> None:
        self._default = default
        self._constraints = constraints

    def bind(self, view: type[Definition], column: str, kind: Kind, description: str) -> None:
        """Give it its place and type.

        Raises:
            DefinitionError: it has a place already, or its type and its default do not fit.
        """
        if self.bound:
            raise DefinitionError(
                f"{view.__name__}.{column} is the input {self!r}: a request brings it under that "
                "name alone; write another request_input() for it"
            )
        super().__init__(
            view,
            column,
            kind,
            default=self._default,
            constraints=self._constraints,
            description=description,
        )

    def __repr__(self) -> str:
        return self.name if self.bound else "request_input()"

    @property
    def bound(self) -> bool:
        """Whether it has its place."""
        return "view" in vars(self)

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
    return Input(default, Constraints(one_of=one_of))


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
        """A set of windows is not a value: say so, not NumPy's own words."""
        raise self._several()

    def __bool__(self) -> NoReturn:
        """Nor is it true: ``and`` and ``or`` would go on without a word."""
        raise self._several()

    def _several(self) -> DefinitionError:
        hint = next(iter(self.features))
        return DefinitionError(
            f"{self.where} has several windows: compute with one, as in {self.where}[{hint!r}]"
        )
