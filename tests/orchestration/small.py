"""The smallest deployments that can be: each lacks what the others have."""

from datetime import datetime

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    unique_id,
)


class Guest(Entity):
    guest_id: str


class Stay(Source):
    """A guest came to stay."""

    model, landing, stream = "stg_stays", "stays", "stays"
    stay_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str


class Letter(Source):
    """A guest wrote a letter; none ever did."""

    model, landing = "stg_letters", "letters"
    letter_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str


class GuestStays(FeatureView):
    entity, source = Guest, Stay
    stays = count(over="1d")


class GuestLetters(FeatureView):
    entity, source = Guest, Letter
    letters = count(over="1d")


class GuestProfile(FeatureView):
    entity, model = Guest, "guest_profile"
    last_stay: str


welcome = FeatureService(
    "welcome", version=1, keys=[Guest], spine=Stay, features=[GuestStays, GuestLetters]
)

# What a deployment holds, by what it lacks.
LACKING = {
    "windows": [Guest, Stay, GuestProfile],
    "services": [Guest, Stay, GuestStays],
    "views": [Guest, Stay],
    "events": [Guest, Stay, Letter, GuestStays, GuestLetters, welcome],
}
