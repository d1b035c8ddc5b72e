"""The marketplace's own definitions, served from rows of random events."""

from datetime import timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from redis import Redis

from live_shopping import definitions as shop
from live_shopping.definitions.sources import DEVICES, KINDS
from slate import Registry
from slate.features import Aggregated
from slate.kinds import Kind
from slate.online import FeatureClient, Publisher, State
from slate.online.serving.live_services import Serving
from slate.online.store.connections import Connections
from tests.online.naive import naive
from tests.online.tables import AS_OF, Event, attribute_rows, window_rows

VIEWERS = [f"viewer_{n}" for n in range(4)]
SHOWS = [f"show_{n}" for n in range(12)]
SELLERS = [f"seller_{n}" for n in range(5)]
CATEGORIES = ["cards", "shoes", "toys"]
AT = AS_OF + timedelta(seconds=17)


def listing(number: int) -> dict[str, Any]:
    return {
        "show_id": SHOWS[number],
        "event_ts": AS_OF - timedelta(hours=2),
        "seller_id": SELLERS[number % len(SELLERS)],
        "category": CATEGORIES[number % len(CATEGORIES)],
        "language": "en",
        "status": "live",
        "start_price": 5.0 + number,
        "scheduled_at": AS_OF - timedelta(hours=1),
        "started_at": AS_OF - timedelta(minutes=30) if number else None,
    }


def events() -> list[Event]:
    random = Random(11)
    found = []
    for number in range(1_500):
        show = listing(random.randrange(len(SHOWS)))
        kind = random.choice(KINDS)
        back = timedelta(days=40) * random.random() ** 8 + timedelta(microseconds=1)
        found.append(
            {
                "id": f"e{number}",
                "number": number,
                "event_ts": AS_OF - back,
                "received_at": AS_OF - timedelta(microseconds=1),
                "viewer_id": random.choice(VIEWERS[:-1]),
                "show_id": show["show_id"],
                "seller_id": show["seller_id"],
                "category": show["category"],
                "kind": kind,
                "price": random.uniform(1, 90) if kind in ("bid", "purchase") else None,
                "watch_seconds": random.uniform(0, 600) if kind == "view" else None,
            }
        )
    return found


EVENTS = events()
ATTRIBUTES: dict[str, list[dict[str, Any]]] = {
    "show_catalog": [listing(number) for number in range(len(SHOWS))],
    "seller_profile": [
        {"seller_id": seller, "event_ts": AS_OF - timedelta(days=9), "country": "de", "rating": 4.5}
        for seller in SELLERS[1:]
    ],
    "viewer_profile": [
        {"viewer_id": viewer, "event_ts": AS_OF - timedelta(days=9), "country": "de"}
        for viewer in VIEWERS
    ],
}


@pytest.fixture
def client(redis: Redis, connections: Connections) -> FeatureClient:
    registry = Registry.from_module(shop)
    publisher = Publisher(redis, "live_shopping")
    for view in registry.views.values():
        rows = (
            window_rows(view, EVENTS if view.source is shop.Event else [])
            if view.windowed
            else attribute_rows(view, ATTRIBUTES[view.name])
        )
        publisher.publish(view, [rows], AS_OF)
    return FeatureClient(Serving(registry, "live_shopping", refresh=1), connections)


# One who did something, and one who never did.
@pytest.mark.parametrize(
    "viewer", [VIEWERS[0], pytest.param(VIEWERS[-1], marks=pytest.mark.thorough)]
)
def test_the_feed_is_ranked_by_what_the_events_say(client: FeatureClient, viewer: str) -> None:
    shows = [*SHOWS, "show_unknown"]
    answer = client.get("feed_ranking", at=AT, viewer_id=viewer, show_id=shows)
    assert answer.errors == ()
    assert len(answer.names) == 155
    table = answer.to_arrow()
    for row, show in enumerate(shows):
        found = listing(row) if row < len(SHOWS) else {"category": "other"}
        keys = {"viewer_id": viewer, "seller_id": None, **found, "show_id": show}
        for feature in shop.feed_ranking.features:
            if isinstance(feature, Aggregated):
                of_key = {name: keys[name] for name in feature.view.entity.keys}  # type: ignore[union-attr]
                own = [event for event in EVENTS if of_key.items() <= event.items()]
                wanted = naive(feature, None, own, AT)
                got = table.column(feature.name)[row].as_py()
                if wanted is not None and feature.kind is Kind.FLOAT:
                    wanted = pytest.approx(wanted, rel=1e-9, abs=1e-9)
                assert got == wanted, (feature, show)


def test_what_is_computed_follows_from_what_is_read(client: FeatureClient) -> None:
    answer = client.get("feed_ranking", at=AT, viewer_id=VIEWERS[0], show_id=SHOWS, device="ios")
    assert answer["feed_request.on_phone"].all()
    live = answer["feed_request.minutes_live"]
    assert np.isnan(live[0])
    assert live[1] == pytest.approx(30 + 17 / 60)
    spend, orders = answer["viewer_activity.spend_30d"], answer["viewer_activity.orders_30d"]
    assert np.array_equal(answer["feed_request.usual_price"], spend / np.maximum(orders, 1))
    heat = np.stack([answer[f"show_activity.{n}_10m"] for n in ("views", "bids", "orders")], axis=1)
    assert np.allclose(answer["feed_request.heat"], np.log1p(heat @ [1.0, 4.0, 16.0]))
    assert answer["feed_request.own_country"].tolist() == [
        number % len(SELLERS) != 0 for number in range(len(SHOWS))
    ]
    assert answer.states["seller_profile"].state.tolist() == [
        State.PRESENT if number % len(SELLERS) else State.DEFAULT for number in range(len(SHOWS))
    ]
    assert answer.matrix().shape == (len(SHOWS), len(answer.matrix_names))


def test_a_show_is_rated_whoever_watches(client: FeatureClient) -> None:
    answer = client.get("show_quality", at=AT, show_id=SHOWS[1])
    feed = client.get("feed_ranking", at=AT, viewer_id=VIEWERS[0], show_id=SHOWS[1])
    shared = set(answer.names) & set(feed.names)
    assert len(shared) == 14
    wanted = feed.to_dicts()[0]
    assert answer.to_dicts() == [{name: wanted[name] for name in answer.names}]
    assert all(device in DEVICES for device in feed["feed_request.device"].tolist())
