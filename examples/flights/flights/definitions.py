"""Will a flight from New York leave 15 minutes late? What is known of it an hour before it should.

An hour before, not at the scheduled time: a flight may leave up to 43 minutes early, and its own
departure would then be among what is known.
"""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np

from slate import (
    Array,
    Entity,
    FeatureService,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    column,
    count,
    distinct,
    event_time,
    feature,
    is_null,
    key_of,
    last,
    max,
    mean,
    now,
    quantile,
    request_input,
    resolver,
    std,
    sum,
    top,
    unique_id,
)

AIRPORTS = ["EWR", "JFK", "LGA"]
LATE = 15  # minutes
NEW_YORK = ZoneInfo("America/New_York")


def local(at: datetime) -> datetime:
    """A time of the platform on New York's clocks."""
    return at.replace(tzinfo=UTC).astimezone(NEW_YORK)


class Airport(Entity):
    """One of New York's three."""

    origin: str


class Carrier(Entity):
    """An airline."""

    carrier: str


class Plane(Entity):
    """One aircraft, by the number on its tail."""

    tailnum: str


class AirportCarrier(Entity):
    """An airline at one airport."""

    origin: str = key_of(Airport)
    carrier: str = key_of(Carrier)


class Departure(Source):
    """A flight that has left, or that was cancelled."""

    model, landing = "stg_departures", "departures"
    flight_id: str = unique_id()
    left_at: datetime = event_time()  # a cancelled flight: when it should have left
    reported_at: datetime = arrival_time()
    origin: str = column(one_of=AIRPORTS)
    carrier: str
    tailnum: str | None  # none where it was cancelled before a plane was chosen
    dest: str
    delay: float | None  # minutes, below zero where it left early; none where it was cancelled


class Weather(Source):
    """An hour's weather at an airport."""

    model, landing = "stg_weather", "weather"
    row_id: str = unique_id()  # of the row's content: the file has none
    time_hour: datetime = event_time()
    reported_at: datetime = arrival_time()
    origin: str = column(one_of=AIRPORTS)
    temp: float | None  # Fahrenheit
    wind_speed: float | None  # miles per hour
    wind_gust: float | None  # none where there was none
    precip: float  # inches
    visib: float  # miles


class PlaneRecord(Source):
    """A plane as the register has it."""

    model, landing = "stg_planes", "planes"
    tailnum: str = unique_id()
    registered_at: datetime = event_time()
    known_at: datetime = arrival_time()
    year: int | None  # in which it was built
    engine: str
    seats: int


class Schedule(Source):
    """A flight an hour before it should leave: what a model is asked about, and what came of it."""

    model, landing = "stg_schedule", "schedule"
    flight_id: str = unique_id()
    asked_at: datetime = event_time()
    decided_at: datetime = arrival_time()
    origin: str = column(one_of=AIRPORTS)
    carrier: str
    tailnum: str | None
    scheduled_at: datetime
    distance: float  # miles
    late: bool | None  # the label; none where it was cancelled


class AirportDepartures(FeatureView):
    """How an airport is doing."""

    entity, source = Airport, Departure
    flights = count(where=~is_null(Departure.delay), over=["1h", "6h"])
    late = count(where=Departure.delay >= LATE, over=["1h", "6h"])
    cancelled = count(where=is_null(Departure.delay), over=["6h", "1d"])
    delay = mean(Departure.delay, over=["1h", "6h", "1d"])  # minutes


class CarrierDepartures(FeatureView):
    """How an airline is doing."""

    entity, source = Carrier, Departure
    delay = mean(Departure.delay, over=["6h", "7d"])
    spread = std(Departure.delay, over="7d")


class AirlineAtAirport(FeatureView):
    """How an airline is doing at one airport."""

    entity, source = AirportCarrier, Departure
    delay = mean(Departure.delay, over=["6h", "7d"])


class PlaneDepartures(FeatureView):
    """Where a plane was lately, and how late."""

    entity, source = Plane, Departure
    flights = count(over=["1d", "7d"])
    last_delay = last(Departure.delay, over="3d")
    delay = mean(Departure.delay, over="30d")
    median_delay = quantile(Departure.delay, 0.5, over="30d")
    last_delays = mean(Departure.delay, last=3)  # of its three latest flights
    destinations = distinct(Departure.dest, over="30d")
    usual_dest = top(Departure.dest, over="30d")


class AirportWeather(FeatureView):
    """The weather at an airport."""

    entity, source = Airport, Weather
    temp = last(Weather.temp, over="6h")
    visib = last(Weather.visib, over="6h")
    gusts = max(Weather.wind_gust, over="6h", default=0.0)
    precip = sum(Weather.precip, over=["2h/1h", "1d"])


class PlaneProfile(FeatureView):
    """A plane as the register has it: the dbt model beside this says so."""

    entity, model = Plane, "plane_profile"
    built: float  # a year; none where the register does not tell
    engine: str = feature(default="unknown")
    seats: int = feature(default=0)


class Flight(RequestFeatures):
    """What the moment of asking tells, beside what was known."""

    scheduled_at: datetime = request_input()
    distance: float = request_input()

    late_share: float = AirportDepartures.late["1h"] / AirportDepartures.flights["1h"]
    worse_than_usual: float = AirlineAtAirport.delay["6h"] - CarrierDepartures.delay["7d"]
    age: float = 1970 + now().astype("M8[Y]").astype(np.int64) - PlaneProfile.built  # years

    @resolver
    def local_hour(at: Annotated[Array, scheduled_at]) -> Annotated[Array, float]:
        """The hour on the airport's clock, where the platform's is UTC: delays grow over a day."""
        hours = (np.nan if t is None else local(t).hour for t in at.tolist())
        return np.fromiter(hours, np.float64, len(at))


departure_delay = FeatureService(
    "departure_delay",
    version=1,
    keys=[Airport, Carrier, Plane],
    spine=Schedule,
    features=[
        AirportDepartures,
        CarrierDepartures,
        AirlineAtAirport,
        PlaneDepartures,
        AirportWeather,
        PlaneProfile,
        Flight,
    ],
)
