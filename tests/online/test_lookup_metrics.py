"""Metrics of lookups within an application, where it asks for them."""

import asyncio
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from slate.deployment import Deployment
from slate.errors import MissingPackageError
from slate.online import AsyncFeatureClient, FeatureClient, Publisher, enable_metrics
from slate.online.rows.row_format import NO_TIME
from slate.online.serving import known_views, lookup_stages
from slate.online.serving.known_views import GAUGES
from slate.online.serving.view_state import ViewState
from slate.states import State
from tests.online.tables import AS_OF

HOUR = timedelta(hours=1)
RANKING = {"service": "play_ranking_v3"}
STATIONS: dict[str, Any] = {"station_id": [1, 2], "expected": 1.0}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    """An application's registry, with metrics of lookups."""
    monkeypatch.setattr(lookup_stages, "_metrics", {})
    registry = CollectorRegistry()
    assert enable_metrics(registry) is enable_metrics(registry)
    return registry


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


def test_lookups_are_counted_and_timed_by_stage(
    registry: CollectorRegistry, deployment: Deployment, published: datetime
) -> None:
    with FeatureClient.connect(deployment) as client:
        for _ in range(3):
            client.get("play_ranking", published, player_id=1, game_id=["chess", "none"])

    async def ask() -> None:
        async with AsyncFeatureClient.connect(deployment) as client:
            await client.get("play_ranking", published, player_id=1, game_id=["chess", "none"])

    asyncio.run(ask())
    assert value(registry, "slate_lookup_seconds_count", **RANKING) == 4
    stages = {"request": 4, "live": 2, "keys": 4, "store": 4, "decode": 4, "compute": 4}
    for stage, number in stages.items():
        name = "slate_lookup_stage_seconds_count"
        assert value(registry, name, stage=stage, **RANKING) == number
    took = [value(registry, "slate_lookup_stage_seconds_sum", stage=s, **RANKING) for s in stages]
    whole = value(registry, "slate_lookup_seconds_sum", **RANKING)
    assert 0 < sum(took) <= whole
    assert value(registry, "slate_lookup_rows_total", **RANKING) == 8
    for state in ("present", "default"):
        assert value(registry, "slate_lookup_states_total", view="game_catalog", state=state,
                     **RANKING) == 4  # fmt: skip
    assert value(registry, "slate_lookup_errors_total", **RANKING) == 0


def test_a_lost_store_is_seen_in_states_and_errors(
    registry: CollectorRegistry, deployment: Deployment
) -> None:
    with FeatureClient.connect(replace(deployment, redis="redis://127.0.0.1:1")) as client:
        client.get("play_ranking", player_id=1, game_id=["chess", "go"])
    view = {"view": "game_catalog", "state": "missing"}
    assert value(registry, "slate_lookup_states_total", **view, **RANKING) == 2
    assert value(registry, "slate_lookup_errors_total", **RANKING) == 1


def test_near_views_tell_how_far_behind_they_are_until_they_are_closed(
    registry: CollectorRegistry, deployment: Deployment, publisher: Publisher
) -> None:
    bikes = replace(deployment, name="bikes", definitions="tests.deployments.bikes.definitions")
    publisher = Publisher(publisher._redis, "bikes")
    for view in bikes.registry.views.values():
        publisher.publish(view, [], datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    behind, near = "slate_near_behind_seconds", {"view": "station_moves"}
    assert registry.get_sample_value(behind, near) is None
    with FeatureClient.connect(bikes) as client:
        assert client.wait_until_near(20)
        assert client.get("station_outlook", **STATIONS).states["station_moves"].behind
        assert value(registry, behind, **near) > 0
    assert registry.get_sample_value(behind, near) is None
    stage = {"service": "station_outlook_v1", "stage": "near"}
    assert value(registry, "slate_lookup_stage_seconds_count", **stage) == 1


def test_how_views_stand_is_told_as_the_store_told_it_last(
    registry: CollectorRegistry,
    deployment: Deployment,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog, studio = (
        deployment.registry.view(name) for name in ("game_catalog", "studio_profile")
    )
    old = publisher.publish(catalog, [], AS_OF)
    publisher.publish(catalog, [], AS_OF + HOUR)
    monkeypatch.setattr(catalog, "fresh_within_us", 1_500_000)

    def told(view: str = "game_catalog") -> dict[str, float]:
        labels = {"view": view}
        found = {one: registry.get_sample_value(f"slate_view_{one}", labels) for one in GAUGES}
        return {name: number for name, number in found.items() if number is not None}

    assert told() == {}
    with FeatureClient.connect(deployment, refresh=0) as client:

        def ask() -> None:
            client.get("play_ranking", player_id=1, game_id=["chess"])

        ask()
        until = (AS_OF + HOUR).timestamp()
        live = publisher.live(catalog)
        assert live is not None
        assert told() == {
            "live": 1,
            "as_of_timestamp_seconds": until,
            "known_until_timestamp_seconds": until,
            "published_timestamp_seconds": live.published_at.timestamp(),
            "fresh_within_seconds": 1.5,
            "held_back": 0,
            "pinned": 0,
        }
        assert told("studio_profile") == {"live": 0, "held_back": 0, "pinned": 0}
        publisher.tell_held_back([catalog, studio], [])
        publisher.rollback(catalog, pin=True)
        ask()
        assert told()["as_of_timestamp_seconds"] == old.as_of.timestamp()
        assert (told()["held_back"], told()["pinned"], told("studio_profile")["held_back"]) == (
            1,
            1,
            1,
        )
        since = publisher.held_back(catalog)
        publisher.tell_held_back([catalog], [studio])
        assert publisher.held_back(catalog) == since
        publisher.unpin(catalog)
        publisher.publish(catalog, [], AS_OF + HOUR)
        ask()
        assert (told()["held_back"], told()["pinned"], told("studio_profile")["held_back"]) == (
            0,
            0,
            0,
        )
        monkeypatch.setattr(known_views, "_TRUSTED_SECONDS", -1)
        assert told() == {}, "nobody asked for long, so what is live by now is not known"
    assert told() == {}


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingPackageError, match=r"pip install slate\[metrics\]"):
        enable_metrics()


def test_states_are_counted_as_they_are_told() -> None:
    random = np.random.default_rng(0)
    # What is told of rows is told of each, or of one for all of them.
    for rows, *by_row in product((0, 1, 5), *[(False, True)] * 3):
        absent, stale, missing = (random.random(rows if each else 1) < 0.5 for each in by_row)
        for ttl in (stale, None):
            event_ts = np.where(absent, NO_TIME, 1)
            told = ViewState(rows, 0, None, event_ts, ttl, missing, None)
            wanted = Counter(State(one).name.lower() for one in told.state.tolist())
            assert Counter(told.counts) == wanted
