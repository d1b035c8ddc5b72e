"""How good a ranking is."""

from dataclasses import dataclass

import numpy as np

from slate import Array

TOP = 10
RESAMPLES = 1_000
_SMALL = 1e-7


@dataclass(frozen=True)
class Metrics:
    """How good scores are on labelled requests.

    Attributes:
        ndcg: NDCG@10, the mean over the requests in which something was tapped; 1 at best.
        auc: the chance that a row that was tapped scores above one that was not.
        logloss: the mean negative log-likelihood of the labels, in nats a row.
        rows: how many rows they were measured on.
    """

    ndcg: float
    auc: float
    logloss: float
    rows: int


@dataclass(frozen=True)
class Interval:
    """A mean, and between what 95 % of resamples of viewers lie."""

    mean: float
    low: float
    high: float


def measured(requests: Array, labels: Array, scores: Array) -> Metrics:
    """The metrics of scores.

    Args:
        requests: which request each row is of, as any whole numbers.
        labels: whether each row was tapped.
        scores: the probability of that, as a model tells it.
    """
    chance = np.clip(scores, _SMALL, 1 - _SMALL)
    logloss = -np.mean(np.where(labels, np.log(chance), np.log1p(-chance)))
    ndcg = ndcg_by_request(requests, labels, scores)
    auc, size = area_under_curve(labels, scores), len(labels)
    return Metrics(float(ndcg.mean()) if len(ndcg) else np.nan, auc, float(logloss), size)


def ndcg_by_request(requests: Array, labels: Array, scores: Array) -> Array:
    """NDCG@10 of each request in which something was tapped, in order of their numbers."""
    order = np.lexsort((-scores, requests))
    request, gain = requests[order], labels[order].astype(np.float64)
    first = np.flatnonzero(np.diff(request, prepend=request[:1] - 1))
    place = np.arange(len(request)) - np.repeat(first, np.diff(first, append=len(request)))
    discount = np.where(place < TOP, 1 / np.log2(place + 2), 0.0)
    found = np.add.reduceat(gain * discount, first) if len(first) else np.empty(0)
    taps = np.add.reduceat(gain, first).astype(np.int64) if len(first) else np.empty(0, np.int64)
    best = np.cumsum(np.concatenate([[0.0], 1 / np.log2(np.arange(TOP) + 2)]))
    some = taps > 0
    ndcg: Array = found[some] / best[np.minimum(taps[some], TOP)]
    return ndcg


def tapped_viewers(requests: Array, labels: Array, viewers: Array) -> Array:
    """Whose the requests are that ``ndcg_by_request`` tells of, in its order."""
    tapped = np.bincount(requests, labels) > 0
    rows = np.unique(requests, return_index=True)[1]
    found: Array = viewers[rows][tapped[requests[rows]]]
    return found


def interval(values: Array, viewers: Array) -> Interval:
    """The mean of values, and its interval when viewers are resampled with all of theirs."""
    _, who = np.unique(viewers, return_inverse=True)
    sums, counts = np.bincount(who, values), np.bincount(who)
    rng, means = np.random.default_rng(0), np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = rng.integers(0, len(sums), len(sums))
        means[number] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(values.mean()), float(low), float(high))


def area_under_curve(labels: Array, scores: Array) -> float:
    """The area under the ROC curve; NaN where all labels are the same. Ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = int(np.count_nonzero(labels))
    negative = len(labels) - positive
    if not positive or not negative:
        return float("nan")
    above = ranks[labels.astype(np.bool_)].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))
