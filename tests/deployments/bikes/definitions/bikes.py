"""What is known of a bike."""

from datetime import datetime

from slate import FeatureView, count, feature, first, key_of, last, last_n, max, mean, min, sum
from tests.deployments.bikes.definitions.entities import Bike, BikeStation, Station
from tests.deployments.bikes.definitions.sources import Checkup, Move


class BikeProfile(FeatureView):
    """A bike as it was last entered; what is older than three days is not believed."""

    entity, model = Bike, "bike_profile"
    near = "2s"
    ttl = "3d"
    station_id: int = key_of(Station, default=0)  # a bike leads to its station
    electric: bool = feature(default=False)
    frame: str = feature(default="steel")
    serviced_at: datetime


class BikeHealth(FeatureView):
    """What a bike tells of itself: last values alone, one or some of them."""

    entity, source = Bike, Checkup
    near = "2s"
    ttl = "1d"
    max_null_shift = 1  # of four things one that rests is a quarter
    charge = last(Checkup.charge)
    odometer = last(Checkup.odometer, default=0)
    charges = last_n(Checkup.charge, 3)
    faults = last_n(Checkup.fault, 2, over=["12h/1h", "3h/1h"], default=False)
    fault = last(Checkup.fault, default=False)
    code = last(Checkup.code, where=Checkup.fault)
    seen = last(Checkup.event_ts)


class BikeUse(FeatureView):
    """How a bike is used: hops that no ladder has."""

    entity, source = Bike, Move
    near = "2s"
    max_null_shift = 1  # of four things one that rests is a quarter
    rides = count(where=Move.kind == "take", over=["3m/3m", "54m/9m"])
    metres = sum(Move.metres, over=["54m/9m", "2d/3h"])
    shortest = min(Move.minutes, where=Move.minutes > 0, over="2d/3h")  # type: ignore[operator]
    longest = max(Move.minutes, over=["3m/3m", "2d/3h"])
    usual = mean(Move.minutes, over="54m/9m")


class BikeAtStation(FeatureView):
    """A bike at one station."""

    entity, source = BikeStation, Move
    first_rider = first(Move.rider_id, over="forever")
    minutes_ever = mean(Move.minutes, over="forever")
    visits = count(over=["10s/1s", "6h", "30d"])
    last_visit = last(Move.moved_at, over="30d")
    last_rider = last(Move.rider_id)
    recent_riders = last_n(Move.rider_id, 40, default="nobody")
