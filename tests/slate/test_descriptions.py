"""Definitions in words: what the catalogue says where nobody wrote anything, and beside it."""

from datetime import datetime

import numpy as np
import pytest

from slate import (
    FeatureView,
    Registry,
    Source,
    aggregates,
    arrival_time,
    count,
    distinct,
    event_time,
    feature,
    first,
    is_null,
    key_of,
    last,
    last_n,
    max,
    mean,
    min,
    quantile,
    share,
    std,
    sum,
    top,
    unique_id,
)
from slate.descriptions import (
    PARTIALS,
    derived,
    freshness,
    of_column,
    of_feature,
    of_key,
    of_model,
    of_partial,
)
from slate.features import Aggregated
from tests.slate import cafe
from tests.slate.cafe import Cafe, Guest, GuestCafe, GuestOrders, Order, VisitRequest

REGISTRY = Registry.from_module(cafe)
EXACT = "exact up to 256 different values"
HOUR = ", in the last hour, its tail in hops of 5 minutes"


class Words(FeatureView):
    """Each aggregate, each filter."""

    entity, source = Guest, Order
    ttl = "30d"
    number = count(over="1h")
    paid = count(where=Order.paid, over="1h")
    unpaid = count(where=~Order.paid, over="1h")
    total = sum(Order.price, where=Order.dish == "cake", over="2d/6h")
    usual = mean(Order.price, where=(Order.dish == "cake") & (Order.portions > 1), over="1h")
    least = min(Order.price, where=~is_null(Order.note), over="1h", default=0.5)
    most = max(Order.price, where=is_null(Order.note) | (Order.portions != 2), over="1h")
    spread = std(Order.price, where=~(Order.portions >= 3), over="1h")
    all_time = mean(Order.price, over="forever")
    dish = first(Order.dish, where=np.isin(Order.dish, ["cake", "coffee"]), over="1h")
    newest = last(Order.dish, default="none")
    newest_in = last(Order.dish, over="1h")
    dishes = last_n(Order.dish, 3)
    kinds = distinct(Order.dish, over="1h")
    favourite = top(Order.dish, over="1h")
    favourites = top(Order.dish, n=2, over="1h")
    focus = share(Order.dish, over="1h", most=10)
    median = quantile(Order.price, 0.5, over="1h")
    high = quantile(Order.price, 0.95, over="1h")
    recent = mean(Order.price, where=Order.paid, last=50)
    recently = count(where=Order.paid, last=5, over="1h")
    value = sum(Order.price * Order.portions, where=Order.price / Order.portions > 3, over="1h")
    early = count(where=Order.received_at > Order.ordered_at, over="1h")


WORDS = {
    "number_1h": f"Count of Order{HOUR}.",
    "paid_1h": f"Count of Order where paid{HOUR}.",
    "unpaid_1h": f"Count of Order where not (paid){HOUR}.",
    "total_2d": "Sum of Order.price where dish == 'cake', in the last 2 days, its tail in hops of "
    "6 hours.",
    "usual_1h": f"Mean of Order.price where dish == 'cake' and portions > 1{HOUR}.",
    "least_1h": f"Least Order.price where note is not null{HOUR}, 0.5 where there is none.",
    "most_1h": f"Greatest Order.price where note is null or portions != 2{HOUR}.",
    "spread_1h": f"Standard deviation of Order.price where not (portions >= 3){HOUR}.",
    "all_time_forever": "Mean of Order.price, of all time.",
    "dish_1h": f"Earliest Order.dish where dish is one of 'cake', 'coffee'{HOUR}.",
    "newest": "Latest Order.dish, no more than 30 days old, 'none' where there is none.",
    "newest_in_1h": f"Latest Order.dish{HOUR}, no more than 30 days old.",
    "dishes": "Latest 3 values of Order.dish, the latest first, no more than 30 days old.",
    "kinds_1h": f"Number of different values of Order.dish{HOUR}, {EXACT}.",
    "favourite_1h": f"Most frequent Order.dish{HOUR}, {EXACT}.",
    "favourites_1h": "2 most frequent values of Order.dish, the most frequent first"
    f"{HOUR}, {EXACT}.",
    "focus_1h": "Share that the most frequent value of Order.dish has of all"
    f"{HOUR}, exact up to 10 different values.",
    "median_1h": f"Median of Order.price{HOUR}, {EXACT}.",
    "high_1h": f"0.95 quantile of Order.price{HOUR}, {EXACT}.",
    "recent": "Mean of Order.price where paid, of the latest 50 at most, no more than 30 days old.",
    "recently_1h": f"Count of Order where paid, of the latest 5 at most{HOUR}, no more than 30 "
    "days old.",
    "value_1h": "Sum of Order.price * Order.portions where (Order.price / Order.portions) > 3"
    f"{HOUR}.",
    "early_1h": f"Count of Order where received_at > ordered_at{HOUR}.",
}


@pytest.mark.parametrize("column", WORDS)
def test_an_aggregate_in_words(column: str) -> None:
    assert derived(Words.features[column]) == WORDS[column]


def test_each_aggregate_has_words_of_its_own() -> None:
    functions = {
        f.measure.function.name for f in Words.features.values() if isinstance(f, Aggregated)
    }
    assert functions == {name for name in aggregates.__all__ if name.islower() and name != "codes"}
    assert Words.features.keys() == WORDS.keys()


class Profile(FeatureView):
    entity, model = Guest, "guest_profile"
    ttl = "1d"
    cafe_id: int = key_of(Cafe, default=0)  # where they go
    city: str
    points: int = feature(default=0, min=0, max=9)  # Collected so far!


def test_attributes() -> None:
    row = "of the key's latest row in guest_profile of the last 1 day"
    assert {name: of_feature(one) for name, one in Profile.features.items()} == {
        "cafe_id": f"Where they go. Column cafe_id {row}, 0 where there is none; the key of Cafe.",
        "city": f"Column city {row}.",
        "points": f"Collected so far! Column points {row}, 0 where there is none; at least 0; "
        "at most 9.",
    }
    assert of_model(Profile) == {
        "guest_id": "The key of Guest.",
        "event_ts": "When the row began to hold (UTC).",
        "received_at": "Arrival time (UTC): when the platform could know of the row.",
        "row_id": "The row's unique id, which breaks a tie of both times.",
        "cafe_id": "Where they go. The key of Cafe.",
        "city": "Text.",
        "points": "Collected so far! Whole number; at least 0; at most 9.",
    }


def test_request_features() -> None:
    words = {name: derived(one) for name, one in VisitRequest.features.items()}
    assert words["people"] == "Brought by the request, 1 if it is not."
    assert words["weather"] == "Brought by the request."
    assert words["many"] == "Computed when asked: visit_request.people > 4."
    assert words["since"] == (
        "Computed when asked: np.astype(np.astype(now() - guest_profile.born_at, 'm8[D]'), "
        "'float64')."
    )
    assert words["each"] == "Computed when asked: guest_orders.spend_1d / visit_request.people."


def test_columns_of_a_source() -> None:
    assert {name: of_column(one, REGISTRY) for name, one in Order.columns.items()} == {
        "order_id": "The unique id; it is taken once, and a repeat is recognised for 7 days.",
        "ordered_at": "Event time (UTC): when it happened.",
        "received_at": "Arrival time (UTC): when the platform could know of it.",
        "guest_id": "The key of Guest.",
        "cafe_id": "The key of Cafe.",
        "dish": "Text; one of 'coffee', 'cake'; never null.",
        "note": "Text; may be null.",
        "price": "Number; may be null.",
        "portions": "Whole number; never null.",
        "paid": "Truth value; never null.",
    }


def test_keys_of_a_pair_are_those_of_its_entities() -> None:
    assert of_key("cafe_id", GuestCafe) == "The key of Cafe."


@pytest.mark.parametrize(
    ("measure", "suffix", "words"),
    [
        ("paid", "n", "Kept for Words.paid: number of Order where paid."),
        ("total", "sum", "Kept for Words.total: sum of Order.price where dish == 'cake'."),
        ("kinds", "codes", "Kept for Words.kinds: how often each value occurs, by the value's code,"
         " of Order.dish."),
        ("newest", "last", "Kept for Words.newest: latest Order.dish, with its event's times and "
         "id."),
    ],
)  # fmt: skip
def test_what_tiles_keep(measure: str, suffix: str, words: str) -> None:
    assert of_partial(Words, Words.measures[measure], suffix) == words


def test_each_column_of_tiles_has_words_of_its_own() -> None:
    partials = [
        p for view in (Words, GuestOrders) for m in view.measures.values() for p in m.partials
    ]
    assert {suffix for p in partials for suffix in p.suffixes} <= PARTIALS.keys()


class Fresh(Source):
    model, fresh_within = "stg_fresh", "90m"
    fresh_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    price: float
    half: float = price / 2  # type: ignore[name-defined]  # noqa: F821  # for members


def test_a_computed_column_of_a_source() -> None:
    assert of_column(Fresh.derived["half"], REGISTRY) == (
        "For members. Computed from the event: Fresh.price / 2."
    )


def test_freshness() -> None:
    assert freshness(Fresh) == (
        "A check fails when its newest row arrived more than 90 minutes ago, by the platform's "
        "clock."
    )
    assert freshness(Order) == ""
