"""Training: from a training set to a model, judged by the newest day, which it has not seen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import ThreadpoolController

from live_shopping.model.metrics import (
    Interval,
    Metrics,
    interval,
    measured,
    ndcg_by_request,
    tapped_viewers,
)
from live_shopping.model.registry import Facts, Model
from slate import Array
from slate.errors import DataError
from slate.plans import Plan

LABEL, REQUEST, VIEWER, TIME = "tapped", "request_id", "viewer_id", "event_ts"
# More rows did not rank better on the demonstration, and cost their share of time.
MOST_ROWS = 100_000
LEAST_ROWS = 1_000
SHUFFLED_ROWS = 3_000
NEWEST = timedelta(days=1)


class TooFewRowsError(DataError):
    """There is too little to learn from yet."""


class Rows:
    """Labelled rows with their features.

    Args:
        table: rows of a training set.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.labels: Array = table[LABEL].to_numpy()
        codes = pc.dictionary_encode(table[REQUEST].combine_chunks()).indices
        self.requests: Array = codes.to_numpy()

    def __len__(self) -> int:
        return len(self.labels)

    def matrix(self, features: Sequence[str]) -> Array:
        """The features by their names, as ``matrix_of`` gives them."""
        return matrix_of(self._table, features)

    @property
    def viewers(self) -> Array:
        """Whose each row is."""
        found: Array = self._table[VIEWER].to_numpy()
        return found

    def at_most(self, rows: int) -> "Rows":
        """As many of them, drawn at random but the same each time; all if there are no more."""
        if len(self) <= rows:
            return self
        drawn = np.random.default_rng(0).choice(len(self), rows, replace=False)
        return Rows(self._table.take(np.sort(drawn)))

    def resampled(self, seed: int) -> "Rows":
        """As many requests, drawn with replacement, each with all its rows."""
        order = np.argsort(self.requests, kind="stable")
        counts = np.bincount(self.requests)
        first = np.cumsum(counts) - counts
        drawn = np.random.default_rng(seed).integers(0, len(counts), len(counts))
        rows = [order[first[one] : first[one] + counts[one]] for one in drawn]
        return Rows(self._table.take(np.concatenate(rows)))


def matrix_of(table: pa.Table, features: Sequence[str]) -> Array:
    """Features of a table by their names, NaN where null, of shape (rows, features)."""
    found = np.empty((len(table), len(features)), np.float32, order="F")
    for place, name in enumerate(features):
        found[:, place] = table[name].cast(pa.float64()).to_numpy()
    return found


def model_features(plan: Plan) -> tuple[str, ...]:
    """The features of a service that a matrix can hold: what a new model is given."""
    return tuple(f.name for f in plan.service.features if f.value_type.is_number)


def split(current: Path, features: Sequence[str]) -> tuple[Rows, Rows, datetime]:
    """What to learn from, what to judge by, and the instant between.

    A row is in a training set once its outcome is known (``received_at``), minutes after the feed
    was asked for; what is not known yet is in neither.

    Args:
        current: the folder of a version of the training set.
        features: those that are read.

    Raises:
        TooFewRowsError: there are too few rows.
    """
    data = ds.dataset(current, format="parquet")
    times = data.to_table(columns=[TIME])[TIME]
    if len(times) < LEAST_ROWS:
        raise TooFewRowsError(
            f"{current} has {len(times):,} rows, too few to train a model with ({LEAST_ROWS:,} "
            "are): let more land, then run again"
        )
    until = pc.max(times).as_py() - NEWEST
    read = list(dict.fromkeys([LABEL, REQUEST, VIEWER, *features]))

    def rows(which: ds.Expression) -> Rows:
        return Rows(data.to_table(columns=read, filter=which))

    instant = pa.scalar(until, times.type)
    first, newest = rows(ds.field(TIME) < instant), rows(ds.field(TIME) >= instant)
    if len(first) < LEAST_ROWS or len(set(first.labels.tolist())) < 2:
        raise TooFewRowsError(
            f"{current} has {len(first):,} rows before its newest day, too few to train a model "
            "with: let more land, then run again"
        )
    return first, newest, until


def fit(rows: Rows, features: Sequence[str]) -> HistGradientBoostingClassifier:
    """A classifier of taps."""
    sample = rows.at_most(MOST_ROWS)
    classifier = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, early_stopping=False, random_state=0
    )
    # With a thread for each core it takes ten times the CPU on a machine that others use too.
    matrix = sample.matrix(features)
    # Scikit-learn fails where a column has no value at all; of any one value it makes nothing.
    matrix[:, np.isnan(matrix).all(axis=0)] = 0.0
    with _threads().limit(limits=1):
        return classifier.fit(matrix, sample.labels)


@cache
def _threads() -> ThreadpoolController:
    """Limits threads; looking for the libraries that have some takes as long as a ranking."""
    return ThreadpoolController()


def scores(classifier: HistGradientBoostingClassifier, matrix: Array) -> Array:
    """The probability of a tap, of each row of a matrix."""
    with _threads().limit(limits=1):
        found: Array = classifier.predict_proba(matrix)[:, 1]
    return found


def trained(plan: Plan, current: Path, before: Model | None = None) -> Model:
    """A model of a service's training set, promoted if it ranks better than the one before.

    It does if the interval of the gain in NDCG@10, of the same requests, has no 0 in it: 95 % of
    resamples of viewers. One that is as good, or better by chance, replaces none. A model with a
    feature that the service lost cannot be asked any more: any that was judged replaces it. Where
    nobody tapped on the newest day none is judged, and none promoted.

    Args:
        plan: the service's plan.
        current: the folder of a version of its training set.
        before: the model that is promoted, if one is.

    Raises:
        TooFewRowsError: there are too few rows.
    """
    names = model_features(plan)
    old = before.facts.features if before else ()
    available = set(ds.dataset(current, format="parquet").schema.names)
    # A feature that the service no longer has leaves the old model nothing to be judged by.
    comparable = before is not None and available.issuperset(old)
    read = [*names, *(old if comparable else ())]
    first, newest, until = split(current, read)
    classifier = fit(first, names)
    metrics = judged(classifier, names, newest)
    rival, gain = None, None
    if before and comparable:
        rival = judged(before.classifier, old, newest)
        gain = _gain(newest, (classifier, names), (before.classifier, old))
    facts = Facts(
        service=plan.service.full_name,
        features=names,
        training_set=current.resolve().name,
        learned_until=until,
        rows=min(len(first), MOST_ROWS),
        metrics=metrics,
        rival=rival,
        gain=gain,
    )
    # A day without a tap judges no model, not even a first one.
    judges = not np.isnan(metrics.ndcg)
    better = judges and (rival is None or (gain is not None and gain.low > 0))
    importances = _importances(classifier, names, newest)
    return Model(classifier, replace(facts, importances=importances, promoted=better))


def judged(
    classifier: HistGradientBoostingClassifier, features: Sequence[str], rows: Rows
) -> Metrics:
    """How good a model is on rows."""
    found = scores(classifier, rows.matrix(features))
    return measured(rows.requests, rows.labels, found)


def _gain(
    rows: Rows,
    new: tuple[HistGradientBoostingClassifier, Sequence[str]],
    old: tuple[HistGradientBoostingClassifier, Sequence[str]],
) -> Interval | None:
    """How much NDCG@10 of one model lies above another's; None where nothing was tapped."""
    one, other = (
        ndcg_by_request(rows.requests, rows.labels, scores(model, rows.matrix(features)))
        for model, features in (new, old)
    )
    if not len(one):
        return None
    return interval(one - other, tapped_viewers(rows.requests, rows.labels, rows.viewers))


def _importances(
    classifier: HistGradientBoostingClassifier, features: Sequence[str], rows: Rows
) -> dict[str, float]:
    """By feature, by how much NDCG@10 falls when its values are shuffled; the highest first."""
    # Whole requests, as some of one's rows would rank otherwise.
    few = np.isin(rows.requests, np.unique(rows.requests)[: SHUFFLED_ROWS // 10])
    matrix, labels, requests = rows.matrix(features)[few], rows.labels[few], rows.requests[few]

    def ndcg() -> float:
        found = ndcg_by_request(requests, labels, scores(classifier, matrix))
        return float(found.mean()) if len(found) else 0.0

    whole, rng, found = ndcg(), np.random.default_rng(0), {}
    for place, name in enumerate(features):
        kept = matrix[:, place].copy()
        matrix[:, place] = rng.permutation(kept)
        found[name] = round(whole - ndcg(), 6)
        matrix[:, place] = kept
    return dict(sorted(found.items(), key=lambda item: -item[1]))
