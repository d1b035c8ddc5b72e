"""What is measured in other marketplaces, and what the page says of it."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from live_shopping.model.metrics import Interval
from live_shopping.model.registry import SERVICE
from live_shopping.model.training import NEWEST
from live_shopping.proof import history_alone, seeds_page
from live_shopping.proof.ages import AGES, sampled
from live_shopping.proof.intervals import Verdict, verdict
from live_shopping.proof.marketplace import Size
from live_shopping.proof.seeds import MOST, Failed, Measured, Others, Seeds, over
from slate.registry import Registry
from tests.model.conftest import Sets
from tests.parity.engines import build, compiled
from tests.parity.scenarios import bulk

pytestmark = pytest.mark.process

END = datetime(2026, 11, 22, 9, tzinfo=UTC)
SMALL = Size(days=2, viewers=400, sellers=40, events=2_900, impressions=2_900)


def others(sets: Sets, monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Others:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    # What a run elsewhere would follow.
    monkeypatch.setenv("DAGSTER_HOME", str(sets.deployment.data / "dagster"))
    return Others(sets.deployment, END, requests=100, size=SMALL, models=1)


# That it is run and how it is judged, and what it is judged by, are tested apart too.
@pytest.mark.thorough
def test_another_marketplace_is_measured_and_leaves_nothing(
    sets: Sets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary, said = tmp_path / "temporary", list[str]()
    temporary.mkdir()
    found = others(sets, monkeypatch, temporary).measured([5], said.append)
    assert not found.failed, said
    (one,) = found.measured
    assert one.name == "5"
    assert min(one.rows) > 100
    assert list(one.ndcg) == list(one.gains) == list(AGES)
    assert all(0 < level.mean < 1 for level in one.ndcg.values())
    assert one.gains["1s"].mean == pytest.approx(one.ndcg["1s"].mean - one.ndcg["24h"].mean)
    assert one.ndcg["1min"] != one.ndcg["24h"], "features are of their age"
    assert not list(temporary.iterdir())
    assert not sets.deployment.data.exists(), "nothing of the deployment itself is touched"


def test_features_of_each_age_are_of_the_same_impressions(sets: Sets, tmp_path: Path) -> None:
    project = compiled(sets.deployment, tmp_path / "built")
    deployment, registry = project.deployment, project.deployment.registry
    with duckdb.connect(deployment.warehouse) as connection:
        build(connection, project, bulk(registry, 3, rows=80, instants=8), None)
    found = sampled(deployment, registry.plan(SERVICE), 1_000, lambda _: None)
    assert list(found.tables) == list(AGES)
    fresh = found.tables["1s"]
    asked = fresh["event_ts"].to_pylist()
    last = max(asked)
    assert found.newest.tolist() == [at >= last - NEWEST for at in asked]
    assert min(found.rows) > 0
    for age in AGES:
        table = found.tables[age]
        assert table["request_id"].equals(fresh["request_id"])
        # Counts are of an age, the moment is that of the request.
        assert table["event_ts"].to_pylist() == asked
        for name in ("feed_request.hour", "show_catalog.start_price"):
            assert table[name].equals(fresh[name])
        assert table.select(found.features).equals(fresh.select(found.features)) is (age == "1s")


def test_one_that_fails_is_told_and_costs_no_other_anything(
    sets: Sets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary, empty = tmp_path / "temporary", tmp_path / "empty"
    temporary.mkdir()
    empty.mkdir()
    of = others(sets, monkeypatch, temporary)
    broken = replace(of, production=replace(sets.deployment, dbt_project=empty))
    found = broken.measured([5, 6], lambda _: None)
    assert [one.name for one in found.failed] == ["5", "6"]
    assert not found.measured
    reason = found.failed[0].reason
    assert "`slate run` failed: dbt_project holds no dbt_project.yml" in reason
    assert str(tmp_path) not in reason, "its folder is gone"
    assert not list(temporary.iterdir())


def test_a_marketplace_has_all_that_the_features_of_a_feed_are_made_of(sets: Sets) -> None:
    plan = sets.deployment.registry.plan("feed_ranking_v1")
    alone = Registry.from_module(history_alone)
    assert set(alone.views.values()) == set(plan.views)
    assert plan.service.spine in alone.sources.values()
    assert not alone.services


def test_an_interval_over_marketplaces_is_of_students_t() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(1).normal(0.02, 0.01, MOST).tolist()
    for count in range(2, MOST + 1):
        some = values[:count]
        found = over(some)
        expected = stats.t.interval(0.95, count - 1, np.mean(some), stats.sem(some))
        assert (found.low, found.high) == pytest.approx(expected, rel=1e-3)
        assert (found.lowest, found.highest) == (min(some), max(some))
    assert over([0.3]).alone
    assert over([0.3]).mean == 0.3


def test_what_has_0_at_its_end_is_not_told() -> None:
    assert verdict(Interval(0.1, 0.0, 0.2)) is verdict(Interval(-0.1, -0.2, 0.0)) is Verdict.UNCLEAR
    assert verdict(Interval(0.1, 0.01, 0.2)) is Verdict.ABOVE
    assert verdict(Interval(-0.1, -0.2, -0.01)) is Verdict.BELOW


def measured(name: str, gains: dict[str, float], half: float = 0.005) -> Measured:
    """A marketplace of such gains over the oldest features, each with as wide an interval."""

    def about(mean: float) -> Interval:
        return Interval(mean, mean - half, mean + half)

    whole = {"24h": 0.0} | gains
    means = list(whole.values())
    return Measured(
        name,
        (30_000, 20_000),
        {age: about(0.6 + gain) for age, gain in whole.items()},
        {age: about(gain) for age, gain in whole.items()},
        {
            age: about(now - before)
            for age, before, now in zip(gains, means, means[1:], strict=False)
        },
    )


def test_the_page_says_where_marketplaces_disagree() -> None:
    own = measured("demonstration", {"1h": 0.02, "1min": 0.05, "1s": 0.051})
    one = measured("101", {"1h": 0.018, "1min": 0.048, "1s": 0.049})
    other = measured("102", {"1h": 0.001, "1min": 0.04, "1s": 0.03})
    failed = (Failed("103", "the disk is full"),)
    found = Seeds(SMALL, 3, (one, other), failed)
    text = seeds_page.section(own, found)
    assert "measured in 2 of\n3 marketplaces" in text
    assert "Marketplace 103 was not measured, and is in no number here: the disk is full" in text
    assert "in 102, 1h above 24h is not told from 0, in the demonstration above 0" in text
    assert "in 102, 1s above 1min is below 0, in the demonstration not told from 0" in text
    assert "in 101" not in text
    assert (
        "| 1h above 24h | +0.0095 | +0.0010 | +0.0180 | above 0: 1, not told from 0: 1 "
        "| -0.0985 to +0.1175, not told from 0 |"
    ) in text
    assert "Over all others, unlike in the demonstration, 1h above 24h is not told from 0" in text
    assert seeds_page.over_others("1h above 24h", found) == (
        "; over 2 other marketplaces +0.0095 (-0.0985 to +0.1175)"
    )
    agreed = seeds_page.section(own, replace(found, measured=(one, one), failed=()))
    assert "No marketplace disagrees" in agreed


def test_the_page_says_nothing_of_marketplaces_that_were_not_asked_for() -> None:
    own = measured("demonstration", {"1h": 0.02, "1min": 0.05, "1s": 0.051})
    assert not seeds_page.section(own, Seeds(SMALL, 3, ()))
    none = seeds_page.section(own, Seeds(SMALL, 3, (), (Failed("101", "no room"),)))
    assert "no room" in none
    assert "| gain |" not in none
    single = seeds_page.section(own, Seeds(SMALL, 3, (own,)))
    assert "| 1h above 24h | +0.0200 | +0.0200 | +0.0200 | above 0: 1 | - |" in single
    assert not seeds_page.over_others("1h above 24h", Seeds(SMALL, 3, (own,)))
