"""A small deployment of its own: couriers, and the offers that they take or leave."""

# An expression is annotated with the type of its values, which is not what NumPy's stubs say.
# mypy: disable-error-code="assignment, call-overload, no-any-return"

from datetime import datetime
from typing import Annotated

import numpy as np

from slate import (
    Array,
    Entity,
    FeatureService,
    FeatureView,
    Registry,
    RequestFeatures,
    Source,
    arrival_time,
    count,
    event_time,
    feature,
    key_of,
    last_n,
    mean,
    now,
    request_input,
    resolver,
    unique_id,
)
from slate.plans import Plan

MINUTE = np.timedelta64(1, "m")


class Depot(Entity):
    depot_id: int


class Courier(Entity):
    courier_id: int


class Trip(Source):
    model = "stg_trips"
    trip_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    courier_id: int
    minutes: float | None


class Offer(Source):
    model = "stg_offers"
    offer_id: str = unique_id()
    offered_at: datetime = event_time()
    decided_at: datetime = arrival_time()
    courier_id: int
    weather: str | None
    stops: int | None
    load: float | None
    hurry: bool | None
    due: datetime | None
    taken: bool
    tip: float | None


class CourierProfile(FeatureView):
    entity, model = Courier, "courier_profile"
    depot_id: int = key_of(Depot, default=0)
    alias: str
    capacity: int = feature(default=20)
    rating: float
    electric: bool = feature(default=False)
    joined_at: datetime


class DepotProfile(FeatureView):
    entity, model = Depot, "depot_profile"
    crew: int = feature(default=1)


class CourierTrips(FeatureView):
    entity, source = Courier, Trip
    trips = count(over=["1h", "1d"])
    usual = mean(Trip.minutes, over="1d")
    recent = last_n(Trip.minutes, 3)


def plan(
    minutes_a_stop: int = 5, version: int = 1, *more: object, spine: type[Source] = Offer
) -> Plan:
    """The plan of the deployment's one service."""

    class OfferRequest(RequestFeatures):
        weather: str = request_input(default="dry")
        stops: int = request_input(default=1)
        load: float = request_input()
        hurry: bool = request_input(default=False)
        due: datetime = request_input()

        work: int = stops + CourierTrips.trips["1h"]
        effort: float = work * minutes_a_stop
        rush: bool = hurry | (weather == "storm")
        carried: float = load / CourierProfile.capacity
        share: float = load / CourierTrips.trips["1h"]  # infinite without trips
        time_left: float = (due - now()) / MINUTE
        until: datetime = np.fmax(due, now()) + 5 * MINUTE
        called: str = np.where(CourierProfile.electric, CourierProfile.alias, "fuel")

        @resolver
        def calm(
            left: Annotated[Array, time_left], effort: Annotated[Array, effort]
        ) -> Annotated[Array, float]:
            return np.maximum(left - effort, 0.0)

    class OfferOutlook(RequestFeatures):
        strain: float = OfferRequest.effort / 60

    service = FeatureService(
        "delivery",
        version=version,
        keys=[Courier],
        spine=spine,
        features=[
            OfferRequest.called,
            CourierTrips.usual,
            CourierTrips.recent,
            OfferRequest.weather,
            CourierProfile.alias,
            CourierProfile.capacity,
            CourierProfile.rating,
            CourierProfile.electric,
            CourierProfile.joined_at,
            DepotProfile,
            CourierTrips.trips,
            OfferRequest.stops,
            OfferRequest.load,
            OfferRequest.hurry,
            OfferRequest.due,
            OfferRequest.work,
            OfferRequest.effort,
            OfferRequest.rush,
            OfferRequest.carried,
            OfferRequest.share,
            OfferRequest.time_left,
            OfferRequest.until,
            OfferRequest.calm,
            OfferOutlook.strain,
            *more,
        ],
    )
    definitions = [Courier, Depot, CourierProfile, DepotProfile, CourierTrips]
    requests = [OfferRequest, OfferOutlook]
    return Registry.of([*definitions, *requests, Trip, spine, service]).plan("delivery")
