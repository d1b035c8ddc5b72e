"""Rankings of the arcade, as a deployment has them."""

from collections.abc import Mapping

import numpy as np

from slate.deployment import Deployment
from slate.errors import DataError
from slate.rankings import Features, Order, Ranking

SERVICE = "play_ranking_v3"
TRY = "try the last"


class Cheapest:
    """The cheapest games first; of a request that says so, the last one second."""

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        price = np.nan_to_num(answer["game_catalog.price"].astype(np.float64), nan=1e9)
        rows = np.argsort(price, kind="stable")
        if request_id != TRY:
            return Order(rows, -price, "cheap-1")
        tried = int(rows[-1])
        return Order(np.insert(rows[:-1], 1, tried), -price, "cheap-1", frozenset([tried]))


class Unsure:
    """One that scores the first alone, and the second infinitely low."""

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        scores = np.full(len(answer["game_catalog.price"]), np.nan)
        scores[:1], scores[1:2] = 1.0, -np.inf
        return Order((-scores).argsort(kind="stable"), scores, "unsure-1")


class Untrained:
    """One that has no model."""

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        raise DataError("no model is promoted: train one")


class Outdated:
    """One whose model was trained with a feature that its service has no more."""

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        matrix = answer.matrix(names=["game_catalog.gone"])
        return Order(np.arange(len(matrix)), matrix[:, 0], "old-1")


class Wrong:
    """One that says its version as a number, which no log of exposures could hold."""

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        rows = np.arange(len(answer["game_catalog.price"]))
        return Order(rows, rows, 7)  # type: ignore[arg-type]


class Nowhere:
    """One that tells no order."""

    service = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        return None  # type: ignore[return-value]


def rankings(deployment: Deployment) -> Mapping[str, Ranking]:
    return {
        "cheapest": Cheapest(),
        "unsure": Unsure(),
        "untrained": Untrained(),
        "outdated": Outdated(),
        "wrong": Wrong(),
        "nowhere": Nowhere(),
    }
