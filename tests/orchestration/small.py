"""The smallest deployments that can be: each lacks what the others have."""

import shutil
from datetime import datetime
from pathlib import Path

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    sum,
    unique_id,
)
from slate.deployment import Deployment, load
from tests.orchestration.bikes import BIKES


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


class Order(Source):
    """A guest ordered something, as others write into the warehouse."""

    model, table = "stg_orders", "theirs.order"
    order_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    price: float


class Visit(Source):
    """A guest came by, and ordered or not; others write that too."""

    model = "stg_visits"
    visit_id: int = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    ordered: bool


class GuestStays(FeatureView):
    entity, source = Guest, Stay
    stays = count(over="1d")


class GuestLetters(FeatureView):
    entity, source = Guest, Letter
    letters = count(over="1d")


class GuestOrders(FeatureView):
    entity, source = Guest, Order
    orders = count(over=["1h", "7d"])
    spend = sum(Order.price, over="7d")


class GuestProfile(FeatureView):
    entity, model = Guest, "guest_profile"
    last_stay: str


welcome = FeatureService(
    "welcome", version=1, keys=[Guest], spine=Stay, features=[GuestStays, GuestLetters]
)
# The same for a model that has no use for letters, asked by name and version.
welcome_v2 = FeatureService("welcome", version=2, keys=[Guest], spine=Stay, features=[GuestStays])
known_guest = FeatureService(
    "known_guest", version=1, keys=[Guest], spine=Stay, features=[GuestProfile]
)
visits = FeatureService("visits", version=1, keys=[Guest], spine=Visit, features=[GuestOrders])

# What a deployment holds, by what it lacks.
LACKING = {
    "windows": "Guest, Stay, GuestProfile",
    "services": "Guest, Stay, GuestStays",
    "views": "Guest, Stay",
    "events": "Guest, Stay, Letter, GuestStays, GuestLetters, welcome, welcome_v2",
    "landing": "Guest, Order, Visit, GuestOrders, visits",
    "nothing": "Guest, Stay, GuestStays, GuestProfile, welcome_v2, known_guest",
}


def place(folder: Path, lacking: str) -> Deployment:
    """A deployment in a folder of its own, with a dbt project in which there is no model yet."""
    project = folder / "dbt_project"
    (project / "models").mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(BIKES / "dbt_project" / name, project)
    definitions = f"lacks_{lacking}"
    (folder / f"{definitions}.py").write_text(f"from {__name__} import {LACKING[lacking]}\n")
    config = folder / "slate.toml"
    config.write_text(
        f'name = "{lacking}"\ndefinitions = "{definitions}"\ndbt_project = "dbt_project"\n'
    )
    return load(config)
