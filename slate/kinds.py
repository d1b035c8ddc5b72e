"""The kinds of value a feature can have, and what each is in NumPy, Arrow and SQL.

Null is NumPy's on both sides: NaN for a float, NaT for a time, a missing string. Integers and
booleans have no null in NumPy, so a feature of these kinds needs a default.
"""

import math
import types
import typing
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa

from slate.errors import DefinitionError

STRING_DTYPE = np.dtypes.StringDType(na_object=np.nan)


class Kind(Enum):
    """A kind of value: text, whole number, number, truth, or instant (UTC, microseconds)."""

    STRING = "str"
    INTEGER = "int"
    FLOAT = "float"
    BOOLEAN = "bool"
    TIME = "datetime"

    # There is one of each: what is asked of it for every column need not hash its name.
    __hash__ = object.__hash__

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of an array of such values."""
        return _DTYPES[self]

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of a column of such values."""
        return _ARROW[self]

    @property
    def sql(self) -> str:
        """The SQL type of a column of such values."""
        return _SQL[self]

    @property
    def has_null(self) -> bool:
        """Whether NumPy has a null of this kind."""
        return self not in (Kind.INTEGER, Kind.BOOLEAN)

    @property
    def null(self) -> Any:
        """NumPy's null of this kind.

        Raises:
            DefinitionError: the kind has none.
        """
        if not self.has_null:
            raise DefinitionError(f"a value of type {self.value} cannot be null: give a default")
        return np.datetime64("NaT", "us") if self is Kind.TIME else np.nan

    @property
    def blank(self) -> Any:
        """What stands where a value cannot be told: null, or 0 or False where there is none."""
        return self.null if self.has_null else self.dtype.type(0)

    @property
    def words(self) -> str:
        """What a value of it is called where one is asked for, as in ``'x' is not a number``."""
        return _CALLED[self]

    def accepts(self, value: object) -> bool:
        """Whether a Python constant is of this kind (an int is a float, a bool is not a number)."""
        if isinstance(value, bool):
            return self is Kind.BOOLEAN
        if self is Kind.FLOAT:
            return isinstance(value, int | float)
        return isinstance(value, _PYTHON[self])

    def constant(self, value: object, what: str) -> Any:
        """A constant of a definition as Python's own; a time with its zone, which is UTC.

        Args:
            value: the constant as written: Python's, NumPy's or an enumeration's.
            what: what it is and where; the error begins with it.

        Raises:
            DefinitionError: it is of another kind, null, not finite, or too large.
        """
        constant = value.value if isinstance(value, Enum) else value
        if isinstance(constant, np.datetime64):
            constant = constant.astype("M8[us]")
        if isinstance(constant, np.generic):
            constant = constant.item()
        if not self.accepts(constant):
            told = f"{what} {value!r} is not of type {self.value}"
            raise DefinitionError(f"{told}{self._instead(constant)}")
        try:
            (kept,) = self.array([constant])
        except (OverflowError, UnicodeError) as error:
            raise DefinitionError(f"{what} {value!r} cannot be kept: {error}") from error
        if self is Kind.FLOAT and not math.isfinite(kept):
            raise DefinitionError(f"{what} {value!r} is not finite: give a number")
        return kept.item().replace(tzinfo=UTC) if self is Kind.TIME else constant

    def _instead(self, constant: object) -> str:
        """What to write in place of a text that is a time; empty of all else."""
        if self is not Kind.TIME or not isinstance(constant, str):
            return ""
        try:
            at = datetime.fromisoformat(constant)
        except ValueError:
            return ": write datetime(2026, 1, 1)"
        parts = [at.year, at.month, at.day, at.hour, at.minute, at.second]
        while len(parts) > 3 and not parts[-1]:
            parts.pop()
        return f": write datetime({', '.join(map(str, parts))})"

    def full(self, size: int, value: Any = None) -> np.ndarray[Any, Any]:
        """An array of ``size`` copies of ``value``, or of null."""
        return np.full(size, self.null if value is None else self.scalar(value), dtype=self.dtype)

    def scalar(self, value: Any) -> Any:
        """A Python constant as NumPy takes it: an aware time becomes its UTC instant."""
        if self is Kind.TIME and isinstance(value, datetime):
            return np.datetime64(naive_utc(value), "us")
        return value

    def from_arrow(self, column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """An Arrow column as a NumPy array of this kind, null as NumPy's null.

        Raises:
            DefinitionError: the column has nulls and the kind has no null.
        """
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if column.null_count and not self.has_null:
            raise DefinitionError(f"a column of type {self.value} holds nulls: give a default")
        if self is Kind.STRING:
            values = column.cast(pa.string()).to_numpy(zero_copy_only=False)
            if column.null_count:
                values = np.where(column.is_null().to_numpy(zero_copy_only=False), np.nan, values)
            return np.asarray(values).astype(STRING_DTYPE)
        if self is Kind.TIME:
            column = column.cast(pa.timestamp("us"))
        return np.asarray(column.to_numpy(zero_copy_only=False)).astype(self.dtype, copy=False)

    def to_arrow(self, values: np.ndarray[Any, Any]) -> pa.Array:
        """A NumPy array of this kind as an Arrow array, NumPy's null as Arrow's."""
        if self is Kind.STRING:
            return pa.array(values.tolist(), type=pa.string(), from_pandas=True)
        if self is Kind.TIME:
            return pa.array(values.astype("M8[us]"), type=pa.timestamp("us")).cast(self.arrow)
        return pa.array(values, type=self.arrow, from_pandas=True)

    def array(self, values: Sequence[Any] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Python values (None is null) as an array of this kind."""
        if self is Kind.TIME:
            values = [np.datetime64("NaT") if v is None else self.scalar(v) for v in values]
        elif self.has_null:
            values = [np.nan if v is None else v for v in values]
        return np.array(values, dtype=self.dtype)


_DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.STRING: STRING_DTYPE,
    Kind.INTEGER: np.dtype(np.int64),
    Kind.FLOAT: np.dtype(np.float64),
    Kind.BOOLEAN: np.dtype(np.bool_),
    Kind.TIME: np.dtype("M8[us]"),
}
_ARROW = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
}
_SQL = {
    Kind.STRING: "varchar",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "timestamp",
}
_PYTHON: dict[Kind, type] = {
    Kind.STRING: str,
    Kind.INTEGER: int,
    Kind.FLOAT: float,
    Kind.BOOLEAN: bool,
    Kind.TIME: datetime,
}
_CALLED = {
    Kind.STRING: "a text",
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.TIME: "a time",
}
_KINDS = {python: kind for kind, python in _PYTHON.items()}


def kind_of(annotation: object, where: str) -> tuple[Kind, bool]:
    """The kind that an annotation names, and whether it allows null (``float | None``).

    Raises:
        DefinitionError: the annotation is none of the five types.
    """
    nullable = False
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        members = typing.get_args(annotation)
        nullable = type(None) in members
        rest = [member for member in members if member is not type(None)]
        annotation = rest[0] if len(rest) == 1 else annotation
    kind = _KINDS.get(annotation) if isinstance(annotation, type) else None
    if kind is None:
        raise DefinitionError(
            f"{where} is annotated {annotation!r}: use str, int, float, bool or datetime, "
            "each with `| None` where a source's column may be null"
        )
    return kind, nullable


def several(what: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """Values that were given as a list.

    Raises:
        DefinitionError: they are one text, whose letters Python would take for the values.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DefinitionError(f"{what}={values!r} is not a list: give [{values!r}]")
    return tuple(values)


def naive_utc(value: datetime) -> datetime:
    """A time as the platform keeps it: UTC, without a zone (a naive time is UTC already)."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
