"""The ranking that `slate serve` answers: a viewer's feed, by the model that is promoted."""

from collections.abc import Mapping

from live_shopping.model.ranker import Ranker, promoted_ranker
from live_shopping.model.registry import SERVICE, feed_models
from slate.deployment import Deployment
from slate.errors import DataError
from slate.rankings import Features, Order, Ranking


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
        explored = frozenset[int]() if found.explored is None else frozenset([found.explored])
        return Order(found.order, found.scores, str(found.model), explored)


def rankings(deployment: Deployment) -> Mapping[str, Ranking]:
    """What the marketplace's server ranks."""
    return {"feed": FeedRanking(deployment)}
