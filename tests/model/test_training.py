"""Models are trained, kept, promoted where they are better, and asked by the names they know."""

from dataclasses import replace

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from live_shopping.feed import WEIGHTS
from live_shopping.model import training
from live_shopping.model.asset import assets
from live_shopping.model.exploration import EXPLORED_PLACE, explored
from live_shopping.model.ranker import Ranker, promoted_ranker
from live_shopping.model.rankings import ScoreRanking
from live_shopping.model.registry import (
    Model,
    feed_models,
    history,
    keep,
    load,
    promote,
    promoted_version,
)
from live_shopping.model.training import TooFewRowsError, fit, model_features, split, trained
from slate import Array
from slate.errors import ConfigurationError, DataError
from slate.orchestration.own_assets import own_assets
from tests.model.conftest import UNTIL, Sets

# Scikit-learn asks the system how many cores there are.
pytestmark = pytest.mark.process


def test_a_model_is_judged_by_the_day_it_has_not_seen(sets: Sets) -> None:
    plan = sets.deployment.registry.plan("feed_ranking_v1")
    facts = trained(plan, sets.write(1_000)).facts
    assert (UNTIL - facts.learned_until).total_seconds() == pytest.approx(86_400, abs=1_500)
    assert facts.rows + facts.metrics.rows == 10_000
    assert facts.metrics.rows == pytest.approx(10_000 / 7, rel=0.02)
    assert facts.metrics.auc > 0.6
    assert next(iter(facts.importances)) == "feed_request.mood"
    assert facts.promoted
    assert facts.rival is None


@pytest.fixture
def _unweighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model's features matter is not asked, which takes longer than to fit it."""
    monkeypatch.setattr(training, "_importances", lambda *_: {})


@pytest.mark.usefixtures("_unweighed")
def test_only_what_is_better_on_the_same_rows_is_promoted(sets: Sets) -> None:
    plan, folder = sets.deployment.registry.plan("feed_ranking_v1"), feed_models(sets.deployment)
    good = sets.write(1_000)
    keep(folder, trained(plan, good))
    # It learned that nothing matters, and is judged by rows on which the mood does.
    before = load(folder, 1)
    blind = trained(plan, sets.write(1_000, mood_counts=0.0, version=2))
    keep(folder, replace(blind, facts=replace(blind.facts, promoted=False)))
    again = trained(plan, good, load(folder, 2))
    assert again.facts.rival is not None
    assert again.facts.metrics.rows == again.facts.rival.rows
    assert again.facts.promoted
    assert again.facts.metrics.ndcg > again.facts.rival.ndcg + 0.02
    gain = again.facts.gain
    assert gain is not None
    assert gain.mean == pytest.approx(again.facts.metrics.ndcg - again.facts.rival.ndcg)
    assert 0 < gain.low < gain.mean < gain.high
    same = trained(plan, good, before)
    assert same.facts.rival == same.facts.metrics
    assert not same.facts.promoted, "no better is not better"
    assert promoted_version(folder) == 1


@pytest.mark.usefixtures("_unweighed")
def test_what_is_better_by_chance_alone_is_not_promoted(sets: Sets) -> None:
    """Against a model of a resample of the same rows, which ranks the newest day a bit worse."""
    plan, current = sets.deployment.registry.plan("feed_ranking_v1"), sets.write(300)
    made = trained(plan, current)
    first, _, _ = split(current, made.facts.features)
    rival = Model(fit(first.resampled(RESAMPLE), made.facts.features), made.facts)
    again = trained(plan, current, rival).facts
    assert again.rival is not None
    assert again.gain is not None
    assert again.metrics.ndcg > again.rival.ndcg
    assert again.gain.low < 0 < again.gain.mean
    assert not again.promoted


RESAMPLE = 1


@pytest.mark.usefixtures("_unweighed")
def test_a_day_without_taps_promotes_no_model(sets: Sets) -> None:
    plan, current = sets.deployment.registry.plan("feed_ranking_v1"), sets.write(400)
    first = trained(plan, current)
    file = next(current.glob("*/*.parquet"))
    rows = pq.read_table(file)
    older = rows["event_ts"].to_numpy() < np.datetime64(UNTIL.replace(tzinfo=None)) - DAY
    tapped = pa.array(rows["tapped"].to_numpy() & older)
    place = rows.column_names.index("tapped")
    pq.write_table(rows.set_column(place, "tapped", tapped), file)
    for before in (None, first, lacking(first)):
        facts = trained(plan, current, before).facts
        assert np.isnan(facts.metrics.ndcg)
        assert not facts.promoted


@pytest.mark.usefixtures("_unweighed")
def test_a_model_that_cannot_be_asked_any_more_is_replaced(sets: Sets) -> None:
    plan, current = sets.deployment.registry.plan("feed_ranking_v1"), sets.write(400)
    again = trained(plan, current, lacking(trained(plan, current))).facts
    assert (again.rival, again.promoted) == (None, True)


def lacking(model: Model) -> Model:
    """The same, with a feature that the service lost."""
    return replace(model, facts=replace(model.facts, features=("gone", *model.facts.features[1:])))


# Two hours more, as the set's last row is older than its end.
DAY = np.timedelta64(26, "h")


@pytest.mark.usefixtures("_unweighed")
def test_versions_are_kept_with_their_facts_and_can_be_gone_back_to(sets: Sets) -> None:
    plan, folder = sets.deployment.registry.plan("feed_ranking_v1"), feed_models(sets.deployment)
    model = trained(plan, sets.write(400))
    first, second = keep(folder, model), keep(folder, model)
    assert history(folder) == [first, second]
    assert (first.version, promoted_version(folder)) == (1, 2)
    ranker = Ranker(folder)
    promote(folder, 1)
    assert promoted_version(folder) == 1
    ranker._looked -= 10
    assert ranker.model.facts.version == 1, "it follows without a restart"
    with pytest.raises(DataError, match="no version 9: the latest are 1, 2"):
        promote(folder, 9)
    (folder / "versions/000001/model.joblib").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"cannot be loaded .* train again"):
        load(folder, 1)


def test_a_feature_without_any_value_is_no_obstacle(sets: Sets) -> None:
    plan, current = sets.deployment.registry.plan("feed_ranking_v1"), sets.write(400)
    (file,) = current.glob("*/*.parquet")
    table, name = pq.read_table(file), "viewer_activity.usual_bid_1d"
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, pa.nulls(len(table), pa.float64())), file)
    assert trained(plan, current).facts.metrics.auc > 0.6


def test_too_few_rows_train_nothing(sets: Sets) -> None:
    plan = sets.deployment.registry.plan("feed_ranking_v1")
    with pytest.raises(TooFewRowsError, match="500 rows, too few"):
        trained(plan, sets.write(50))
    assert promoted_ranker(sets.deployment) is None


class Answer(dict[str, Array]):
    """Features of candidates: those the old model knows, and one that came after it."""

    def matrix(self, *, names: tuple[str, ...]) -> Array:
        return np.stack([self[name] for name in names], axis=1).astype(np.float32)


@pytest.fixture
def answer(sets: Sets) -> Answer:
    plan = sets.deployment.registry.plan("feed_ranking_v1")
    rng = np.random.default_rng(0)
    found = Answer({name: rng.random(300) for name in model_features(plan)})
    found["feed_request.is_live"] = np.arange(300) % 3 > 0
    found["feed_request.seller_days"] = np.where(np.arange(300) % 50 == 4, 1.0, 90.0)
    return found


@pytest.fixture
def ranker(sets: Sets, _unweighed: None) -> Ranker:
    plan, folder = sets.deployment.registry.plan("feed_ranking_v1"), feed_models(sets.deployment)
    keep(folder, trained(plan, sets.write(400)))
    return Ranker(folder)


def test_live_shows_come_first_by_the_probability_of_a_tap(ranker: Ranker, answer: Answer) -> None:
    ranked = ranker.rank(answer)
    live = answer["feed_request.is_live"][ranked.order].astype(bool)
    assert live.tolist() == sorted(live.tolist(), reverse=True)
    scores = ranked.scores[ranked.order][live]
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert ranked.explored is None


def test_a_feature_that_came_later_changes_nothing_for_a_model(
    ranker: Ranker, answer: Answer
) -> None:
    before = ranker.rank(answer).scores
    later = Answer({"show_activity.new_one": np.ones(300), **answer})
    np.testing.assert_array_equal(ranker.rank(later).scores, before)


def test_one_place_is_for_a_new_seller(ranker: Ranker, answer: Answer) -> None:
    plain = ranker.rank(answer).order
    found = {f"{n}": ranker.rank(answer, request_id=f"{n}") for n in range(60)}
    new = {row for row in range(300) if row % 50 == 4 and row % 3}
    assert {ranked.explored for ranked in found.values()} == new
    for name, ranked in found.items():
        assert ranked.explored in ranked.order[: EXPLORED_PLACE + 1]
        assert sorted(ranked.order) == list(range(300))
        assert ranker.rank(answer, request_id=name).explored == ranked.explored
        others = [row for row in ranked.order if row != ranked.explored]
        assert others == [row for row in plain if row != ranked.explored]


def test_no_show_is_moved_where_a_new_seller_is_among_the_first(answer: Answer) -> None:
    plain = np.roll(np.arange(300), -2)
    assert answer["feed_request.is_live"][4]
    assert plain[2] == 4
    for number in range(20):
        order, moved = explored(answer, plain, f"{number}")
        assert moved is None
        np.testing.assert_array_equal(order, plain)


def test_both_arms_explore_by_one_rule(answer: Answer) -> None:
    answer |= {name: np.zeros(300) for name in WEIGHTS if name not in answer}
    # New sellers are worth least.
    answer["seller_profile.rating"] = answer["feed_request.seller_days"]
    ranked = ScoreRanking().order(answer, "a request")
    (row,) = ranked.explored
    assert ranked.rows[EXPLORED_PLACE] == row
    assert answer["feed_request.seller_days"][row] == 1.0
    assert not ScoreRanking().order(answer, "").explored


def test_dagster_shows_the_model_and_trains_only_on_what_is_new(sets: Sets) -> None:
    sets.write(400)
    folder = feed_models(sets.deployment)

    def made() -> dg.MaterializeResult[None]:
        result = dg.materialize(own_assets(sets.deployment))
        (event,) = result.get_asset_materialization_events()
        return event.materialization.metadata

    told = made()
    assert told["promoted"].value is True
    assert told["ndcg_10"].value == history(folder)[0].metrics.ndcg
    assert "feed_request.mood" in told["importances"].value
    assert made()["version"].value == 1
    sets.write(400, version=2)
    assert made()["version"].value == 2
    assert "| 2 |" in made()["versions"].value


def test_a_marketplace_that_has_just_begun_fails_no_run(sets: Sets) -> None:
    sets.write(10)
    result = dg.materialize(own_assets(sets.deployment))
    (event,) = result.get_asset_materialization_events()
    assert "too few" in event.materialization.metadata["not_trained"].value


def test_own_assets_are_named_by_a_module(sets: Sets) -> None:
    assert own_assets(replace(sets.deployment, assets="")) == ()
    assert [one.key for one in assets(sets.deployment)] == [
        one.key for one in own_assets(sets.deployment)
    ]
    with pytest.raises(ConfigurationError, match=r"'live_shopping\.nowhere' cannot be imported"):
        own_assets(replace(sets.deployment, assets="live_shopping.nowhere"))
    with pytest.raises(ConfigurationError, match="has no function `assets`"):
        own_assets(replace(sets.deployment, assets="live_shopping.feed"))
