"""Columns that are computed from a source's own: the same in SQL and in NumPy, or refused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from slate import Source, arrival_time, column, event_time, is_null, unique_id
from slate.derived import Derived
from slate.expressions import Expr
from slate.kinds import Kind
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


class Line(Source):
    """A line of an order."""

    model = "stg_lines"
    line_id: str = unique_id()
    ordered_at: datetime = event_time()
    received_at: datetime = arrival_time()
    item: str
    price: float | None = column(min=0)
    quantity: int
    weight: int | None
    gift: bool | None
    shipped_at: datetime | None
    # A linter does not know a name that is only annotated; `quantity: int = column()` it does.
    amount: float = price * quantity  # type: ignore[operator]  # noqa: F821
    tax: float = amount * 0.19
    day = ordered_at.astype("M8[D]")  # type: ignore[attr-defined]


COLUMNS: dict[str, list[Any]] = {
    "item": ["a", "", "it's", "Zürich", "{{ a }}", "b"],
    "price": [None, 0.0, -0.0, 0.1, 1e100, -1e100, 7.25, 5e-324, 1e-9, 3.0],
    "quantity": [0, 1, -1, 7, -7, 2**63 - 1, -(2**63), 2**53 + 1, 10, 3],
    "weight": [None, 0, 1, -1, 2**63 - 1, -(2**63), 3, -10, 2**32, 5],
    "gift": [None, True, False],
    "shipped_at": [None, datetime(1970, 1, 1), datetime(2026, 3, 10, 12, 59, 59, 999_999)],
    "ordered_at": [datetime(2026, 3, 10, 12), datetime(2026, 3, 10, 13, 0, 0, 1)],
}
EXPRESSIONS: list[Any] = [
    Line.amount,
    Line.tax,
    Line.day,
    Line.price * Line.quantity,  # type: ignore[operator]
    Line.quantity + Line.weight,  # type: ignore[operator]
    Line.quantity - Line.weight,  # type: ignore[operator]
    Line.quantity * Line.weight,  # type: ignore[operator]
    Line.quantity / Line.weight,  # type: ignore[operator]
    Line.price / Line.quantity + 1,  # type: ignore[operator]
    (Line.price * Line.price) * (Line.price * Line.price) * 1e9,  # type: ignore[operator]
    1 / (Line.price * 1e300 * 1e300),  # type: ignore[operator]
    Line.quantity // 3,
    Line.quantity % 3,
    -Line.quantity,
    np.abs(Line.weight),  # type: ignore[call-overload]
    np.minimum(Line.quantity, Line.weight),  # type: ignore[call-overload]
    np.maximum(Line.price, Line.quantity),  # type: ignore[call-overload]
    np.sqrt(Line.price),  # type: ignore[call-overload]
    np.floor(Line.price) + np.ceil(Line.price),  # type: ignore[call-overload]
    Line.price.astype(int),  # type: ignore[union-attr]
    Line.gift.astype(int) + Line.quantity,  # type: ignore[union-attr]
    Line.quantity.astype(float),  # type: ignore[attr-defined]
    Line.quantity > Line.weight,  # type: ignore[operator]
    Line.price == Line.quantity,
    Line.item == "it's",
    Line.shipped_at.astype("M8[h]"),  # type: ignore[union-attr]
    Line.shipped_at + np.timedelta64(90, "m"),  # type: ignore[operator]
    (Line.ordered_at - Line.shipped_at) / np.timedelta64(1, "m"),  # type: ignore[operator]
    (Line.ordered_at - Line.ordered_at.astype("M8[D]")) // np.timedelta64(1, "h"),  # type: ignore[attr-defined]
    (Line.shipped_at - Line.ordered_at) // np.timedelta64(7, "m"),  # type: ignore[operator]
    np.where(Line.gift, 0, Line.price),  # type: ignore[call-overload]
    np.where(is_null(Line.weight) | (Line.quantity > 5), "much", Line.item),
    np.where(Line.price * Line.quantity > 20, Line.ordered_at, Line.shipped_at),  # type: ignore[operator, call-overload]
    np.where(Line.gift, 1, 2) * 3,  # type: ignore[call-overload]
]


def rows() -> pa.Table:
    random = np.random.default_rng(0)
    size = 2_000
    return pa.table(
        {
            name: pa.array([values[n] for n in random.integers(0, len(values), size)], _arrow(name))
            for name, values in COLUMNS.items()
        }
    )


def _arrow(name: str) -> pa.DataType:
    kind = Line.columns[name].kind
    return pa.timestamp("us") if kind is Kind.TIME else kind.arrow


def derived(expression: Expr) -> Derived:
    return expression if isinstance(expression, Derived) else Derived(Line, "", None, expression)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lines() -> Iterator[tuple[duckdb.DuckDBPyConnection, pa.Table]]:
    with duckdb.connect() as connection:
        table = rows()
        connection.register("lines", table)
        yield connection, table


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=repr)
def test_a_column_is_the_same_in_sql_and_in_numpy(
    lines: tuple[duckdb.DuckDBPyConnection, pa.Table], expression: Expr
) -> None:
    connection, table = lines
    one = derived(expression)
    kind = "timestamp" if one.kind is Kind.TIME else one.kind.sql
    sql = connection.sql(f"select cast({one.sql} as {kind}) as found from lines")
    offline = sql.to_arrow_table()["found"].combine_chunks()

    def column_of(name: str) -> pa.Array:
        if name in Line.derived:
            return Line.derived[name].values(column_of)
        return table[name].combine_chunks()

    online = one.values(column_of)
    assert online.type == (pa.timestamp("us") if one.kind is Kind.TIME else one.kind.arrow)
    assert offline.cast(online.type).equals(online), [
        (a, b) for a, b in zip(offline.to_pylist(), online.to_pylist(), strict=True) if a != b
    ][:5]
    assert online.null_count < len(online), "something is there"
    if not one.nullable:
        assert not online.null_count


def test_what_cannot_be_told_is_null() -> None:
    table = {"quantity": pa.array([2**62, 2**62, 3]), "weight": pa.array([4, 1, 0])}
    product = derived(Line.quantity * Line.weight)  # type: ignore[operator]
    assert product.values(table.__getitem__).to_pylist() == [None, 2**62, 0]
    share = derived(Line.quantity / Line.weight)  # type: ignore[operator]
    assert share.values(table.__getitem__).to_pylist()[2] is None


def test_a_column_reads_those_it_is_computed_from() -> None:
    assert Line.derived["tax"].reads == ("price", "quantity")
    assert "tax" not in Line.columns


@wrong("np.log1p", "no equal in SQL", "dbt model")
def a_function_that_differs() -> object:
    return derived(np.log1p(Line.price))  # type: ignore[call-overload]


@wrong("span of time", "np.timedelta64(1, 'm')")
def a_span_of_time() -> object:
    return derived(Line.ordered_at - Line.shipped_at)  # type: ignore[operator]


@wrong("str and int")
def a_text_and_a_number() -> object:
    return derived(Line.item + Line.quantity)  # type: ignore[operator]


@wrong("Wrong.amount", "annotated int", "gives float")
def a_column_that_promises_another_type() -> object:
    class Wrong(Source):
        model = "stg_wrong"
        wrong_id: str = unique_id()
        happened_at: datetime = event_time()
        received_at: datetime = arrival_time()
        price: float
        amount: int = price * 2  # type: ignore[assignment]  # noqa: F821

    return Wrong


@wrong("Line.price", "not a column of Other")
def a_column_of_another_source() -> object:
    class Other(Source):
        model = "stg_other"
        other_id: str = unique_id()
        happened_at: datetime = event_time()
        received_at: datetime = arrival_time()
        price: float
        amount: float = price * Line.price  # type: ignore[operator]  # noqa: F821

    return Other


@wrong("a whole constant above zero")
def a_rest_by_a_column() -> object:
    return derived(Line.quantity % Line.weight)  # type: ignore[operator]


@wrong("M8[D], M8[h], M8[m] or M8[s]")
def a_week() -> object:
    return derived(Line.ordered_at.astype("M8[W]"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_column_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


def test_a_time_of_a_constant_is_utc() -> None:
    late = derived(np.where(Line.ordered_at > datetime(2026, 3, 10, 12, 30, tzinfo=UTC), 1, 0))  # type: ignore[operator]
    times = {"ordered_at": pa.array(COLUMNS["ordered_at"], pa.timestamp("us"))}
    assert late.values(times.__getitem__).to_pylist() == [0, 1]
