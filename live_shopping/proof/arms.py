"""Experiments in the closed loop: each viewer under the ranking of its arm, and no other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from live_shopping.definitions import Impression
from live_shopping.feed import WEIGHTS
from live_shopping.model.training import Rows, fit, scores
from live_shopping.proof.ages import AGES, OLD, Sample
from live_shopping.proof.closed_loop import Hour, Ranker, impressions_of, viewer_ids
from live_shopping.simulator.rows import Rows as Told
from slate.experiments import Arm, Experiment, Metric
from slate.offline.comparisons import Mean, compared
from slate.offline.outcomes import Analysis, analysed

# How old the features are that batch alone gives, and fresh ones; how often one feed is split.
HOURLY, FRESH, SALTS = "1h", "1min", 200
_WITHIN, LONG_AFTER = "6h", timedelta(days=1)
METRICS = tuple(
    Metric(
        f"{name}_an_open",
        Impression,
        where=where,
        within=_WITHIN,
        per=Metric("opens", Impression, where=Impression.position == 0, within=_WITHIN),
    )
    for name, where in (("taps", Impression.tapped), ("orders", Impression.purchased))
)


@dataclass(frozen=True)
class Loop:
    """What came of the closed loop.

    Attributes:
        viewers: how many viewers opened a feed.
        opens: how often they did, under the freshest ranking.
        compared: the experiments.
        paired: by experiment and metric, how much more the same viewers do an open under the second
            arm's ranking than under the first's, having met both with the same chances.
        false: of so many splits of viewers who all met one feed, the share in which a difference
            in taps was found (p below 0.05).
        splits: how many these were.
    """

    viewers: int
    opens: int
    compared: tuple[Analysis, ...]
    paired: Mapping[str, Mapping[str, Mean]]
    false: float
    splits: int


def score_ranker(age: str) -> Ranker:
    """The hand-written score, of features of an age."""
    weights = np.array(list(WEIGHTS.values()))
    return Ranker(
        "score", AGES[age], tuple(WEIGHTS), lambda matrix: np.nan_to_num(matrix) @ weights
    )


def model_ranker(sample: Sample, age: str) -> Ranker:
    """A model that learned from features of an age, and is asked with such."""
    table = sample.tables[age].filter(pa.array(~sample.newest))
    classifier = fit(Rows(table), sample.features)
    return Ranker(
        f"model_{age}", AGES[age], sample.features, lambda matrix: scores(classifier, matrix)
    )


def loop(hour: Hour, sample: Sample) -> Loop:
    """What models of old and of fresh features earn, and what the hand-written score does."""
    old, hour_old, fresh = (model_ranker(sample, age) for age in (OLD, HOURLY, FRESH))
    hand = score_ranker(FRESH)
    told = {one.name: hour.play(one) for one in (old, hour_old, fresh, hand)}
    experiments = [
        experiment("day_old_or_fresh", {"day_old": old, "fresh": fresh}),
        experiment("hour_old_or_fresh", {"hour_old": hour_old, "fresh": fresh}),
        experiment("score_or_model", {"score": hand, "model": fresh}),
    ]
    same = told[fresh.name]
    found = [
        arms_of(experiment(f"same_{salt}", {"one": fresh, "other": fresh}), told)
        for salt in range(SALTS)
    ]
    false = [one.metrics[0].differences[0].p_value < 0.05 for one in found]
    return Loop(
        viewers=len(np.unique(same["viewer"])),
        opens=int(np.count_nonzero(same["position"] == 0)),
        compared=tuple(arms_of(one, told) for one in experiments),
        paired={one.name: paired(one, told) for one in experiments},
        false=float(np.mean(false)),
        splits=SALTS,
    )


def experiment(name: str, arms: Mapping[str, Ranker]) -> Experiment:
    """An experiment of all viewers, each arm with as many."""
    first = next(iter(arms.values()))
    shares = [Arm(arm, ranker, 1 / len(arms)) for arm, ranker in arms.items()]
    return Experiment(name, by="viewer_id", ranking=first, arms=shares, metrics=METRICS)


def paired(one: Experiment, told: Mapping[str, Told]) -> dict[str, Mean]:
    """What only a simulation can tell: the same viewers under the rankings of both arms.

    Args:
        one: the experiment.
        told: what all viewers did, by the ranker's name; each opens as often under any.
    """
    first, other = (told[_ranker(arm).name] for arm in one.arms)
    viewers, whose = np.unique(first["viewer"], return_inverse=True)
    opens = np.bincount(whose[first["position"] == 0], minlength=len(viewers)).astype(np.float64)
    found = {}
    for metric, what in zip(METRICS, ("tapped", "purchased"), strict=True):
        sums = [
            np.bincount(np.searchsorted(viewers, rows["viewer"]), rows[what], len(viewers))
            for rows in (other, first)
        ]
        everybody = np.zeros(len(viewers), np.int64)
        whole = compared(metric.name, ["both"], everybody, sums[0] - sums[1], opens)
        found[metric.name] = whole.means[0]
    return found


def _ranker(arm: Arm) -> Ranker:
    assert isinstance(arm.ranking, Ranker)
    return arm.ranking


def arms_of(one: Experiment, told: Mapping[str, Told]) -> Analysis:
    """Compare the arms of an experiment, in which each viewer met the ranking of its arm alone.

    Args:
        one: the experiment.
        told: what all viewers did, by the ranker's name.
    """
    exposures, outcomes = list[pa.Table](), list[pa.Table]()
    for name, rows in told.items():
        viewers, whose = np.unique(rows["viewer"], return_inverse=True)
        mine = np.array(_met_by(one, name, viewer_ids(viewers).to_pylist()), object)[whose]
        seen = impressions_of(rows)
        is_mine = pa.array(mine != "")
        outcomes.append(seen.filter(is_mine))
        shown = pa.table(
            {"viewer_id": seen["viewer_id"], "arm": mine.tolist(), "asked_at": seen["event_ts"]}
        )
        exposures.append(shown.filter(pa.array((mine != "") & (rows["position"] == 0))))
    with duckdb.connect() as connection:
        connection.register("exposures", pa.concat_tables(exposures))
        connection.register("outcomes", pa.concat_tables(outcomes))
        until = pc.max(pa.concat_tables(exposures)["asked_at"]).as_py() + LONG_AFTER
        return analysed(one, "exposures", {Impression.model: "outcomes"}, until, connection)


def _met_by(one: Experiment, ranker: str, viewers: list[str]) -> list[str]:
    """The arm by which each viewer met a ranking; empty if it met another one."""
    of_ranker = {arm.name for arm in one.arms if _ranker(arm).name == ranker}
    arms = (one.arm(viewer) for viewer in viewers)
    return [arm.name if arm is not None and arm.name in of_ranker else "" for arm in arms]
