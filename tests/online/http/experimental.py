"""The arcade with another version of its ranking's service, and an experiment of both."""

from collections.abc import Mapping

import numpy as np

from slate import FeatureService
from slate.deployment import Deployment
from slate.rankings import Arm, Experiment, Features, Metric, Order, Ranked
from tests.online.arcade import (  # noqa: F401
    Game,
    GameActivity,
    GameCatalog,
    Genre,
    Offer,
    Play,
    Player,
    PlayerActivity,
    PlayerGame,
    PlayerGameHistory,
    PlayerGenre,
    PlayerGenreTaste,
    PlayerProfile,
    PlayerStudio,
    PlayerStudioHistory,
    PlayRequest,
    Studio,
    StudioProfile,
    play_ranking,
    studio_page,
)
from tests.online.http.ranked import Cheapest

# It takes no inputs in, and the version before it does.
play_ranking_4 = FeatureService(
    "play_ranking", version=4, keys=[Player, Game], spine=Offer, features=[GameCatalog.price]
)


class Dearest:
    """The dearest games first, by the features of the other version."""

    service = "play_ranking_v4"

    def order(self, answer: Features, request_id: str) -> Order:
        price = np.nan_to_num(answer["game_catalog.price"].astype(np.float64), nan=1e9)
        return Order(np.argsort(-price, kind="stable"), price, "dear-1")


EXPERIMENT = Experiment(
    "cheap_or_dear",
    by="player_id",
    ranking=Cheapest(),
    arms=[Arm("cheap", Cheapest(), 0.4), Arm("dear", Dearest(), 0.4)],
    metrics=[Metric("plays", Play, within="1h")],
)


def rankings(deployment: Deployment) -> Mapping[str, Ranked]:
    return {"games": EXPERIMENT, "cheapest": Cheapest()}
