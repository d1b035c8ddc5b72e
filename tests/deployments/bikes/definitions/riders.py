"""What is known of a rider."""

from datetime import datetime

from slate import (
    FeatureView,
    count,
    distinct,
    feature,
    first,
    last,
    last_n,
    max,
    mean,
    share,
    std,
    sum,
    top,
)
from tests.deployments.bikes.definitions.entities import Rider, RiderStation
from tests.deployments.bikes.definitions.sources import PURPOSES, Move


class RiderProfile(FeatureView):
    """A membership."""

    entity, model = Rider, "rider_profile"
    near = "2s"
    plan: str = feature(default="guest")
    trips: int = feature(default=0)
    joined_at: datetime
    rating: float
    favourite: str = feature(default=PURPOSES[0], one_of=PURPOSES)


class RiderRides(FeatureView):
    """How a rider rides."""

    entity, source = Rider, Move
    near = "2s"
    max_null_shift = 1  # of four riders one that rests is a quarter
    rides = count(where=Move.kind == "take", over=["1s/1s", "1h", "1d", "30d"])
    metres = sum(Move.metres, over=["1d", "30d"])
    minutes = sum(Move.minutes, over=["1h", "30d"])
    usual = mean(Move.minutes, over="30d")
    spread = std(Move.minutes, over=["1d", "30d"])
    farthest = max(Move.metres, over="30d", default=0)
    last_station = last(Move.station_id, default=0)
    recent_stations = last_n(Move.station_id, 5, over="1d", default=0)
    first_station = first(Move.station_id, over=["1h", "30d"], default=-1)
    first_kind = first(Move.kind, over="30d")
    stations = distinct(Move.station_id, over=["1h", "30d"])
    stations_listed = top(Move.station_id, 4, over="30d", most=4, default=-1)
    electric_share = share(Move.electric, over=["1h", "30d"])
    last_ride = last(Move.moved_at, where=Move.kind == "take")


class RiderAtStation(FeatureView):
    """A rider at one station."""

    entity, source = RiderStation, Move
    visits = count(over=["5m/1m", "1d", "30d"])
    minutes = sum(Move.minutes, over="30d")
    usual = mean(Move.minutes, over=["1d", "30d"])
    last_kind = last(Move.kind, over="1d")
    last_visit = last(Move.moved_at)
