"""What a view can say besides, of the same moves: with it a deployment is twice as wide."""

import numpy as np

from slate import (
    FeatureView,
    count,
    distinct,
    first,
    last,
    max,
    mean,
    min,
    quantile,
    share,
    std,
    sum,
    top,
)
from tests.deployments.bikes.definitions.entities import Station
from tests.deployments.bikes.definitions.sources import Move


class StationValues(FeatureView):
    """The values that events at a station have, its last events, and all of time."""

    entity, source = Station, Move
    near = "2s"
    ttl = "9d"
    max_null_shift = 1  # of four things one that rests is a quarter
    first_note = first(Move.note, over=["45s/15s", "2h/10m", "7d"])
    first_bike = first(Move.bike_id, where=Move.electric, over=["1m", "7d"], default=0)
    first_locked = first(Move.locked, over="7d", default=True)
    first_celsius = first(Move.celsius, over=["2h/10m", "7d"])
    first_booked_for = first(Move.booked_for, over="7d")
    least_note = min(Move.note, over=["45s/15s", "7d"])
    greatest_note = max(Move.note, where=Move.kind != "service", over=["2h/10m", "7d"], default="-")
    moves_ever = count(where=Move.kind != "take", over=["45s/15s", "forever"])
    metres_ever = sum(Move.metres, over="forever")
    minutes_ever = sum(Move.minutes, where=Move.electric, over="forever")
    usual_ever = mean(Move.metres, over="forever", default=0)
    coldest_ever = min(Move.celsius, over="forever")
    most_free_ever = max(Move.free_docks, over="forever", default=-1)
    greatest_note_ever = max(Move.note, over="forever")
    first_bike_ever = first(Move.bike_id, over="forever")
    last_minutes = sum(Move.minutes, last=3, over=["45s/15s", "7d"])
    last_metres = sum(Move.metres, where=Move.electric, last=4)
    usual_last = mean(Move.metres, last=5, default=-1)
    spread_last = std(Move.celsius, last=5, over="2h/10m")
    least_last = min(Move.free_docks, last=2, over=["1m", "7d"])
    latest_booking = max(Move.booked_for, last=3)
    greatest_last = max(Move.note, last=3, over="7d")
    fourth_bike = first(Move.bike_id, last=4, default=0)
    fourth_note = first(Move.note, last=4, over="7d")
    crowd = count(where=Move.kind == "take", last=3, over=["2h/10m", "7d"])
    last_bikes = distinct(Move.bike_id, last=6, over="7d", most=3)
    last_kinds = top(Move.kind, 2, last=7)
    last_locked_share = share(Move.locked, last=5, over="7d")
    median_last = quantile(Move.minutes, 0.5, last=6)
    days = distinct(Move.day, over=["2h/10m", "7d"])
    speed = mean(Move.speed, over=["1m", "7d"])
    far = sum(Move.far, over=["45s/15s", "7d"])
    crowding = sum(Move.metres * Move.free_docks, over=["2h/10m", "7d"])  # type: ignore[operator]
    share_of_range = max(
        np.minimum(Move.celsius, 30) / 30,  # type: ignore[call-overload]
        where=(Move.metres + Move.free_docks > 60) & (Move.kind != "service"),  # type: ignore[operator]
        over="7d",
    )
    ahead = min((Move.booked_for - Move.moved_at) / np.timedelta64(1, "h"), over="7d")  # type: ignore[operator]
    last_speed = last(Move.speed, over="7d")
    riders = distinct(Move.rider_id, over=["45s/15s", "2h/10m", "7d"], most=3)
    bikes = distinct(Move.bike_id, where=Move.electric, over=["1m", "7d"])
    temperatures = distinct(Move.celsius, over="7d", most=4)
    usual_bike = top(Move.bike_id, over="7d", most=2, default=-1)
    usual_note = top(Move.note, where=Move.kind != "service", over=["45s/15s", "7d"])
    usual_bookings = top(Move.booked_for, 2, over="7d", most=5)
    usual_minutes_listed = top(Move.minutes, 2, over=["1m", "7d"], most=1)
    kind_share = share(Move.kind, over=["1m", "2h/10m", "7d"])
    note_share = share(Move.note, over="7d", most=2, default=0)
    median_minutes = quantile(Move.minutes, 0.5, over=["1m", "2h/10m", "7d"])
    most_metres = quantile(Move.metres, 0.9, over="7d", most=3, default=0)
    median_booking = quantile(Move.booked_for, 0.25, over=["2h/10m", "7d"], most=2)
