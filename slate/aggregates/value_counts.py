"""How often each value of a column occurs: what distinct, top, share and quantile are made of.

A text has no order that would tell which values to keep where there are too many, and an order of
numbers would favour some. So each value has a *code*, 63 bits of the MD5 of its text, which is the
same in SQL and in Python. Of a set of events the values with the least codes are kept, so many that
no more than ``most`` are exact. Whatever the parts that events are split into, the values kept of
all are among those kept of each part, with all their events: merging loses nothing, and the same
number comes of tiles, of rows and of single events.

The values kept are a sample of all of them, each with the same chance (bottom-k sampling: Cohen and
Kaplan, "Summarizing data using bottom-k sketches").
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from slate.aggregates.function import Function
from slate.aggregates.partials import Array, EventsSql, Partial, TileColumn, where_clause
from slate.errors import DefinitionError
from slate.kinds import Kind
from slate.windows import Window

# How many different values of a key and window are exact, unless a definition says otherwise.
MOST = 256
# What a definition may say.
MOST_VALUES = 10_000
# How many values a row can tell apart (slate.online.rows.value_counts).
MOST_IN_ROW = 2**18
# One above the greatest code.
CODES = 2.0**63


@dataclass(frozen=True)
class ValueCounts(Partial):
    """How often each value occurs, of those with the least codes.

    Args:
        kind: the kind of the values.
        kept: how many values are kept; one more than are exact, so that it shows if there are more.
        valued: whether the values themselves are kept, or their codes alone.
    """

    kind: Kind
    kept: int
    valued: bool

    @property
    def columns(self) -> tuple[TileColumn, ...]:  # type: ignore[override]
        """The column, of lists."""
        return (TileColumn("values" if self.valued else "codes", self.kind),)

    def sql_types(self, id_type: str) -> tuple[str, ...]:
        """The SQL type of its column."""
        value = f"value {self.kind.sql}, " if self.valued else ""
        return (f"struct(code bigint, {value}n bigint)[]",)

    def columns_of_events(self, events: EventsSql) -> tuple[str, ...]:
        """The column of a tile (SQL)."""
        column = f"{events.column} + 0.0" if self.kind is Kind.FLOAT else events.column
        found = f"map_entries(histogram({column}){events.present})"
        value = ", value: entry.key" if self.valued else ""
        code = f"{{{{ code_of('{_text_sql('entry.key', self.kind)}') }}}}"
        entries = (
            f"list_transform({found}, lambda entry: "
            f"{{code: {code}{value}, n: cast(entry.value as bigint)}})"
        )
        return (f"list_sort({entries})[:{self.kept}]",)

    def part_of_tiles(self, name: str, condition: str) -> str:
        """The lists of some tiles, end to end (SQL)."""
        (column,) = self.columns
        return f"flatten(list({name}__{column.suffix}){where_clause(condition)})"

    def columns_of_part(self, part: str) -> tuple[str, ...]:
        """A part as the column of a tile, in one order whichever tile came first (SQL)."""
        return (f"list_sort({part})",)


def _text_sql(value: str, kind: Kind) -> str:
    """The text of a value, the same as ``codes`` makes (SQL)."""
    if kind is Kind.STRING:
        return value
    words = {
        Kind.FLOAT: f"cast({value} as bit)",
        Kind.TIME: f"epoch_us({value})",
    }
    return f"cast(cast({words.get(kind, value)} as bigint) as varchar)"


def codes(values: pa.Array, kind: Kind) -> Array:
    """The codes of values; of a null any.

    Args:
        values: in Arrow's type of the kind, times without a zone.
        kind: their kind.
    """
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary
    if kind is Kind.STRING:
        texts = [value.encode() for value in distinct.to_pylist()]
    else:
        texts = [b"%d" % word for word in words(distinct, kind).tolist()]
    found = np.fromiter(map(_code, texts), np.int64, len(texts))
    index = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return found[index] if len(found) else np.zeros(len(values), np.int64)


def words(values: pa.Array, kind: Kind) -> Array:
    """Values that are not texts as words of 64 bits; of -0.0 and 0.0 the same."""
    if kind is Kind.FLOAT:
        floats: Array = values.to_numpy(zero_copy_only=False) + 0.0
        return floats.view(np.int64)
    whole = values.cast(pa.int64()) if kind is not Kind.BOOLEAN else values.cast(pa.int8())
    return np.asarray(whole.to_numpy(zero_copy_only=False)).astype(np.int64)


def _code(text: bytes) -> int:
    digest = md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") >> 1


@dataclass(frozen=True)
class Counted:
    """How often each value occurs in one window of many rows, ordered by row and code.

    Attributes:
        rows: how many rows there are.
        row: whose each value is; none has more than are kept.
        code: the values' codes.
        value: the values as words, or where texts lie; empty where they are not kept.
        n: how many events have each.
    """

    rows: int
    row: Array
    code: Array
    value: Array
    n: Array

    @cached_property
    def sizes(self) -> Array:
        """How many values each row has."""
        return np.bincount(self.row, minlength=self.rows)

    @cached_property
    def ends(self) -> Array:
        """The position behind the last value of each row."""
        return np.cumsum(self.sizes)

    @cached_property
    def totals(self) -> Array:
        """How many events each row has."""
        upto = np.concatenate([[0], np.cumsum(self.n)])
        totals: Array = upto[self.ends] - upto[self.ends - self.sizes]
        return totals

    @cached_property
    def filled(self) -> Array:
        """The rows that have any."""
        return np.flatnonzero(self.sizes)


@dataclass(frozen=True)
class ValuesFunction(Function):
    """An aggregate of how often values occur.

    Args:
        most: how many different values of a key and window are exact.
    """

    most: int
    valued: ClassVar[bool] = False

    @property
    def kept(self) -> int:
        """How many values are kept."""
        return self.most + 1

    def check_size(self, where: str, window: Window) -> None:
        """See that a row has room for the values of all tiles of a window.

        Raises:
            DefinitionError: it has not.
        """
        if (window.hops + 1) * self.kept > MOST_IN_ROW:
            fewer = MOST_IN_ROW // (window.hops + 1) - 1
            raise DefinitionError(
                f"{where}: {window.hops:,} hops of {self.most:,} values each are too many for a "
                f"row: write a larger hop, as in over='{window.name}/...', or most={fewer}"
            )

    @property
    def parameters(self) -> str:
        """What its values depend on besides its column."""
        return f"most {self.most}"

    def partials(self, column: Kind | None, length: int | None = None) -> tuple[ValueCounts]:
        """How often each value occurs."""
        assert column is not None
        return (ValueCounts(column, self.kept, self.valued),)

    @abstractmethod
    def finish_sql(self, counted: str, length: int | None) -> str:
        """The value (SQL).

        Args:
            counted: the column of the values that are kept of a window: a list of code, value and
                n, each value once, in order of their codes.
            length: how many it is at most; None where it is one.
        """


class CountedFunction(ValuesFunction):
    """One that is a number."""

    @abstractmethod
    def finish(self, counted: Counted) -> Array:
        """The number of each row; NaN where there is none."""


class PickingFunction(ValuesFunction):
    """One that is some of the values."""

    valued = True

    @abstractmethod
    def pick(self, counted: Counted, length: int) -> Array:
        """Where among the values each row's are, of shape (rows, length); -1 where is none."""


def exact_values(what: str, most: Any) -> int:
    """How many values are to be exact, as a definition says it.

    Raises:
        DefinitionError: it is not such a number.
    """
    if type(most) is not int or not 1 <= most <= MOST_VALUES:
        raise DefinitionError(
            f"{what}: most={most!r} is how many different values of a key and window are kept: a "
            f"whole number from 1 to {MOST_VALUES:,}"
        )
    return most
