"""Features of several ages for the same impressions, and models that are trained on each.

A count that is an hour old is its value as of an hour before the feed was asked for: history is
asked about that instant, and leaves out whatever had not arrived by then. The catalogue, accounts
and the moment are those of the request at any age. Models of all ages are of one family, learn from
the same requests and are judged by the same ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import slate
from live_shopping.definitions import Impression
from live_shopping.model.metrics import Interval, interval, ndcg_by_request
from live_shopping.model.training import NEWEST, Rows, fit, model_features, scores
from live_shopping.proof.old_counts import OldCounts
from live_shopping.proof.skews import Skew
from slate import Array
from slate.deployment import Deployment
from slate.errors import DataError
from slate.offline.values import known_until, relations
from slate.offline.warehouse import reading
from slate.plans import Plan

AGES = {
    "24h": timedelta(hours=24),
    "1h": timedelta(hours=1),
    "1min": timedelta(minutes=1),
    "1s": timedelta(seconds=1),
}
FRESH, OLD = "1s", "24h"
# Of history before there is nothing that a feature could be a day older by.
LEARNED_DAYS = timedelta(days=6)
PLACES = 3
_COLUMNS = ("request_id", "event_ts", "viewer_id", "show_id", "device", "tapped", "purchased")


@dataclass(frozen=True)
class Sample:
    """The same impressions with features of each age.

    Attributes:
        tables: by age, the rows with their features.
        newest: which of the rows are of the newest day, which no model learns from.
        features: what models are given.
        skewed: by the skew's name, the rows as models learn from them where they are defined wrong.
    """

    tables: dict[str, pa.Table]
    newest: Array
    features: tuple[str, ...]
    skewed: dict[str, pa.Table] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[int, int]:
        """How many impressions there are to learn from, and how many to judge by."""
        judging = int(np.count_nonzero(self.newest))
        return len(self.newest) - judging, judging


@dataclass(frozen=True)
class Judged:
    """How good a ranking is on requests of the newest day.

    Attributes:
        ndcg: of each request in which something was tapped, NDCG@10.
        ndcg_viewers: whose these requests are.
        orders: of each request, the orders of shows in the first three places of the ranking.
        viewers: whose these are.
    """

    ndcg: Array
    ndcg_viewers: Array
    orders: Array
    viewers: Array


def sampled(
    deployment: Deployment,
    plan: Plan,
    requests: int,
    say: Callable[[str], None],
    skews: Mapping[str, Skew] | None = None,
) -> Sample:
    """Impressions with features of each age: all of the newest day, and so many requests of before.

    Args:
        deployment: whose history is asked.
        plan: that of the service whose features they are; its views are the deployment's.
        requests: how many of those before the newest day are drawn.
        say: told what is being done.
        skews: of which skews they are told too.

    Raises:
        DataError: the warehouse was not built, or knows too little.
    """
    spine = _impressions(deployment)
    last = pc.max(spine["event_ts"]).as_py()
    if last is None:
        raise DataError(f"{deployment.warehouse} knows of no impression: let some land, then run")
    spine = spine.filter(pc.field("event_ts") > last - LEARNED_DAYS - NEWEST)
    before = spine.filter(pc.field("event_ts") < last - NEWEST)
    known = np.unique(before["request_id"].to_pylist())
    drawn = np.random.default_rng(0).choice(known, min(requests, len(known)), replace=False)
    chosen = pc.is_in(before["request_id"], pa.array(drawn, pa.string()))
    newer = spine.filter(pc.field("event_ts") >= last - NEWEST)
    spine = pa.concat_tables([before.filter(chosen), newer]).combine_chunks()
    newest = pc.greater_equal(spine["event_ts"], pa.scalar(last - NEWEST)).to_numpy()
    if not 0 < np.count_nonzero(newest) < len(newest):
        raise DataError(
            f"{deployment.warehouse} knows the impressions of a day or less: let more land, then "
            "run again"
        )
    _require_taps(deployment, spine["tapped"].to_numpy(), newest)
    say(f"the catalogue and accounts, for {spine.num_rows:,} impressions")
    counted = partial(slate.history, at="event_ts", deployment=deployment)
    rows, tables = OldCounts(deployment, plan, spine, "event_ts"), {}
    for age, span in AGES.items():
        say(f"features {age} old, for {spine.num_rows:,} impressions")
        tables[age] = rows.of(span, counted)
    skewed = {}
    for name, skew in (skews or {}).items():
        say(f"{skew.learned}, for the same")
        skewed[name] = rows.as_of(skew.instants(spine["event_ts"]), counted, skew.counts)
    return Sample(tables, newest, model_features(plan), skewed)


def _require_taps(deployment: Deployment, tapped: Array, newest: Array) -> None:
    for which, days in ((~newest, "the days before its newest"), (newest, "its newest day")):
        if not tapped[which].any():
            raise DataError(
                f"{deployment.warehouse} knows {np.count_nonzero(which):,} impressions of {days}, "
                "and none was tapped: there is nothing to rank by. See that `tap` events of these "
                "shows land, then `slate run`"
            )


def _impressions(deployment: Deployment) -> pa.Table:
    """All impressions whose outcome is known, in the order in which feeds were asked for."""
    with reading(deployment) as connection:
        until = known_until(deployment, (Impression.model,), connection)
        model = relations(deployment).get(Impression.model, f'"main"."{Impression.model}"')
        return connection.sql(
            f"""select {", ".join(_COLUMNS)} from {model}
            where received_at < $until::timestamp order by event_ts, request_id, position""",
            params={"until": until.replace(tzinfo=None)},
        ).to_arrow_table()


def judged(
    sample: Sample, learned: pa.Table, asked: pa.Table, seeds: Sequence[int]
) -> tuple[Judged, list[float]]:
    """How well models rank that learn from one table and are asked with another.

    Args:
        sample: the impressions.
        learned: their features as models learn from them.
        asked: their features as models are asked with them.
        seeds: for each a model learns from another resample of the requests.

    Returns:
        What the models come to on average, by request; and the mean NDCG@10 of each model.
    """
    rows = Rows(learned.filter(pa.array(~sample.newest)))
    table = asked.filter(pa.array(sample.newest))
    held = Rows(table)
    matrix = held.matrix(sample.features)
    viewers, orders_of = table["viewer_id"].to_numpy(), table["purchased"].to_numpy()
    first = np.unique(held.requests, return_index=True)[1]
    tapped = np.bincount(held.requests, held.labels) > 0
    ndcg, orders, means = [], [], []
    for seed in seeds:
        found = scores(fit(rows.resampled(seed), sample.features), matrix)
        ndcg.append(ndcg_by_request(held.requests, held.labels, found))
        top = orders_of & (_places(held.requests, found) < PLACES)
        orders.append(np.bincount(held.requests, top))
        means.append(float(ndcg[-1].mean()))
    whose = viewers[first]
    mean = Judged(np.mean(ndcg, axis=0), whose[tapped], np.mean(orders, axis=0), whose)
    return mean, means


def gains(each: Mapping[str, Judged]) -> dict[str, Interval]:
    """By age, how much NDCG@10 lies above that of the oldest features, of the same requests.

    Args:
        each: by age, the oldest first, how good its ranking is.
    """
    old = each[OLD]
    return {age: interval(one.ndcg - old.ndcg, one.ndcg_viewers) for age, one in each.items()}


def steps(each: Mapping[str, Judged]) -> dict[str, Interval]:
    """By age but the oldest, how much NDCG@10 lies above that of the next older features."""
    return {
        age: interval(each[age].ndcg - each[older].ndcg, each[age].ndcg_viewers)
        for older, age in pairwise(each)
    }


def _places(requests: Array, found: Array) -> Array:
    """The place of each row in its request's ranking, from 0."""
    order = np.lexsort((-found, requests))
    ordered = requests[order]
    first = np.searchsorted(ordered, ordered, side="left")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - first
    return places


def personal(table: pa.Table) -> dict[str, Array]:
    """Of each request, whether something personal was known, by what it is.

    Returns:
        `history`: the viewer did something in the last 30 days; `interest`: or told one at sign-up;
        `account`: or the account's language is known.
    """
    codes = Rows(table).requests
    first = np.unique(codes, return_index=True)[1]
    opens = table.take(pa.array(first))
    acts = [opens[f"viewer_activity.{name}_30d"].to_numpy() for name in ("views", "taps")]
    history = np.add(*acts) > 0
    interest = history | pc.is_valid(opens["viewer_profile.interests"]).to_numpy()
    language = opens["viewer_profile.language"]
    account = interest | pc.fill_null(pc.not_equal(language, "unknown"), False).to_numpy()
    return {"history": history, "interest": interest, "account": account}
