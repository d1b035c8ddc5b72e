"""What happens to bikes and stations."""

from datetime import datetime

import numpy as np

from slate import Source, arrival_time, column, event_time, is_null, unique_id

MOVES = ("take", "return", "service", "rider's swap")
PURPOSES = ("commute", "leisure", "errand")


class Move(Source):
    """A bike that was taken from a station or put into it."""

    model, landing, stream = "stg_moves", "moves", "moves"
    move_id: int = unique_id(horizon="2d")
    moved_at: datetime = event_time()
    heard_at: datetime = arrival_time()
    station_id: int
    bike_id: int
    rider_id: str | None  # none where a crew moved it
    kind: str = column(one_of=MOVES)
    electric: bool
    locked: bool | None  # not every dock can tell
    minutes: float | None = column(min=0)  # of the ride that ended
    metres: int | None = column(min=0)  # of the ride that ended
    free_docks: int = column(min=0, max=60)  # of the station, after the move
    celsius: float  # at the dock
    booked_for: datetime | None
    note: str | None
    day = moved_at.astype("M8[D]")  # type: ignore[attr-defined]
    speed: float = metres / (minutes * 60)  # type: ignore[operator]
    far: int = np.where(is_null(metres), 0, metres // 1_000)


class Checkup(Source):
    """What a bike's own computer reports."""

    model, landing, stream = "stg_checkups", "checkups", "checkups"
    checkup_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    bike_id: int
    charge: float | None = column(min=0, max=1)
    odometer: int | None  # metres
    fault: bool
    code: str | None


class StationChange(Source):
    """A station as it was from some moment on."""

    model, landing = "stg_station_changes", "station_changes"
    change_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    station_id: int
    depot: str | None
    docks: int | None
    height: float | None  # metres above the sea
    covered: bool | None
    opened_at: datetime | None


class BikeChange(Source):
    """A bike as it was from some moment on."""

    model, landing = "stg_bike_changes", "bike_changes"
    change_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    bike_id: int
    station_id: int | None  # where it stands; none while it is ridden
    electric: bool
    frame: str | None
    serviced_at: datetime | None


class RiderChange(Source):
    """A membership as it was from some moment on."""

    model, landing = "stg_rider_changes", "rider_changes"
    change_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    rider_id: str
    plan: str
    trips: int
    joined_at: datetime
    rating: float | None
    favourite: str | None = column(one_of=PURPOSES)


class DepotChange(Source):
    """A depot as it was from some moment on."""

    model, landing = "stg_depot_changes", "depot_changes"
    change_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    depot: str
    crew: int
    shift_start: datetime | None


class Offer(Source):
    """A bike that was offered to a rider, and whether it was taken."""

    model, landing = "stg_offers", "offers"
    offer_id: str = unique_id()
    offered_at: datetime = event_time()
    decided_at: datetime = arrival_time()
    rider_id: str
    bike_id: int
    purpose: str | None = column(one_of=PURPOSES)
    party: int = column(min=1, max=8)
    distance: float
    raining: bool
    leaves_at: datetime
    taken: bool


class Count(Source):
    """How full a station turned out to be."""

    model, landing = "stg_counts", "counts"
    count_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    station_id: int
    expected: float
    bikes: int
