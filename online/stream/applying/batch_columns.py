"""Events of a micro-batch as columns that every view folds: sorted once, filtered once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.aggregates.value_counts import codes, words
from slate.expressions import Array, Expr, render
from slate.filters import condition
from slate.kinds import Kind
from slate.online.rows.arrow_columns import as_numpy
from slate.sources import Source, column_of


class EventColumns:
    """Accepted events of one source, in order of (event time, arrival, id).

    Args:
        source: the source.
        table: its columns.

    Attributes:
        event_ts: the event times, in microseconds.
        arrival: the arrivals, in microseconds.
    """

    def __init__(self, source: type[Source], table: pa.Table) -> None:
        self._source = source
        self._table = table.take(_order(source, table))
        self._cache: dict[tuple[str, str], Any] = {}
        self.event_ts = self.numbers(source.event_time)
        self.arrival = self.numbers(source.arrival_time)

    def __len__(self) -> int:
        """The number of events."""
        return int(self._table.num_rows)

    def column(self, name: str) -> pa.Array:
        """A column as it is, or as it is computed."""

        def found() -> pa.Array:
            if name in self._source.derived:
                return self._source.derived[name].values(self.column)
            return whole(self._table.column(name))

        return self._once("column", name, found)

    def numbers(self, name: str) -> Array:
        """A column of anything but texts as numbers, 0 where it is null."""
        kind = column_of(self._source, name).kind
        return self._once(  # type: ignore[no-any-return]
            "numbers", name, lambda: as_numpy(self.column(name), kind, name, 0)
        )

    def codes(self, name: str) -> tuple[Array, pa.Array]:
        """A column as positions in its distinct values, -1 where it is null."""

        def encoded() -> tuple[Array, pa.Array]:
            found = self.column(name).dictionary_encode()
            indices = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            return indices.astype(np.int64), found.dictionary

        return self._once("codes", name, encoded)  # type: ignore[no-any-return]

    def texts(self, name: str) -> Array:
        """A column of texts as an array of strings."""
        return self._once(  # type: ignore[no-any-return]
            "texts", name, lambda: Kind.STRING.from_arrow(self.column(name))
        )

    def value_words(self, name: str) -> Array:
        """A column of anything but texts as the words of values that are counted."""
        kind = column_of(self._source, name).kind
        return self._once(  # type: ignore[no-any-return]
            "words", name, lambda: words(self.column(name).fill_null(_zero(kind)), kind)
        )

    def value_codes(self, name: str) -> Array:
        """The codes of a column's values; any where it is null."""
        kind = column_of(self._source, name).kind
        return self._once(  # type: ignore[no-any-return]
            "value codes", name, lambda: codes(self.column(name), kind)
        )

    def taking_part(self, where: Expr | None, column: str | None) -> Array | None:
        """Which events an aggregate counts; None for all."""

        def mask() -> Array | None:
            found = None if where is None else condition("", where).mask(self.column)
            if column is not None and self.column(column).null_count:
                there = self.column(column).is_valid()
                found = there if found is None else pc.and_(found, there)
            if found is None:
                return None
            return np.asarray(found.fill_null(False).to_numpy(zero_copy_only=False))

        return self._once("mask", f"{render(where)} {column}", mask)  # type: ignore[no-any-return]

    def _once(self, what: str, name: str, make: Callable[[], Any]) -> Any:
        if (what, name) not in self._cache:
            self._cache[what, name] = make()
        return self._cache[what, name]


def _zero(kind: Kind) -> pa.Scalar:
    return pa.scalar(0).cast(pa.timestamp("us") if kind is Kind.TIME else kind.arrow)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, times without a zone."""
    values = column.combine_chunks()
    values = values if isinstance(values, pa.Array) else pa.concat_arrays(values.chunks)
    return values.cast(pa.timestamp("us")) if pa.types.is_timestamp(values.type) else values


def _order(source: type[Source], table: pa.Table) -> pa.Array:
    event_ts, arrival = (
        as_numpy(whole(table.column(name)), Kind.TIME, name)
        for name in (source.event_time, source.arrival_time)
    )
    order = np.lexsort((arrival, event_ts))
    first, then = order[:-1], order[1:]
    if ((event_ts[first] == event_ts[then]) & (arrival[first] == arrival[then])).any():
        ids = pc.rank(whole(table.column(source.unique_id)), tiebreaker="dense")
        order = np.lexsort((ids.to_numpy(zero_copy_only=False), arrival, event_ts))
    return pa.array(order)
