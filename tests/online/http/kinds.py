"""The arcade, and a service with values and inputs of each kind, lists, and a view that is near."""

from datetime import datetime

import numpy as np

from slate import (
    CandidateSet,
    FeatureService,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    count,
    event_time,
    last_n,
    request_input,
    unique_id,
)
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


class Lists(FeatureView):
    """The latest two of each kind, padded with null where there is one."""

    entity, source = Game, Play
    notes = last_n(Play.note, 2)
    scores = last_n(Play.score, 2, default=-1)
    seconds = last_n(Play.seconds, 2)
    wins = last_n(Play.won, 2, default=False)
    ends = last_n(Play.ended_at, 2)


class Lately(FeatureView):
    """What is kept in the process that serves."""

    entity, source = Game, Play
    near = "10s"
    plays = count(over="1h")


class Visit(Source):
    """Somebody who looks at a game."""

    model = "stg_visits"
    visit_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    game_id: str
    word: str
    whole: int
    number: float
    truth: bool
    time: datetime


class VisitRequest(RequestFeatures):
    word: str = request_input(default="none")
    whole: int = request_input(default=0)
    number: float = request_input(default=0.5)
    truth: bool = request_input(default=False)
    time: datetime = request_input()
    longer: str = np.strings.add(word, "!")
    double: int = whole * 2
    share: float = number / 0.0
    untrue: bool = ~truth
    later: datetime = time + np.timedelta64(1, "h")


visit = FeatureService(
    "visit",
    version=1,
    keys=[Game],
    candidates=CandidateSet(Game, where=Lately.plays == 0),
    spine=Visit,
    features=[
        GameCatalog,
        Lists,
        Lately,
        VisitRequest.longer,
        VisitRequest.double,
        VisitRequest.share,
        VisitRequest.untrue,
        VisitRequest.later,
    ],
)

# A model that was trained on the first goes on to ask for it.
game_card_v1 = FeatureService(
    "game_card", version=1, keys=[Game], spine=Play, features=[GameCatalog.price, Lately.plays]
)
game_card_v2 = FeatureService(
    "game_card",
    version=2,
    keys=[Game],
    spine=Play,
    features=[GameCatalog],
    without=[GameCatalog.price],
)
