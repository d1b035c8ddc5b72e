"""What may be called what: names that would vanish, collide or break SQL fail at import."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
import duckdb
import pytest

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    last,
    unique_id,
)
from slate.errors import DefinitionError
from slate.identifiers import (
    SQL_WORDS,
    VIEW_COLUMNS,
    check_name,
    check_owner,
    is_portable,
    longer,
)
from tests.slate.cafe import Guest, GuestOrders, Order, Visit
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()

SETTINGS = {Entity: {}, FeatureView: {"entity": Guest, "model": "m"}, Source: {"model": "m"}}
TIMES = {
    "event_id": (str, unique_id()),
    "event_ts": (datetime, event_time()),
    "received_at": (datetime, arrival_time()),
}


def defined(base: type, name: str) -> object:
    """A definition with one annotated name more than it needs."""
    body: dict[str, Any] = {"__annotations__": {}, **SETTINGS[base]}
    for column, (kind, marker) in TIMES.items() if base is Source else ():
        body["__annotations__"][column] = kind
        body[column] = marker
    body["__annotations__"][name] = str
    return type(base)("Wrong", (base,), body)


@pytest.mark.parametrize("base", SETTINGS)
@pytest.mark.parametrize("name", ["name", "description", "owner", "tags"])
def test_what_each_definition_has_itself(base: type, name: str) -> None:
    says = (f"Wrong.{name}: every {base.__name__} has a '{name}' of its own", f"'wrong_{name}'")
    check_refused(lambda: defined(base, name), says)


@pytest.mark.parametrize("base", SETTINGS)
@pytest.mark.parametrize("name", ["order", "group", "left", "with"])
def test_words_of_sql(base: type, name: str) -> None:
    check_refused(lambda: defined(base, name), (f"Wrong.{name}", "word of SQL", f"'wrong_{name}'"))


@pytest.mark.parametrize("base", SETTINGS)
@pytest.mark.parametrize("name", ["City", "cITY", "a__b", "city_", "cité"])
def test_names_that_are_not_plain(base: type, name: str) -> None:
    check_refused(lambda: defined(base, name), (f"Wrong.{name}", "lower-case letters, digits"))


@pytest.mark.parametrize("name", sorted(VIEW_COLUMNS))
def test_columns_that_every_view_has(name: str) -> None:
    body = {"entity": Guest, "source": Order, name: last(Order.note)}
    for define in (
        lambda: defined(Entity, name),
        lambda: defined(FeatureView, name),
        lambda: type(FeatureView)("Wrong", (FeatureView,), body),
    ):
        check_refused(define, (f"Wrong.{name}", "has this column", f"wrong_{name}"))


def test_the_words_of_sql_are_those_that_no_column_can_have() -> None:
    with duckdb.connect() as connection:
        words = connection.execute("select keyword_name from duckdb_keywords()").fetchall()
        found = {word for (word,) in words if not _is_column(connection, word)}
    assert found == SQL_WORDS


def _is_column(connection: duckdb.DuckDBPyConnection, word: str) -> bool:
    try:
        connection.execute(
            f"with rows as (select 1 as {word}) select rows.{word}, {{{word}: {word}}}.{word}, "
            f"sum({word}) filter (where {word} > 0) over (order by {word}) from rows"
        )
    except duckdb.ParserException:
        return False
    return True


def test_what_plain_names_are() -> None:
    assert all(map(is_portable, ["a", "taps_1h", "last_24_hours", "x1"]))
    assert not any(map(is_portable, ["", "1h", "_a", "a_", "a__b", "A", "a b", "a.b", 5, None]))


@wrong("Reserved.owner = count(...)", "str", "'reserved_owner'")
def an_aggregate_in_place_of_a_setting() -> object:
    class Reserved(FeatureView):
        entity, source = Guest, Order
        owner = count(over="1h")

    return Reserved


@wrong("Reserved.levels", "of its own", "'reserved_levels'")
def an_aggregate_named_as_what_is_derived() -> object:
    class Reserved(FeatureView):
        entity, source = Guest, Order
        levels = count(over="1h")

    return Reserved


@wrong("Wrong.ttl = 5", "not of type str")
def a_setting_of_a_wrong_type() -> object:
    class Wrong(FeatureView):
        entity, source, ttl = Guest, Order, 5
        orders = count(over="1h")

    return Wrong


@wrong("Order: 'order' is a word of SQL", "'guest_order'")
def a_view_named_with_a_word_of_sql() -> object:
    body = {"entity": Guest, "source": Order, "orders": count(over="1h")}
    return type(FeatureView)("Order", (FeatureView,), body)


@wrong("Spine", "rename the class")
def a_view_named_as_the_rows_of_a_training_set() -> object:
    class Spine(FeatureView):
        entity, source = Guest, Order
        orders = count(over="1h")

    return Spine


@wrong("Wrong", "'asked_at'", "Asked.asked_at")
def a_source_with_a_column_of_its_views() -> object:
    class Asked(Source):
        model = "m"
        event_id: str = unique_id()
        asked_at: datetime = event_time()
        received_at: datetime = arrival_time()
        guest_id: str

    class Wrong(FeatureView):
        entity, source = Guest, Asked
        events = count(over="1h")

    return Wrong


@wrong("FeatureService('Feed')", "lower-case letters")
def a_service_with_capitals() -> object:
    return FeatureService("Feed", version=1, keys=[Guest], spine=Visit, features=[GuestOrders])


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


def test_a_word_of_sql_may_name_what_has_windows() -> None:
    class Kept(FeatureView):
        entity, source = Guest, Order
        order = count(over="1h")

    assert [*Kept.features] == ["order_1h"]


@pytest.mark.parametrize(
    "owner",
    ["ann@example.com", "a.b+c@mail.example.org", "team:data", "team:data eng", "me", "a@b",
     "a@b.c", "team:", "Team:x", "ann@example.company-x", "x y@z.com", "a@b.c\n"],
)  # fmt: skip
def test_owners_are_those_that_dagster_takes(owner: str) -> None:
    def taken(check: Callable[[], object], error: type[Exception]) -> bool:
        try:
            check()
        except error:
            return False
        return True

    by_dagster = taken(lambda: dg.AssetSpec("x", owners=[owner]), dg.DagsterInvalidDefinitionError)
    assert taken(lambda: check_owner("here", owner), DefinitionError) == by_dagster


@pytest.mark.parametrize("owner", ["Größe", "orders", "_2nd", "数"])
@pytest.mark.parametrize(
    "name", ["größe", "Ünï__Code", "数量", "order", "_", "x__y", "2nd", "日付_date", "É", "ß", "as"]
)
def test_a_name_that_is_proposed_is_one_that_is_taken(owner: str, name: str) -> None:
    check_name("here", longer(owner, name), owner)
