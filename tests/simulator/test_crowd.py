"""A crowd in real time: what each viewer does follows from what they did."""

import math
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from live_shopping.definitions import Event, Order
from live_shopping.definitions.sources import KINDS
from live_shopping.simulator.clock import MINUTE, SECOND
from live_shopping.simulator.crowd import Crowd, Programme, ordered

VIEWERS = [f"v{n}" for n in range(50)]
PROGRAMME = Programme(
    show=np.array([f"sh{n}" for n in range(20)]),
    seller=np.array([f"se{n % 7}" for n in range(20)]),
    category=np.array(["toys", "watches"] * 10),
    price=np.full(20, 30.0),
)
START = 1_800_000_000 * SECOND


@pytest.fixture(scope="module")
def events() -> pa.Table:
    """A hundred minutes, of 40 events each."""
    crowd = Crowd(np.random.default_rng(5), VIEWERS, PROGRAMME)
    steps = [START + n * MINUTE for n in range(101)]
    return pa.concat_tables(crowd.act(40, *span) for span in pairwise(steps))


def test_they_are_events_of_the_stream(events: pa.Table) -> None:
    assert set(events.column_names) == Event.columns.keys() - {"received_at"}
    assert len(set(events["event_id"].to_pylist())) == events.num_rows == 4_000
    times = events["event_ts"].cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()
    assert START < times[0] <= times[-1] <= START + 100 * MINUTE
    shows = {
        show: (seller, category)
        for show, seller, category in zip(
            PROGRAMME.show, PROGRAMME.seller, PROGRAMME.category, strict=True
        )
    }
    for event in events.to_pylist():
        assert shows[event["show_id"]] == (event["seller_id"], event["category"])
        assert (event["price"] is None) == (event["kind"] not in ("bid", "purchase"))
        assert (event["watch_seconds"] is None) == (event["kind"] != "view")
    assert set(events["kind"].to_pylist()) == set(KINDS)


def test_each_purchase_is_an_order(events: pa.Table) -> None:
    orders = ordered(events)
    assert set(orders.column_names) == Order.columns.keys() - {"received_at"}
    bought = [event for event in events.to_pylist() if event["kind"] == "purchase"]
    assert orders["price"].to_pylist() == [event["price"] for event in bought] != []
    assert len(set(orders["device_id"].to_pylist())) <= len(VIEWERS)
    assert ordered(events.slice(0, 0)).num_rows == 0


def test_a_viewer_opens_a_show_acts_in_it_and_leaves(events: pa.Table) -> None:
    for viewer in VIEWERS:
        within = None
        own = [event for event in events.to_pylist() if event["viewer_id"] == viewer]
        for event in own:
            if within is None:
                assert event["kind"] == "tap"
                within, opened = event["show_id"], event["event_ts"]
            assert event["show_id"] == within
            if event["kind"] == "view":
                seconds = (event["event_ts"] - opened).total_seconds()
                assert math.isclose(event["watch_seconds"], seconds)
                within = None


def test_each_acts_once_at_a_time(events: pa.Table) -> None:
    crowd = Crowd(np.random.default_rng(5), VIEWERS, PROGRAMME)
    at_once = crowd.act(1_000, START, START + SECOND)
    assert sorted(at_once["viewer_id"].to_pylist()) == sorted(VIEWERS)
    assert set(at_once["kind"].to_pylist()) == {"tap"}


def test_viewers_of_a_mood_open_shows_of_its_category() -> None:
    columns = ("show", "seller", "category", "price")
    only = Programme(**{name: getattr(PROGRAMME, name)[:2] for name in columns})
    crowd = Crowd(np.random.default_rng(1), [f"v{n}" for n in range(5_000)], only)
    taps = crowd.act(5_000, START, START + SECOND).to_pylist()
    shares = sorted(
        sum(tap["category"] == category for tap in taps) / len(taps)
        for category in ("toys", "watches")
    )
    assert 0 < shares[0] < 0.5 < shares[1] < 1
