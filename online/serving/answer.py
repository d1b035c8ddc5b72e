"""Answers: the values of a service's features, and where they came from."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from slate.encoded import Encoded, Operand
from slate.errors import MissingPackageError, RequestError, nearest
from slate.expressions import Array
from slate.features import Feature
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.instants import instant
from slate.online.serving.answer_preview import ROWS, Preview, moment
from slate.online.serving.view_state import ViewState
from slate.value_types import ValueType

if TYPE_CHECKING:
    import pandas
    import polars

NONE_FAILED: Mapping[str, int] = MappingProxyType({})


class Column(Protocol):
    """What an answer has values of: a feature, or what another process told of one.

    Attributes:
        name: its full name.
        value_type: the type of its values.
        null: what lists of them are padded with.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def value_type(self) -> ValueType: ...  # noqa: D102

    @property
    def null(self) -> Any: ...  # noqa: D102


class _Columns(Mapping[Column, Array]):
    """Columns of which the encoded ones become arrays when they are asked for.

    Args:
        held: the columns.
    """

    def __init__(self, held: Mapping[Column, Operand]) -> None:
        self._held = held

    def __getitem__(self, column: Column) -> Array:
        found = self._held[column]
        return found.array if isinstance(found, Encoded) else found

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {one.name: one for one in self._held}

    @property
    def numbers(self) -> list[Array]:
        """Those that a matrix can hold."""
        return [
            held.array if isinstance(held, Encoded) else held
            for one, held in self._held.items()
            if one.value_type.is_number
        ]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class Answer:
    """The values of a service's features for the rows of one request.

    ``docs/types.md`` says which types its values have, here and in training sets. Shown at a prompt
    or in a notebook it is a table of its first rows.

    Attributes:
        service: the service's name with its version.
        at: the instant asked about (UTC).
        rows: the number of rows.
        names: the features' names, in the service's order.
        matrix_names: those of them that are single numbers or truth values, the columns of
            ``matrix()``.
        states: for each view that was read, where its values came from.
        errors: what kept values from being read, in words that know which views or features they
            are about; empty if all is well.
        request_id: the id that the request brought or, where its service's answers are logged, was
            given; empty otherwise.
        failed: in how many rows a request feature is null as its expression fails on their values,
            or one that it reads, by its name; ``errors`` say why. Empty where another process
            answered.
    """

    def __init__(
        self,
        service: str,
        at: int,
        rows: int,
        values: Mapping[Any, Operand],
        states: Mapping[str, ViewState],
        errors: tuple[AnswerError, ...],
        keys: Callable[[], dict[str, list[Any]]] = dict,
        failed: Mapping[str, int] = NONE_FAILED,
    ) -> None:
        self.service = service
        self.at = instant(at)
        self.rows = rows
        self.states = states
        self.errors = errors
        self.request_id = ""
        self.failed = failed
        self._keys = keys
        self._held: Mapping[Column, Operand] = values
        self._values = _Columns(values)

    @cached_property
    def keys(self) -> dict[str, list[Any]]:
        """For each key of the request, that of each row; of one that was named once, it alone."""
        return self._keys()

    @property
    def columns(self) -> Mapping[Column, Array]:
        """The values of each feature: of one row that stands for all of them, or of each row."""
        return self._values

    def span_attributes(self) -> dict[str, str | int | float]:
        """What a span of the lookup tells."""
        told: dict[str, str | int | float] = {
            "slate.service": self.service,
            "slate.rows": self.rows,
            "slate.errors": len(self.errors),
            "slate.near": sum(state.behind > 0 for state in self.states.values()),
        }
        totals: Counter[str] = Counter()
        for state in self.states.values():
            totals.update(state.counts)
        return told | {f"slate.rows.{name}": number for name, number in totals.items()}

    @property
    def held(self) -> Mapping[Column, Operand]:
        """The same, texts perhaps encoded."""
        return self._held

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the service's order."""
        return tuple(feature.name for feature in self._values)

    @cached_property
    def matrix_names(self) -> tuple[str, ...]:
        """The names of the columns of ``matrix()``: of all features that a matrix can hold."""
        return tuple(feature.name for feature in self._values if feature.value_type.is_number)

    def __repr__(self) -> str:
        return self._preview.text()

    def _repr_html_(self) -> str:
        """The first rows as HTML, as notebooks ask for it."""
        return self._preview.html()

    @property
    def _preview(self) -> Preview:
        columns, shown = list(self._values), min(self.rows, ROWS)

        def values(place: int) -> list[Any]:
            feature = columns[place]
            column = self._values[feature]
            found: list[Any] = feature.value_type.to_arrow(column[:shown], shown).to_pylist()
            return found

        return Preview(
            f"{self.service} at {moment(self.at)}: {self.rows:,} rows x {len(columns)} features",
            self.rows,
            self.names,
            values,
            [(view, str(state)) for view, state in self.states.items()],
            self.errors,
        )

    def __getitem__(self, name: str) -> Array:
        """The values of one feature, of shape (rows,); read-only.

        Of the latest ``n`` values it has shape (rows, n): the latest first, then what it is padded
        with.

        Raises:
            RequestError: the service has no such feature.
        """
        feature = self._values.by_name.get(name)
        if feature is None:
            raise RequestError(f"{self.service} has no {name!r}: {nearest(name, self.names)}")
        return feature.value_type.padded(self._values[feature], self.rows)

    def matrix(
        self, dtype: npt.DTypeLike = np.float32, *, names: Iterable[str] | None = None
    ) -> Array:
        """The values as one matrix of shape (rows, features), for a model.

        It is NaN where null. Texts, times and lists are left out: a model takes them as the
        service's computed numbers, or by their names.

        Args:
            dtype: the type of its values, one of floats. In float32 whole numbers are exact up to
                2 ** 24, in float64 up to 2 ** 53; what is too large for it is infinite.
            names: the features of its columns, in this order, as the model was trained with; by
                default those of ``matrix_names``.

        Raises:
            RequestError: the service has no such feature, or it is not a number or truth value; or
                the type has no null.
        """
        if not np.issubdtype(dtype, np.floating):
            raise RequestError(
                f"matrix(dtype={np.dtype(dtype).name}) has no value that is null: give a type of "
                "floats, as np.float32"
            )
        columns = self._values.numbers if names is None else self._named(names)
        with np.errstate(over="ignore"):
            if self.rows == 1 and columns:
                row: Array = np.concatenate(columns, dtype=dtype, casting="unsafe")
                return row[None]
            # Written column by column, it is laid out so.
            matrix = np.empty((self.rows, len(columns)), dtype, order="F")
            for place, values in enumerate(columns):
                matrix[:, place] = values
        return matrix

    def _named(self, names: Iterable[str]) -> list[Array]:
        """The columns of a matrix that are asked for by name."""
        if isinstance(names, str):
            raise RequestError(f"matrix(names={names!r}) is not a list: give [{names!r}]")
        features = self._values.by_name
        columns = []
        for name in names:
            feature = features.get(name)
            if feature is None:
                hint = nearest(str(name), self.matrix_names)
                raise RequestError(f"{self.service} has no {name!r} for a matrix: {hint}")
            if not feature.value_type.is_number:
                raise RequestError(
                    f"{name} is a {feature.value_type.name}, and a matrix holds numbers and truth "
                    f"values: leave it out, and read it with answer[{name!r}]"
                )
            columns.append(self._values[feature])
        return columns

    def hiding(self, features: Iterable[Feature], reason: str) -> "Answer":
        """The same answer with nulls in the place of some features' values.

        Of a type that has no null they are the feature's default. The errors say why.

        Args:
            features: the features.
            reason: why each of them is hidden, behind its name.
        """
        taken = list(features)
        made = copy(self)
        made._held = {**self._held, **{feature: nothing(feature) for feature in taken}}
        made._values = _Columns(made._held)
        told = (AnswerError(f"{one.name}: {reason}", features=[one.name]) for one in taken)
        made.errors = (*self.errors, *told)
        return made

    def of_columns(self, columns: Mapping[str, Column]) -> "Answer":
        """The same answer, of a service's own features.

        Args:
            columns: the features, by their names.

        Raises:
            KeyError: it has values of another one.
        """
        made = copy(self)
        made._held = {columns[one.name]: values for one, values in self._held.items()}
        made._values = _Columns(made._held)
        return made

    def to_arrow(self) -> pa.Table:
        """The values as a table: a column per feature by its name and of its exact type."""
        columns = [f.value_type.to_arrow(values, self.rows) for f, values in self._held.items()]
        return pa.table(columns, names=list(self.names))

    def to_pandas(self) -> "pandas.DataFrame":
        """The values as a pandas data frame, a column per feature by its name.

        Its columns have the types that ``pandas.read_parquet`` gives those of the training set.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        _require("pandas", "to_pandas")
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> "polars.DataFrame":
        """The values as a Polars data frame, a column per feature by its name.

        Its columns have the types that ``polars.read_parquet`` gives those of the training set.

        Raises:
            MissingPackageError: Polars is not installed.
        """
        frame: polars.DataFrame = _require("polars", "to_polars").from_arrow(self.to_arrow())
        return frame

    def to_dicts(self) -> list[dict[str, Any]]:
        """The values as a dict per row, None where null, lists of as many values as there are."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows


def nothing(feature: Feature) -> Array:
    """What stands for a feature's values where none is to be read, for all rows."""
    kind, length = feature.kind, feature.value_type.length
    if length is not None:
        values = np.zeros((1, length), kind.dtype)
        return np.ma.MaskedArray(values, np.ones(values.shape, np.bool_))
    default = None if kind.has_null else feature.default
    return kind.full(1, kind.blank if default is None else default)


def _require(package: str, method: str) -> Any:
    """A package that the client does without until it is asked for what needs it."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"Answer.{method}() needs the package {error.name}, which is not installed: run "
            f"`pip install {package}`, or use to_arrow() or to_dicts()"
        ) from error
