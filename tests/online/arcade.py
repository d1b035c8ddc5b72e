"""A deployment for these tests: players of games, by integer and by text keys."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    count,
    event_time,
    feature,
    key_of,
    last,
    max,
    mean,
    min,
    now,
    request_input,
    std,
    sum,
    unique_id,
)


class Player(Entity):
    player_id: int


class Game(Entity):
    game_id: str


class Studio(Entity):
    studio_id: int


class PlayerGame(Entity):
    player_id: int = key_of(Player)
    game_id: str = key_of(Game)


class PlayerStudio(Entity):
    player_id: int = key_of(Player)
    studio_id: int = key_of(Studio)


class Genre(Entity):
    genre: str


class PlayerGenre(Entity):
    player_id: int = key_of(Player)
    genre: str = key_of(Genre)


class Play(Source):
    model = "stg_plays"
    stream = "plays"
    play_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    player_id: int
    game_id: str
    studio_id: int
    genre: str
    mode: str
    score: int | None
    seconds: float | None
    note: str | None
    won: bool | None
    ended_at: datetime | None


class Offer(Source):
    """A game that a player was offered."""

    model = "stg_offers"
    offer_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    player_id: int
    game_id: str
    device: str
    budget: float


class GameCatalog(FeatureView):
    entity, model = Game, "game_catalog"
    studio_id: int = key_of(Studio, default=0)
    genre: str = key_of(Genre)
    title: str
    language: str = feature(default="en")
    price: float
    discount: float = feature(default=0.25)
    players: int = feature(default=-1)
    free: bool = feature(default=True)
    released_at: datetime
    updated_at: datetime = feature(default=datetime(2020, 1, 1, tzinfo=UTC))


class PlayerProfile(FeatureView):
    entity, model = Player, "player_profile"
    ttl = "30d"
    nickname: str
    level: int = feature(default=1)
    joined_at: datetime


class StudioProfile(FeatureView):
    entity, model = Studio, "studio_profile"
    country: str = feature(default="nowhere")


class GameActivity(FeatureView):
    """Every aggregate of every kind, over windows on small, large and many tiles."""

    entity, source = Game, Play
    plays = count(where=Play.mode == "ranked", over=["1m/5s", "1h", "1d/1m", "30d/1d"])
    seconds = sum(Play.seconds, over=["1m/5s", "1h"])
    score = sum(Play.score, where=Play.mode == "ranked", over=["1h", "10m/5m"])
    usual_seconds = mean(Play.seconds, over=["1h", "1d/1m"])
    usual_score = mean(Play.score, over="1h", default=-1.0)
    shortest = min(Play.seconds, over="1h", default=0.0)
    longest = max(Play.seconds, over=["1h", "1m/5s"])
    worst = min(Play.score, over="1h", default=-7)
    best = max(Play.score, over="1h")
    first_end = min(Play.ended_at, over="1h")
    last_end = max(Play.ended_at, over="1d/1m")
    spread = std(Play.seconds, over=["1h", "30d/1d"])
    score_spread = std(Play.score, over="1h", default=0.0)
    last_note = last(Play.note)
    fresh_note = last(Play.note, over="1h", default="none")
    last_score = last(Play.score, where=Play.mode == "ranked")
    last_seconds = last(Play.seconds, over="1m/5s")
    last_won = last(Play.won, default=False)
    last_end_at = last(Play.ended_at)


class PlayerActivity(FeatureView):
    """Last values alone, bounded by a ttl."""

    entity, source = Player, Play
    ttl = "1h"
    last_game = last(Play.game_id)
    last_score = last(Play.score, default=0)


class PlayerGameHistory(FeatureView):
    entity, source = PlayerGame, Play
    plays = count(over=["1h", "1d"])
    last_note = last(Play.note)


class PlayerStudioHistory(FeatureView):
    entity, source = PlayerStudio, Play
    plays = count(over="1d")


class PlayerGenreTaste(FeatureView):
    entity, source = PlayerGenre, Play
    seconds = sum(Play.seconds, over="1d")


class PlayRequest(RequestFeatures):
    device: str = request_input(default="pc", one_of=["pc", "phone"])
    budget: float = request_input(default=10.0)
    affordable: bool = GameCatalog.price <= budget
    age_days: float = (now() - GameCatalog.released_at) / np.timedelta64(1, "D")
    on_phone: bool = device == "phone"
    same_title: bool = PlayerProfile.nickname == GameCatalog.title
    rate: float = GameActivity.plays["1h"] / np.maximum(GameActivity.plays["30d"], 1)


play_ranking = FeatureService(
    "play_ranking",
    version=3,
    keys=[Player, Game],
    spine=Offer,
    features=[
        PlayerProfile,
        PlayerActivity,
        GameCatalog,
        GameActivity,
        StudioProfile,
        PlayerGameHistory,
        PlayerStudioHistory,
        PlayerGenreTaste,
        PlayRequest.affordable,
        PlayRequest.age_days,
        PlayRequest.on_phone,
        PlayRequest.same_title,
        PlayRequest.rate,
    ],
)


def like_play_ranking(**settings: Any) -> FeatureService:
    """A service of the same keys, features and spine, with other settings."""
    keys, features, spine = play_ranking.keys, play_ranking.features, play_ranking.spine
    return FeatureService("other", version=1, keys=keys, features=features, spine=spine, **settings)


studio_page = FeatureService(
    "studio_page", version=1, keys=[Studio], spine=Play, features=[StudioProfile]
)
