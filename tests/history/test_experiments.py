"""Comparing arms: a metric's mean and interval, what is there found, and what is not."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from xml.etree import ElementTree

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from slate import Array
from slate.assets.experiment_report import cells, picture, sentences
from slate.experiments import Metric
from slate.offline.comparisons import Difference, compared, mismatch
from slate.offline.outcomes import Analysis, analysed
from tests.online.arcade import Play
from tests.slate.test_experiments import experiment

NOON = datetime(2026, 3, 10, 12)
MINUTE = timedelta(minutes=1)
UNTIL = NOON + 180 * MINUTE


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


PLAYS = Metric("plays", Play, within="1h")
WINS = Metric("wins", Play, where=Play.won & (Play.mode == "ranked"), within="1h")
SHARE = Metric("win_share", Play, where=Play.won, within="1h", per=Metric("all", Play, within="1h"))
SCORE = Metric("score", Play, Play.score, within="10m")
TRIED = experiment(shares=(0.5, 0.5), metrics=[PLAYS, WINS, SHARE, SCORE])


def play(player: int, minute: float, **given: Any) -> dict[str, Any]:
    event = {
        "player_id": player,
        "event_ts": NOON + minute * MINUTE,
        "received_at": NOON + (minute + 1) * MINUTE,
        "mode": "ranked",
        "won": True,
        "score": 3,
    }
    return {**event, **given}


def exposure(player: int, arm: str, minute: float) -> dict[str, Any]:
    return {"player_id": player, "arm": arm, "asked_at": NOON + minute * MINUTE}


def analysis(
    connection: duckdb.DuckDBPyConnection, shown: list[dict[str, Any]], plays: list[dict[str, Any]]
) -> Analysis:
    table = pa.Table.from_pylist(shown)
    asked = table["asked_at"].cast(pa.timestamp("us", tz="UTC"))
    connection.register("shown", table.set_column(2, "asked_at", asked))
    connection.register("plays", pa.Table.from_pylist(plays))
    return analysed(TRIED, "shown", {"stg_plays": "plays"}, UNTIL, connection)


def test_what_comes_after_the_first_exposure_and_in_time_counts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    shown = [
        exposure(1, "arm_0", 0),
        exposure(1, "arm_0", 30),
        exposure(2, "arm_1", 10),
        exposure(3, "arm_1", 10),
        exposure(4, "arm_1", 150),
        exposure(5, "arm_0", 5),
        exposure(5, "arm_1", 6),
        exposure(6, "arm_9", 6),
        exposure(8, "arm_0", 150),
        exposure(8, "arm_1", 151),
        # Not known yet.
        exposure(7, "arm_0", 181),
    ]
    plays = [
        play(1, -0.01),
        play(1, 0),
        play(1, 9.9, won=False, score=None),
        play(1, 59.99, mode="casual"),
        play(1, 60),
        play(2, 11, won=None, score=5),
        play(2, 15, received_at=NOON + 181 * MINUTE),
        play(4, 151),
        play(9, 20),
    ]
    found = analysis(connection, shown, plays)
    assert (found.exposures, found.units) == (10, {"arm_0": 1, "arm_1": 3})
    assert (found.crossed, found.strays, found.later, found.began) == (2, 1, 1, NOON)
    assert found.waiting == {"plays": 1, "wins": 1, "win_share": 1, "score": 0}
    means = {
        metric.metric: [(mean.units, mean.mean) for mean in metric.means]
        for metric in found.metrics
    }
    assert means == {
        "plays": [(1, 3), (2, 0.5)],
        "wins": [(1, 1), (2, 0)],
        "win_share": [(1, 2 / 3), (2, 0)],
        "score": [(1, 3), (3, 8 / 3)],
    }
    assert len(found.warnings) == 3
    assert "less than 100 units" in found.warnings[2]


def test_nothing_was_shown_yet(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("plays", pa.Table.from_pylist([play(1, 0)]))
    found = analysed(TRIED, "", {"stg_plays": "plays"}, UNTIL, connection)
    assert (found.exposures, found.began, found.warnings) == (0, None, [])
    assert all(math.isnan(one.difference) for m in found.metrics for one in m.differences)


def test_a_mean_has_the_error_of_its_units() -> None:
    """Against what is known by heart: Welch's error of a difference of means."""
    arms = np.array([0] * 4 + [1] * 5)
    values = np.array([1.0, 2, 3, 4, 2, 4, 4, 6, 9])
    first, other = values[:4], values[4:]
    (found,) = compared("x", ["a", "b"], arms, values).differences
    assert found.difference == pytest.approx(2.5)
    assert found.error == pytest.approx(math.sqrt(first.var(ddof=1) / 4 + other.var(ddof=1) / 5))
    low, high = found.interval
    assert (low + high) / 2 == pytest.approx(2.5)
    assert high - 2.5 == pytest.approx(1.959964 * found.error)
    assert found.detectable == pytest.approx(2.801585 * found.error)
    assert found.relative == pytest.approx(1.0)
    assert found.p_value == pytest.approx(math.erfc(2.5 / found.error / math.sqrt(2)))


def test_a_quotient_counts_units_not_events() -> None:
    """The delta method, held against units drawn anew."""
    rng = np.random.default_rng(3)
    seen = rng.integers(1, 40, 400).astype(np.float64)
    # Each unit has a share of its own: its events are not independent.
    taps = rng.binomial(seen.astype(int), rng.beta(2, 6, 400)).astype(np.float64)
    (mean, _) = compared("x", ["a", "b"], np.zeros(400), taps, seen).means
    drawn = rng.integers(0, 400, (4_000, 400))
    anew = taps[drawn].sum(axis=1) / seen[drawn].sum(axis=1)
    assert mean.mean == pytest.approx(taps.sum() / seen.sum())
    assert mean.error == pytest.approx(anew.std(), rel=0.06)
    as_if_alone = math.sqrt(mean.mean * (1 - mean.mean) / seen.sum())
    assert mean.error > 1.5 * as_if_alone


def drawn(rng: np.random.Generator, units: int, lift: float = 0.0) -> tuple[Array, Array]:
    """Skewed sums of units, in two arms by chance; those of the other one are higher."""
    arms = rng.integers(0, 2, units)
    return arms, rng.poisson(rng.gamma(0.7, 1.5, units)) + lift * arms


def found_share(lift: float, repeats: int = 600, units: int = 800) -> float:
    rng, found = np.random.default_rng(11), 0
    for _ in range(repeats):
        (one,) = compared("x", ["a", "b"], *drawn(rng, units, lift)).differences
        found += one.p_value < 0.05
    return found / repeats


def test_an_a_a_run_finds_nothing_and_a_difference_is_found_as_often_as_said() -> None:
    assert found_share(0.0) == pytest.approx(0.05, abs=0.025)
    rng = np.random.default_rng(1)
    (one,) = compared("x", ["a", "b"], *drawn(rng, 40_000)).differences
    assert found_share(one.detectable * math.sqrt(40_000 / 800)) == pytest.approx(0.8, abs=0.06)


def test_looking_again_and_again_finds_what_is_not_there_but_not_at_any_time() -> None:
    rng, once, ever, always = np.random.default_rng(5), 0, 0, 0
    repeats, looks = 300, range(200, 4_001, 200)
    for _ in range(repeats):
        arms, values = drawn(rng, looks[-1])
        peeks = [
            compared("x", ["a", "b"], arms[:units], values[:units]).differences[0]
            for units in looks
        ]
        once += peeks[-1].p_value < 0.05
        ever += any(peek.p_value < 0.05 for peek in peeks)
        always += any(not _holds(peek) for peek in peeks)
    assert once / repeats == pytest.approx(0.05, abs=0.04)
    assert ever / repeats > 0.15, "what a look a day makes of 5 %"
    assert always / repeats < 0.05


def _holds(one: Difference) -> bool:
    low, high = one.interval_at_any_time
    return low <= 0 <= high


def test_units_that_get_lost_are_told() -> None:
    assert mismatch([500, 500], [0.1, 0.1]) == pytest.approx(1.0)
    assert mismatch([4_900, 5_100], [0.5, 0.5]) == pytest.approx(0.0455, abs=1e-4)
    assert mismatch([4_700, 5_300], [0.5, 0.5]) < 1e-8
    # With two and three degrees of freedom, from a table of chi-square: 5.991 and 7.815 are 0.05.
    for arms, value in ((3, 5.991), (4, 7.815)):
        off = math.sqrt(value * 1_000 / 2)
        units = [1_000 + off, 1_000 - off, *[1_000.0] * (arms - 2)]
        assert mismatch(units, [1.0] * arms) == pytest.approx(0.05, abs=1e-4)  # type: ignore[arg-type]
    assert mismatch([0, 0], [0.5, 0.5]) == 1.0


def test_arms_without_units_or_spread_tell_nothing() -> None:
    arms = np.array([0, 0, 0, 1, 1, 1])
    (same,) = compared("x", ["a", "b"], arms, np.zeros(6)).differences
    assert (same.difference, math.isnan(same.p_value)) == (0.0, True)
    untold = (*same.interval, *same.interval_at_any_time, same.detectable)
    assert all(map(math.isnan, untold)), "no interval is of no width, for want of what it tells"
    for values, per in product([np.ones(6)], [None, np.zeros(6)]):
        (one, none) = compared("x", ["a", "b", "c"], arms, values, per).differences
        assert math.isnan(none.difference)
        assert math.isnan(one.p_value)


def test_a_report_says_no_more_than_what_holds() -> None:
    rng = np.random.default_rng(2)
    arms, values = drawn(rng, 4_000)
    (by_chance,) = compared("x", ["one", "other"], arms, values).differences
    # In standard errors: 1.96 are enough for one look, and about 3 at any time.
    errors = {"same": 1.0, "once": 2.5, "clear": 12.0}
    shifts = {
        name: number * by_chance.error - by_chance.difference for name, number in errors.items()
    }
    metrics = [
        compared(name, ["one", "other"], arms, values - values.mean() + 5 + shift * arms)
        for name, shift in shifts.items()
    ]
    none = compared("none", ["one", "other"], arms, np.zeros(4_000))
    found = Analysis(
        "tried", UNTIL, NOON, 4_000, 0, {"one": 1_980, "other": 2_020}, 0, 0, (*metrics, none), {},
        0.5,
    )  # fmt: skip
    assert sentences(found)[1:] == [
        "same: other not told from none",
        "once: other is higher, if this is the one look that was planned",
        "clear: other is higher",
        "none: other cannot be told from the first arm yet",
    ]
    bars = [row[-1] for row in cells(found) if row[1] == "other"]
    assert all(len(bar) == 25 for bar in bars[:3])
    assert "┼" in bars[0] or bars[0][12] == "●"
    assert bars[2][12] == "│"
    assert bars[2].index("●") > 20
    assert bars[3] == ""
    drawing = ElementTree.fromstring(picture(found))
    spots = [float(one.get("cx", 0)) for one in drawing.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(spots) == 3
    assert spots == sorted(spots)


def test_more_is_more_also_of_losses() -> None:
    """Where means are negative, a share of them would turn what is higher to the left."""
    arms, values = drawn(np.random.default_rng(2), 4_000)
    losses = compared("losses", ["one", "other"], arms, values - values.mean() - 5 + arms)
    (less,) = losses.differences
    assert less.relative == pytest.approx(less.difference / 5, rel=0.1)
    units = {"one": 1_980, "other": 2_020}
    found = Analysis("tried", UNTIL, NOON, 4_000, 0, units, 0, 0, (losses,), {}, 0.5)
    assert "losses: other is higher" in sentences(found)
    assert cells(found)[1][-1].index("●") > 12
    drawing = ElementTree.fromstring(picture(found))
    (spot,) = drawing.iter("{http://www.w3.org/2000/svg}circle")
    none = next(iter(drawing.iter("{http://www.w3.org/2000/svg}line")))
    assert float(spot.get("cx", 0)) > float(none.get("x1", 0))
