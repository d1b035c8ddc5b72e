"""What is known of a station, and of the depot that looks after it."""

from datetime import UTC, datetime

import numpy as np

from slate import (
    FeatureView,
    count,
    feature,
    is_null,
    key_of,
    last,
    last_n,
    max,
    mean,
    min,
    std,
    sum,
    top,
)
from tests.deployments.bikes.definitions.entities import Depot, Station
from tests.deployments.bikes.definitions.sources import Move


class DepotProfile(FeatureView):
    """A depot."""

    entity, model = Depot, "depot_profile"
    near = "2s"
    crew: int = feature(default=1, min=0)
    shift_start: datetime


class StationProfile(FeatureView):
    """A station as it was built."""

    entity, model = Station, "station_profile"
    near = "2s"
    depot: str = key_of(Depot)  # a station leads to its depot
    docks: int = feature(default=0)
    height: float  # metres above the sea
    covered: bool = feature(default=False)
    opened_at: datetime = feature(default=datetime(2020, 1, 1, 6, 30, tzinfo=UTC))


class StationMoves(FeatureView):
    """What goes on at a station: hops of five seconds to six hours."""

    entity, source = Station, Move
    near = "2s"
    ttl = "9d"
    max_null_shift = 1  # of four things one that rests is a quarter
    moves = count(over=["45s/15s", "1m", "2h/10m", "7d"])
    taken = count(where=Move.kind == "take", over=["1m", "36h/90m"])
    swaps = count(where=Move.kind == "rider's swap", over="2h/10m")
    by_rider = count(where=np.isin(Move.kind, ["take", "rider's swap"]), over=["2h/10m"])
    not_service = count(where=Move.kind != "service", over=["2h/10m", "7d"])
    cold = count(where=(Move.celsius < 4.5) & (Move.kind == "take"), over="7d")
    mild = count(where=(Move.celsius >= 4.5) & (Move.celsius <= 20), over="7d")
    nearly_full = count(where=Move.free_docks <= 2, over=["45s/15s", "7d"])
    not_full = count(where=Move.free_docks > 0, over="2h/10m")
    electric = count(where=Move.electric, over=["1m", "7d"])
    pedalled = count(where=Move.electric == False, over="7d")  # noqa: E712
    unlocked = count(where=Move.locked != True, over="7d")  # noqa: E712
    early = count(where=Move.booked_for < datetime(2026, 3, 10, 12, tzinfo=UTC), over="7d")  # type: ignore[operator]
    odd = count(where=(Move.kind == "service") | (Move.minutes > 30), over=["2h/10m", "7d"])  # type: ignore[operator]
    not_told = count(where=is_null(Move.locked) & ~is_null(Move.note), over=["45s/15s", "7d"])
    by_riders = sum(
        Move.metres,
        where=~(is_null(Move.rider_id) | (Move.celsius > 20) & Move.electric),
        over="7d",
    )
    round_trips = count(
        where=~((Move.locked | (Move.metres < 500)) & (Move.kind != "take")),  # type: ignore[operator]
        over="7d",
    )
    booked_ahead = last(Move.note, where=Move.booked_for > Move.moved_at, over="7d")  # type: ignore[operator]
    unremarkable = count(
        where=~np.isin(Move.note, ["wet", "dry"]) | np.isnan(Move.minutes),  # type: ignore[arg-type]
        over="7d",
    )
    full_of_metres = count(where=Move.metres <= Move.free_docks, over=["1m", "7d"])  # type: ignore[operator]
    minutes = sum(Move.minutes, over=["1m", "2h/10m", "7d"])
    metres = sum(Move.metres, where=Move.electric, over=["45s/15s", "7d"])
    warmth = sum(Move.celsius, over=["2h/10m", "7d"])  # may cancel out
    usual_minutes = mean(Move.minutes, over=["1m", "7d"])
    usual_metres = mean(Move.metres, over=["2h/10m", "7d"], default=-1.0)
    spread = std(Move.celsius, over=["45s/15s", "2h/10m", "7d"])
    metres_spread = std(Move.metres, over=["36h/90m"], default=0)
    least_free = min(Move.free_docks, over=["1m", "2h/10m", "7d"], default=-1)
    most_free = max(Move.free_docks, over="7d")  # a float, as it may be null
    coldest = min(Move.celsius, over=["45s/15s", "7d"])
    warmest = max(Move.celsius, where=Move.electric, over=["2h/10m", "7d"])
    first_booking = min(Move.booked_for, over="7d")
    last_booking = max(Move.booked_for, over=["2h/10m", "7d"])
    free = last(Move.free_docks, default=0)
    free_lately = last(Move.free_docks, over=["1m", "2h/10m"], default=-1)
    metres_ridden = last(Move.metres, over="7d")  # a float, as it may be null
    last_kind = last(Move.kind, over=["45s/15s", "7d"])
    last_note = last(Move.note)
    recent_free = last_n(Move.free_docks, 3, over=["45s/15s", "2h/10m"], default=-1)
    recent_notes = last_n(Move.note, 4)
    recent_bookings = last_n(Move.booked_for, 2, where=Move.kind != "service", over="7d")
    last_locked = last(Move.locked, default=False)
    last_electric = last(Move.electric, over="2h/10m", default=True)
    last_booked = last(Move.booked_for, where=Move.kind == "take")
    last_cold = last(Move.celsius, where=Move.celsius < 0)
    last_move = last(Move.moved_at)
    usual_kinds = top(Move.kind, 3, over=["2h/10m", "7d"])
