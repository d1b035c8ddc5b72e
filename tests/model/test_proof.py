"""What the proof computes, and what its page says."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from live_shopping.model.metrics import Interval, interval, ndcg_by_request, tapped_viewers
from live_shopping.model.training import Rows, model_features
from live_shopping.proof import page
from live_shopping.proof.ages import AGES, Sample, judged, personal, skewed
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


def test_a_skew_counts_an_hour_for_ten_minutes() -> None:
    names = ("viewer_category_taste.taps", "viewer_activity.taps")
    shifted = {f"{names[0]}_10m": [1], f"{names[0]}_1h": [4], f"{names[1]}_10m": [1]}
    rows = pa.table(shifted | {f"{names[1]}_1h": [8], "feed_request.mood": [1.0]})
    assert skewed(rows).to_pylist() == [
        {
            "viewer_category_taste.taps_10m": 4,
            "viewer_category_taste.taps_1h": 4,
            "viewer_activity.taps_10m": 8,
            "viewer_activity.taps_1h": 8,
            "feed_request.mood": 0.5,
        }
    ]


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


def test_the_page_says_what_helps_and_what_is_not_told(tmp_path: Path) -> None:
    clear, unclear = Interval(0.02, 0.01, 0.03), Interval(0.001, -0.01, 0.012)
    same = dict.fromkeys(AGES, Interval(0.6, 0.5, 0.7))
    gains = dict.fromkeys(AGES, clear)
    found = page.Findings(
        rows=(9_000, 1_000),
        seeds=3,
        ndcg=same,
        spread=dict.fromkeys(AGES, (0.59, 0.61)),
        gains=gains,
        steps={"1min": clear, "1s": unclear},
        orders=same,
        order_gains=gains | {"1h": unclear},
        skew=Interval(-0.02, -0.03, -0.01),
        personal={age: dict.fromkeys(("history", "interest", "account"), 0.5) for age in AGES},
        new_seller=0.25,
    )
    text = page.write(tmp_path, found).read_text()
    assert "has 0 in it: orders with features 1h old." in text
    assert "not told from the row before: 1s." in text
    assert "-0.0200 (-0.0300 to -0.0100)" in text
    assert (tmp_path / "proof.svg").read_text().startswith("<?xml")
    assert found.line() == (
        "proof: ndcg_24h=0.6000 ndcg_1h=0.6000 ndcg_1min=0.6000 ndcg_1s=0.6000"
        " new_seller_s=0.250 personal_share=0.5000"
    )
