"""A small module of definitions, to be edited as a person would edit it, and imported again."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from slate import Registry
from slate.locks.contracts import Contract, contract
from slate.locks.own_models import OwnModels

# Reads a module's text: its definitions.
Read = Callable[[str], Registry]

HEAD = '''
from datetime import UTC, datetime
from typing import Annotated
import numpy as np
from slate import *

SCALE = 2.0

class Guest(Entity):
    guest_id: str

class Cafe(Entity):
    cafe_id: int

class Order(Source):
    """What was ordered."""
    model, landing, stream = "stg_orders", "orders", "orders"
    order_id: str = unique_id(horizon="7d")
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    cafe_id: int
    dish: str = column(one_of=("coffee", "cake"))  # what it was
    price: float | None = column(min=0)
    portions: int
    paid: bool
'''
ORDERS = [
    'orders = count(where=(Order.dish == "cake") & (Order.price > 2), over=["1h", "1d"])  # cakes',
    'paid = count(where=Order.paid, over="1d")',
    'few = count(where=np.isin(Order.dish, ["cake", "coffee"]), over="1h/1m")',
    'spend = sum(Order.price, over="1d", max=100, tags=["money"])',
    'usual = mean(Order.price, over="1d", default=1.5)',
    "last_dish = last(Order.dish)",
    'last_lately = last(Order.portions, over="1d", default=0)',
    "prices = last_n(Order.price, 5)",
]
PROFILE = [
    "cafe_id: int = key_of(Cafe, default=0)",
    'city: str = feature(default="Rome", one_of=["Rome", "Oslo"])',
    "rating: float = feature(min=0, max=5)",
    "born_at: datetime = feature(default=datetime(2000, 1, 1, tzinfo=UTC))",
]
REQUEST = [
    'weather: str = request_input(default="fine")',
    "age: float = (now() - Profile.born_at) / np.timedelta64(1, 'D')",
    'each: float = Orders.spend / np.maximum(Orders.orders["1d"], 1)',
    'wet: bool = (weather == "rain") & (Profile.rating < 4.5)',
    '''@resolver
    def heat(
        spend: Annotated[Array, Orders.spend],
        rating: Annotated[Array, Profile.rating],
    ) -> Annotated[Array, float]:
        """How hot it is."""
        # a comment
        heat = spend * SCALE + rating
        return np.log1p(heat)''',
    "warm: float = np.select([Profile.rating > 1], [heat], default=0.0)",
]
BASE = {
    "Head": [HEAD],
    "Orders": ORDERS,
    "Profile": PROFILE,
    "Request": REQUEST,
}


def text_of(parts: dict[str, list[str]]) -> str:
    """The module, of the lines in each class."""

    def body(name: str) -> str:
        return "\n    ".join(parts[name])

    return f'''{parts["Head"][0]}
class Orders(FeatureView):
    """What a guest ordered."""
    entity, source = Guest, Order
    owner, tags, ttl = "me@cafe.example", ("food",), "30d"
    {body("Orders")}

class Profile(FeatureView):
    """A guest."""
    entity, model = Guest, "guest_profile"
    {body("Profile")}

class Request(RequestFeatures):
    """Now."""
    {body("Request")}

class Again(RequestFeatures):
    """More."""
    often: float = Request.each * 2

class Visit(Source):
    model = "stg_visits"
    visit_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    weather: str | None

_views = (Orders, Profile, Request, Again)
everything = FeatureService(
    "everything", version=1, keys=[Guest], spine=Visit,
    features=sorted((f for view in _views for f in view.features.values()), key=repr),
)
'''


TEXT = text_of(BASE)


def edited(old: str, new: str) -> str:
    """The module with one edit."""
    assert TEXT.count(old) == 1, f"{old!r} is {TEXT.count(old)} times in the module"
    return TEXT.replace(old, new)


def promised(registry: Registry, project: Path = Path("nowhere")) -> Contract:
    """The contract of the module's service."""
    return contract(registry, registry.plan("everything"), OwnModels(project))


def imported(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a class's source is looked for
    spec.loader.exec_module(module)
    return module
