"""What the proof computes, and what its page says."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from live_shopping.definitions import Event
from live_shopping.model.metrics import Interval, interval, ndcg_by_request, tapped_viewers
from live_shopping.model.training import Rows, model_features
from live_shopping.proof import arms, page
from live_shopping.proof.ages import AGES, Sample, judged, personal
from live_shopping.proof.batch_waits import BatchWaits
from live_shopping.proof.closed_loop import Ranker, events_of, viewer_ids
from live_shopping.proof.marketplace import Size
from live_shopping.proof.seeds import Seeds
from live_shopping.proof.skews import SKEWS
from live_shopping.simulator.feed import Pool
from live_shopping.simulator.marketplace import CATEGORIES
from slate import Array
from tests.model.conftest import SHOWS, Sets

pytestmark = pytest.mark.process


def table(sets: Sets, requests: int, mood_counts: float) -> pa.Table:
    found = pq.read_table(next(sets.write(requests, mood_counts).glob("*/*.parquet")))
    rows = requests * SHOWS
    viewers = np.repeat(np.arange(requests) % 40, SHOWS).astype(str).tolist()
    purchased = found["tapped"].to_numpy() & (np.arange(rows) % 4 == 0)
    place = found.column_names.index("viewer_id")
    return found.set_column(place, "viewer_id", [viewers]).append_column("purchased", [purchased])


def test_what_a_model_knows_better_ranks_better(sets: Sets) -> None:
    whole = table(sets, 600, mood_counts=4.0)
    features = model_features(sets.deployment.registry.plan("feed_ranking_v1"))
    place = whole.column_names.index("feed_request.mood")
    nothing = whole.set_column(place, "feed_request.mood", pa.nulls(len(whole), pa.float64()))
    newest = np.arange(len(whole)) >= len(whole) * 2 // 3
    sample = Sample({}, newest, features)
    knowing, means = judged(sample, whole, whole, seeds=[0, 1])
    blind, _ = judged(sample, nothing, nothing, seeds=[0, 1])
    gain = interval(knowing.ndcg - blind.ndcg, knowing.ndcg_viewers)
    assert gain.low > 0
    assert np.mean(means) == pytest.approx(knowing.ndcg.mean())
    assert len(knowing.orders) == 200
    assert interval(knowing.orders - blind.orders, knowing.viewers).mean > 0
    same, _ = judged(sample, nothing, nothing, seeds=[0, 1])
    assert interval(same.ndcg - blind.ndcg, blind.ndcg_viewers) == Interval(0.0, 0.0, 0.0)


def test_what_is_averaged_is_known_to_be_whose() -> None:
    requests, labels = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 0, 1, 1], bool)
    viewers = np.array(["a", "a", "b", "b", "c", "c"])
    assert tapped_viewers(requests, labels, viewers).tolist() == ["a", "c"]
    assert len(ndcg_by_request(requests, labels, np.arange(6.0))) == 2


def test_a_resample_has_whole_requests(sets: Sets) -> None:
    rows = Rows(table(sets, 50, mood_counts=1.0))
    drawn = rows.resampled(3)
    counts = np.bincount(drawn.requests)
    assert len(drawn) == len(rows)
    assert (counts % SHOWS == 0).all()
    assert counts.max() > SHOWS, "some are drawn twice"


def test_intervals_count_viewers_not_rows() -> None:
    values, alone = np.repeat(np.arange(20.0), 50), np.arange(1_000)
    by_viewer = interval(values, np.repeat(np.arange(20), 50))
    by_row = interval(values, alone)
    assert by_viewer.mean == by_row.mean == pytest.approx(9.5)
    assert by_viewer.high - by_viewer.low > 4 * (by_row.high - by_row.low)


def test_skews_take_one_count_for_another() -> None:
    counts = {
        "viewer_activity.taps_10m": pa.array([1]),
        "viewer_activity.taps_1h": pa.array([8]),
        "show_activity.usual_watch_10m": pa.array([30.0]),
    }
    hours = SKEWS["window"].counts(counts)
    assert {name: values[0].as_py() for name, values in hours.items()} == {
        "viewer_activity.taps_10m": 8,
        "viewer_activity.taps_1h": 8,
        "show_activity.usual_watch_10m": 30.0,
    }
    minutes = SKEWS["unit"].counts(counts)
    assert minutes["show_activity.usual_watch_10m"].to_pylist() == [0.5]
    assert minutes["viewer_activity.taps_1h"].to_pylist() == [8]
    asked = pa.chunked_array([[datetime(2026, 3, 9, 7), datetime(2026, 3, 10, 12)]])
    assert SKEWS["day"].instants(asked).to_pylist() == [
        datetime(2026, 3, 10),
        datetime(2026, 3, 10, 12),
    ]
    assert SKEWS["unit"].instants(asked)[0].as_py() == datetime(2026, 3, 9, 6, 59, 59)


def test_something_personal_is_counted_by_open() -> None:
    rows = pa.table(
        {
            "request_id": ["a", "a", "b", "c", "d"],
            "tapped": [False] * 5,
            "viewer_activity.views_30d": [2, 2, 0, 0, 0],
            "viewer_activity.taps_30d": [0, 0, 0, 0, 0],
            "viewer_profile.interests": [None, None, "toys", None, None],
            "viewer_profile.language": ["en", "en", "en", "fr", "unknown"],
        }
    )
    assert {name: is_so.tolist() for name, is_so in personal(rows).items()} == {
        "history": [True, False, False, False],
        "interest": [True, True, False, False],
        "account": [True, True, True, False],
    }


def told(viewers: int, tap: float, seed: int) -> dict[str, Array]:
    """What viewers did with a feed of five shows, opened once or twice, each more or less keen."""
    rng = np.random.default_rng(5)
    opens = np.repeat(np.arange(viewers), rng.integers(1, 3, viewers))
    chance = tap * rng.gamma(3, 1 / 3, viewers)[np.repeat(opens, 5)]
    viewer, position = np.repeat(opens, 5), np.tile(np.arange(5), len(opens))
    tapped = np.random.default_rng(seed).random(len(viewer)) < chance
    when = np.sort(rng.integers(0, 3_600_000_000, len(opens)))
    return {
        "viewer": viewer,
        "show": 100 + position,
        "position": position,
        "tapped": tapped,
        "purchased": tapped & (np.arange(len(viewer)) % 3 == 0),
        "event_ts": np.repeat(when, 5),
        "known_at": np.repeat(when, 5) + 60_000_000,
        "watch_seconds": np.where(tapped, 20.0, 0.0),
    }


def ranker(name: str) -> Ranker:
    return Ranker(name, AGES["1min"], ("show_activity.taps_1h",), lambda matrix: matrix[:, 0])


def test_each_viewer_counts_under_the_ranking_of_its_arm_alone() -> None:
    both = {"old": told(2_000, 0.10, 1), "new": told(2_000, 0.14, 2)}
    one = arms.experiment("old_or_new", {"old": ranker("old"), "new": ranker("new")})
    found = arms.arms_of(one, both)
    assert (sum(found.units.values()), found.crossed, found.warnings) == (2_000, 0, [])
    for metric, what in zip(found.metrics, ("tapped", "purchased"), strict=True):
        for mean in metric.means:
            rows = both[mean.arm]
            ids = viewer_ids(rows["viewer"]).to_pylist()
            mine = np.array([(arm := one.arm(v)) is not None and arm.name == mean.arm for v in ids])
            opens = np.count_nonzero(mine & (rows["position"] == 0))
            assert mean.mean == pytest.approx(np.count_nonzero(rows[what] & mine) / opens)
    (taps, _) = found.metrics
    assert taps.differences[0].interval_at_any_time[0] > 0, "a better feed is found"
    pairs = arms.paired(one, both)["taps_an_open"]
    low, high = pairs.interval
    assert low < 0.2 < high, "0.04 more taps for each of five shows"
    assert arms.paired(one, dict.fromkeys(both, both["old"]))["taps_an_open"].mean == 0
    again = [
        arms.arms_of(arms.experiment(f"same_{n}", {"a": ranker("old"), "b": ranker("old")}), both)
        for n in range(20)
    ]
    chance = [one.metrics[0].differences[0].p_value < 0.05 for one in again]
    assert sum(chance) <= 4, "of one feed nothing is found, but for one in twenty"


def test_what_viewers_do_becomes_events_of_the_source() -> None:
    pool = Pool(*[np.array(column) for column in POOL])
    rows = {name: column[:10] for name, column in told(50, 0.6, 3).items()}
    rows["tapped"][:], rows["purchased"][:] = False, False
    rows["tapped"][[1, 7]], rows["purchased"][7] = True, True
    rows["watch_seconds"][[1, 7]] = 20.0
    events = events_of(rows, pool)
    assert set(events.column_names) < set(Event.columns)
    found = {
        (row["kind"], row["show_id"], row["seller_id"], row["category"], row["price"])
        for row in events.to_pylist()
    }
    one, other = (
        (f"sh{100 + n:012}", f"se{n:08}", CATEGORIES[n % len(CATEGORIES)]) for n in (1, 2)
    )
    assert found == {
        ("tap", *one, None),
        ("view", *one, None),
        ("tap", *other, None),
        ("view", *other, None),
        ("purchase", *other, 10.0),
    }
    taps, looks = (events.filter(pc.field("kind") == kind) for kind in ("tap", "view"))
    took = pc.subtract(looks["event_ts"], taps["event_ts"]).cast(pa.int64()).to_pylist()
    assert took == [20_000_000] * 2
    assert pc.all(pc.greater(events["received_at"], events["event_ts"])).as_py()


# Five shows: number, seller, category, language, begin, end, and what they are worth.
POOL = (
    [100, 101, 102, 103, 104],
    [0, 1, 2, 3, 4],
    [n % len(CATEGORIES) for n in range(5)],
    [0] * 5,
    [0] * 5,
    [10**12] * 5,
    [10.0] * 5,
    [0.0] * 5,
    [0.0] * 5,
    [1.0] * 5,
    [0] * 5,
)


def test_the_page_says_what_helps_and_what_is_not_told(tmp_path: Path) -> None:
    clear, unclear = Interval(0.02, 0.01, 0.03), Interval(0.001, -0.01, 0.012)
    same = dict.fromkeys(AGES, Interval(0.6, 0.5, 0.7))
    gains = dict.fromkeys(AGES, clear)
    one = arms.experiment("old_or_new", {"old": ranker("old"), "new": ranker("new")})
    both = {"old": told(400, 0.1, 1), "new": told(400, 0.3, 2)}
    paired = {one.name: arms.paired(one, both)}
    loop = arms.Loop(400, 600, (arms.arms_of(one, both),), paired, false=0.045, splits=200)
    ranking = page.Ranking(
        rows=(9_000, 1_000),
        models=3,
        ndcg=same,
        spread=dict.fromkeys(AGES, (0.59, 0.61)),
        gains=gains,
        steps={"1h": clear, "1min": clear, "1s": unclear},
        orders=same,
        order_gains=gains | {"1h": unclear},
        order_steps={"1h": unclear, "1min": clear, "1s": Interval(-0.02, -0.03, -0.01)},
        skews={"day": Interval(-0.02, -0.03, -0.01), "unit": unclear},
        order_skews={"day": unclear, "unit": unclear},
        personal={age: dict.fromkeys(("history", "interest", "account"), 0.5) for age in AGES},
    )
    found = page.Findings(
        ranking,
        new_seller=page.NewSellers(5, 0.25),
        batch=BatchWaits(7, (1_800.0, 3_240.0), (36_000.0, 79_200.0)),
        loop=loop,
        others=Seeds(Size(), 3, ()),
    )
    found = replace(found, others=Seeds(Size(), 3, (found.own, found.own)))
    text = page.write(tmp_path, found).read_text()
    assert "has 0 in it: orders with features 1h old." in text
    assert "not told from the row before: 1s." in text
    assert "| counts at the moment | -0.0200 (-0.0300 to -0.0100) | +0.0010" in text
    assert "| taps an open | old | " in text
    assert "Of 200 splits of viewers who all met `fresh`, 4.5% found" in text
    helped_not = text.partition("## What did not help")[2]
    assert (
        "- Features 1s above 1min, by NDCG@10: +0.0010 (-0.0100 to +0.0120); over 2 " in helped_not
    )
    assert "1s above 1min, by orders an impression: -0.0200 (-0.0300 to -0.0100)" in helped_not
    assert "1h above 24h, by orders" in helped_not
    assert "1min above 1h" not in helped_not
    assert "above one of minutes watched, by NDCG@10: -0.0010 (-0.0120 to +0.0100)" in helped_not
    assert "at the end of the day" not in helped_not
    assert "Taps an open" not in helped_not
    assert "## In other marketplaces" in text
    plots = [tmp_path / name for name in ("proof.svg", "proof_seeds.svg")]
    assert all(plot.read_text().startswith("<?xml") for plot in plots)
    alone = page.write(tmp_path, replace(found, others=Seeds(Size(), 3, ()))).read_text()
    assert "## In other marketplaces" not in alone
    assert not plots[1].exists(), "an old plot would pass for one of this page"
    sold_nothing = {
        name: rows | {"purchased": rows["tapped"] & False} for name, rows in both.items()
    }
    nothing = replace(
        loop,
        compared=(arms.arms_of(one, sold_nothing),),
        paired={one.name: arms.paired(one, sold_nothing)},
    )
    text = page.write(tmp_path, replace(found, loop=nothing)).read_text()
    assert "nan" not in text
    assert "| 0.000 | cannot be told | - | cannot be told |" in text
    assert "- Orders an open under `new`, above `old`, in the experiment: cannot be told" in text
    assert "0.5000" in found.note()
    assert found.line() == (
        "proof: ndcg_24h=0.6000 ndcg_1h=0.6000 ndcg_1min=0.6000 ndcg_1s=0.6000"
        " new_seller_s=0.250 personal_share=0.5000"
    )
