"""The ranking that `slate serve` answers: a viewer's feed, by the model that is promoted.

A twentieth of the viewers get the hand-written score in its place, and are compared with another
twentieth: what the model is worth is measured for as long as it serves.
"""

from collections.abc import Mapping

import numpy as np

from live_shopping.definitions import Event, Impression
from live_shopping.feed import score
from live_shopping.model.exploration import LIVE, explored
from live_shopping.model.ranker import Ranker, promoted_ranker
from live_shopping.model.registry import SERVICE, feed_models
from slate.deployment import Deployment
from slate.errors import DataError
from slate.rankings import Arm, Experiment, Features, Metric, Order, Ranked


class FeedRanking:
    """Ranks by the promoted model of a deployment, from when there is one.

    Args:
        deployment: the deployment.

    Attributes:
        service: whose answers it ranks.
    """

    service = SERVICE

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._ranker: Ranker | None = None

    def order(self, answer: Features, request_id: str) -> Order:
        """The order of an answer's shows, one of them explored where the request has an id.

        Raises:
            DataError: no model is promoted.
        """
        if self._ranker is None:
            self._ranker = promoted_ranker(self._deployment)
        if self._ranker is None:
            raise DataError(
                f"no model is promoted in {feed_models(self._deployment)}: `slate run` trains one, "
                "once enough impressions have landed; a server on another machine needs this folder"
            )
        found = self._ranker.rank(answer, request_id)
        return Order(found.order, found.scores, str(found.model), _rows(found.explored))


class ScoreRanking:
    """Ranks by the hand-written score, live shows first; it needs no model.

    It explores as the model's ranking does, so that arms differ by what shows are worth alone.
    """

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        """The order of an answer's shows, one of them explored where the request has an id."""
        worth = score(answer)
        live = answer[LIVE].astype(np.bool_)
        order, moved = explored(answer, np.lexsort((-worth, ~live)), request_id)
        return Order(order, worth, "score", _rows(moved))


def _rows(moved: int | None) -> frozenset[int]:
    return frozenset() if moved is None else frozenset([moved])


METRICS = (
    Metric("taps", Event, where=Event.kind == "tap", within="1h"),
    Metric("orders", Event, where=Event.kind == "purchase", within="1d"),
    Metric("spend", Event, Event.price, where=Event.kind == "purchase", within="1d"),
    Metric(
        "tap_share",
        Impression,
        where=Impression.tapped,
        within="1h",
        per=Metric("impressions", Impression, within="1h"),
    ),
)


def rankings(deployment: Deployment) -> Mapping[str, Ranked]:
    """What the marketplace's server ranks."""
    feed = FeedRanking(deployment)
    return {
        "feed": Experiment(
            "model_or_score",
            description="What the model is worth, against the hand-written score.",
            owner="ranking@live-shopping.example",
            by="viewer_id",
            ranking=feed,
            arms=[Arm("score", ScoreRanking(), 0.05), Arm("model", feed, 0.05)],
            metrics=METRICS,
        )
    }
