"""The demonstration of live shopping: a market that goes on, and feeds ranked with its features."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from live_shopping import demo as live_shopping_demo
from live_shopping.feed import WEIGHTS, active_viewers, catalog, landed_until, score
from live_shopping.simulator import SimulationConfig, simulate
from slate.cli.demo import demo
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError, DataError
from slate.online import FeatureClient, Publisher
from slate.online.store.embedded_server import EmbeddedServer
from tests.online.tables import attribute_rows, window_rows

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    monkeypatch.setenv("SLATE_CONFIG", str(ROOT / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SLATE_REDIS", raising=False)
    return replace(load(), demo="live_shopping.demo")


def land(landing: Path, source: str, at: datetime, rows: list[dict[str, object]]) -> None:
    file = landing / source / f"{at:%Y-%m-%d/%H}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), file)


def listing(show: str | None, status: str, minutes: float, **more: object) -> dict[str, object]:
    at = AT - minutes * MINUTE
    return {
        "change_id": f"{show}-{minutes}", "event_ts": at, "received_at": at, "show_id": show,
        "title": f"{show} {status}", "status": status, "scheduled_at": at, **more,
    }  # fmt: skip


def test_the_catalogue_holds_what_can_be_watched(tmp_path: Path) -> None:
    later = {"received_at": AT + MINUTE}
    listings = [
        listing("soon", "scheduled", 50, scheduled_at=AT + 10 * MINUTE),
        listing("next", "scheduled", 55, scheduled_at=AT + 5 * MINUTE),
        listing("on", "scheduled", 59),
        listing("on", "live", 20),
        listing("over", "live", 40),
        listing("over", "ended", 30),
        # What comes last may tell of what was before.
        listing("late", "ended", 10),
        listing("late", "live", 35, received_at=AT - 5 * MINUTE),
        listing("off", "cancelled", 45),
        listing(None, "live", 15),
        # Not known yet; of a broken clock.
        listing("on", "ended", 1, **later),
        listing("next", "ended", -10, received_at=AT - MINUTE),
    ]
    land(tmp_path, "show_listings", AT - timedelta(hours=1), listings)
    found = catalog(tmp_path, AT, limit=10)
    assert found.shows == ["on", "next", "soon"]
    assert found.titles == ["on live", "next scheduled", "soon scheduled"]
    assert catalog(tmp_path, AT, limit=2).shows == ["on", "next"]
    assert catalog(tmp_path, AT + timedelta(days=9), limit=10).shows == []


def test_damaged_files_do_not_take_the_others_with_them(tmp_path: Path) -> None:
    land(tmp_path, "show_listings", AT - timedelta(hours=1), [listing("on", "live", 20)])
    day = tmp_path / "show_listings" / f"{AT:%Y-%m-%d}"
    whole = (day / "08.parquet").read_bytes()
    (day / "08-damaged.parquet").write_bytes(b"PAR1" + bytes(40) + whole[44:])
    (day / "08-cut.parquet").write_bytes(whole[:100])
    pq.write_table(pa.table({"show_id": [1]}), day / "08-other.parquet")
    assert catalog(tmp_path, AT, limit=10).shows == ["on"]
    (day / "08.parquet").unlink()
    assert catalog(tmp_path, AT, limit=10).shows == []


def test_files_of_other_names_are_not_hours(tmp_path: Path) -> None:
    land(tmp_path, "events", AT, [tap("somebody", 5)])
    for name in ("lines-18.parquet", "99.parquet"):
        (tmp_path / "events" / f"{AT:%Y-%m-%d}" / name).write_bytes(b"")
    assert landed_until(tmp_path) == AT + timedelta(hours=1)


def tap(viewer: str | None, minutes: float, kind: str = "tap") -> dict[str, object]:
    at = AT - minutes * MINUTE
    return {"viewer_id": viewer, "event_ts": at, "received_at": at, "kind": kind}


def test_viewers_of_the_last_minutes_come_first(tmp_path: Path) -> None:
    assert landed_until(tmp_path) is None
    earlier = [tap("busy", 70) for _ in range(3)]
    land(tmp_path, "events", AT - timedelta(hours=2), [*earlier, tap("busier", 90)])
    last = [
        *(tap("now", 5) for _ in range(2)),
        tap("once", 3),
        tap(None, 1),
        tap("view", 1, "view"),
    ]
    land(tmp_path, "events", AT - timedelta(hours=1), last)
    assert landed_until(tmp_path) == AT
    assert active_viewers(tmp_path, AT, limit=9) == ["now", "once", "busy", "busier"]
    assert active_viewers(tmp_path, AT, limit=1) == ["now"]


def test_the_score_is_the_weighted_sum() -> None:
    features = {name: np.zeros(2) for name in WEIGHTS}
    features["feed_request.mood"] = np.array([0.5, np.nan])
    features["feed_request.is_live"] = np.array([False, True])
    features["feed_request.price_gap"] = np.array([1.0, 0.0])
    assert score(features).tolist() == pytest.approx([0.5 * 2.0 - 0.3, 1.0])


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def client(shop: Deployment) -> Iterator[FeatureClient]:
    with EmbeddedServer.attach(shop.data / "redis"), FeatureClient.connect(shop) as client:
        yield client


def test_feeds_are_ranked_and_timed(
    shop: Deployment,
    client: FeatureClient,
    told: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulate(SimulationConfig(data=shop.data, days=1, events=5_000, viewers=300, sellers=60))
    monkeypatch.setattr(live_shopping_demo, "REQUESTS", 25)
    until = landed_until(shop.landing)
    assert until is not None
    with Publisher.connect(shop) as publisher:
        for view in shop.registry.views.values():
            nothing = window_rows if view.windowed else attribute_rows
            publisher.publish(view, [nothing(view, [])], until)
    shown = demo(shop)
    assert shown is not None
    shown.show(client, shop, told.append)
    lines = capsys.readouterr().out.splitlines()
    at = landed_until(shop.landing)
    assert at is not None
    candidates = catalog(shop.landing, at, live_shopping_demo.CANDIDATES).shows
    features = len(shop.registry.service("feed_ranking").features)
    assert re.fullmatch(
        f"answer: service=feed_ranking rows={len(candidates)} features={features} "
        r"p50_ms=\d+\.\d\d p99_ms=\d+\.\d\d features_per_s=\d+",
        lines[-1],
    )
    ranked = [
        line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in candidates
    ]
    assert len(ranked) == live_shopping_demo.FEEDS * live_shopping_demo.TOP
    viewers = active_viewers(shop.landing, at, live_shopping_demo.FEEDS)
    assert [line.split(",")[0] for line in lines if "whose last category" in line] == viewers
    assert told


def test_there_is_nothing_to_rank(shop: Deployment, client: FeatureClient, told: list[str]) -> None:
    with pytest.raises(DataError, match="holds no events"):
        live_shopping_demo.show(client, shop, told.append)
    land(shop.landing, "events", AT - timedelta(hours=1), [tap("somebody", 5)])
    with pytest.raises(DataError, match="1 active viewers and 0 shows"):
        live_shopping_demo.show(client, shop, told.append)


def test_what_others_landed_is_left_alone(shop: Deployment, told: list[str]) -> None:
    land(shop.landing, "events", AT, [tap("somebody", 5)])
    live_shopping_demo.prepare(shop, told.append)
    assert [file.name for file in shop.landing.rglob("*.parquet")] == ["09.parquet"]
    assert told[-1].endswith("Going on with what has landed")


def test_a_demonstration_can_be_left_out_but_not_be_missing(shop: Deployment) -> None:
    assert demo(replace(shop, demo="")) is None
    with pytest.raises(ConfigurationError, match=r"'live_shopping\.dmo' cannot be imported"):
        demo(replace(shop, demo="live_shopping.dmo"))
