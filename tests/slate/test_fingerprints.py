"""A view's hash changes when, and only when, its values could.

A small module of definitions is written to a file, edited as a person would edit it, and imported
again: each edit says which views' hashes it changes.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slate import Registry
from slate.fingerprints import fingerprint

ROOT = Path(__file__).parents[2]
Hashes = Callable[[str], dict[str, str]]

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
'''


TEXT = text_of(BASE)


@pytest.fixture(scope="module")
def hashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hashes]:
    folder = tmp_path_factory.mktemp("edited")
    names = []

    def run(text: str) -> dict[str, str]:
        names.append(f"edited_{len(names)}")
        file = folder / f"{names[-1]}.py"
        file.write_text(text)
        registry = Registry.from_module(imported(names[-1], file))
        views = [*registry.views.values(), *registry.requests.values()]
        return {view.name: fingerprint(view) for view in views}

    yield run
    for name in names:
        sys.modules.pop(name, None)


def imported(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a class's source is looked for
    spec.loader.exec_module(module)
    return module


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"{old!r} is {TEXT.count(old)} times in the module"
    return TEXT.replace(old, new)


SAME = [
    ("# cakes", "# cakes that cost something"),
    ("# what it was", "# the dish"),
    ('"""What a guest ordered."""', '"""Orders of a guest."""'),
    ('"me@cafe.example", ("food",)', '"you@cafe.example", ("drink", "food")'),
    ('"stg_orders", "orders", "orders"', '"stg_orders", "landed", "flow"'),
    ("max=100", "max=200"),
    (', max=100, tags=["money"]', ""),
    ("feature(min=0, max=5)", "feature(min=1, null_share=0.5)"),
    (', one_of=["Rome", "Oslo"]', ""),
    ('(Order.dish == "cake") & (Order.price > 2)', '(Order.price > 2) & (Order.dish == "cake")'),
    ("Order.price > 2", "2 < Order.price"),
    ("count(where=Order.paid", "count(where=Order.paid == True"),
    ('["cake", "coffee"]', '("coffee", "cake")'),
    ('over=["1h", "1d"]', 'over=("1d", "1h")'),
    ('over=["1h", "1d"]', 'over=["1h/5m", "1d/1h"]'),
    ('"30d"', '"720h"'),
    ('horizon="7d"', 'horizon="168h"'),
    ("default=1.5", "default=3 / 2"),
    ("SCALE = 2.0", "SCALE = 4.0 / 2  # twice"),
    ('"""How hot it is."""', '"""Whether it is hot."""'),
    ("        # a comment\n", ""),
    ("heat = spend * SCALE + rating", "heat = (spend*SCALE) + rating  # how hot"),
    ("Orders.spend],\n        rating", "Orders.spend], rating"),
    ("Order.price > 2", "Order.price > 2.0"),
    ("column(min=0)", "column(min=0.0)"),
    ('("coffee", "cake")', '("cake", "coffee")'),
    ("2000, 1, 1, tzinfo=UTC", "2000, 1, 1"),
]

CHANGED = [
    ('"stg_orders", "orders", "orders"', '"stg_other", "orders", "orders"', "orders"),
    ("order_id: str", "order_no: str", "orders"),
    ('horizon="7d"', 'horizon="1d"', "orders"),
    ('("coffee", "cake")', '("coffee", "cake", "tea")', "orders"),
    ("column(min=0)", "column(min=1)", "orders"),
    ("price: float | None", "price: float", "orders"),
    ("portions: int\n", "portions: int | None\n", "orders"),
    ('"30d"', '"31d"', "orders"),
    ('over=["1h", "1d"]', 'over=["1h", "1d", "30d"]', "orders"),
    ('["cake", "coffee"]', '["cake"]', "orders"),
    ('over="1h/1m"', 'over="1h/30s"', "orders"),
    ("usual = mean(Order.price", "usual = std(Order.price", "orders"),
    ("usual = mean(Order.price", "usual = mean(Order.portions", "orders"),
    ("usual = mean", "typical = mean", "orders"),
    ("default=1.5", "default=1.25", "orders"),
    (", default=1.5", "", "orders"),
    ("last(Order.dish)", 'last(Order.dish, over="1d")', "orders"),
    ("last(Order.dish)", "last(Order.dish, where=Order.paid)", "orders"),
    ("last_n(Order.price, 5)", "last_n(Order.price, 6)", "orders"),
    ("last_n(Order.price, 5)", "last_n(Order.price, 5, default=0.0)", "orders"),
    ("last_n(Order.price, 5)", "last(Order.price)", "orders"),
    ("key_of(Cafe, default=0)", "key_of(Cafe, default=1)", "profile"),
    ("key_of(Cafe, default=0)", "feature(default=0)", "profile"),
    ('"guest_profile"', '"guests"', "profile"),
    ('default="Rome"', 'default="Oslo"', "profile"),
    ('default="fine"', 'default="rain"', "request"),
    ("np.timedelta64(1, 'D')", "np.timedelta64(1, 'h')", "request"),
    ("np.timedelta64(1, 'D')", "np.timedelta64(2, 'D')", "request"),
    ('Orders.orders["1d"], 1)', 'Orders.orders["1h"], 1)', "again request"),
    ("np.maximum(", "np.minimum(", "again request"),
    ('weather == "rain"', 'weather == "snow"', "request"),
    ("Profile.rating < 4.5", "Profile.rating < 4.500000001", "request"),
    ("* SCALE + rating", "* SCALE - rating", "request"),
    ("return np.log1p(heat)", "return np.log1p(heat) * 2", "request"),
    ("Request.each * 2", "Request.each * 3", "again"),
    ("[heat], default=0.0", "[heat], default=1.0", "request"),
    ("SCALE = 2.0", "SCALE = 3.0", "request"),
    ('dish == "cake"', 'dish != "cake"', "again orders request"),
    ("price > 2", "price >= 2", "again orders request"),
    (" & (Order.price > 2)", "", "again orders request"),
    ('["1h", "1d"]', '["1h/1m", "1d"]', "orders"),
    ('["1h", "1d"]', '["1h", "1d/30m"]', "again orders request"),
    ("spend = sum", "spend = max", "again orders request"),
    ("2000, 1, 1", "2000, 1, 2", "profile request"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_an_edit_that_changes_no_value_keeps_the_hash(hashes: Hashes, old: str, new: str) -> None:
    assert hashes(edited(old, new)) == hashes(TEXT)


@pytest.mark.parametrize(("old", "new", "views"), CHANGED)
def test_an_edit_that_changes_values_changes_the_hash(
    hashes: Hashes, old: str, new: str, views: str
) -> None:
    before, after = hashes(TEXT), hashes(edited(old, new))
    changed = {name for name, found in before.items() if after[name] != found}
    assert changed == set(views.split())


@given(data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_writing_keeps_the_hash(hashes: Hashes, data: st.DataObject) -> None:
    parts = {name: [*lines] for name, lines in BASE.items()}
    for name in ("Orders", "Profile"):
        parts[name] = data.draw(st.permutations(parts[name]))
    # What a request feature is made of stands before it.
    weather, age, each, wet, heat, warm = parts["Request"]
    parts["Request"] = data.draw(
        st.sampled_from(
            [[heat, warm, each, weather, wet, age], [each, age, weather, heat, wet, warm]]
        )
    )
    assert hashes(text_of(parts)) == hashes(TEXT)


def test_a_resolver_inside_a_list_takes_part(hashes: Hashes) -> None:
    def text(factor: int) -> str:
        return (
            TEXT
            + f"""
@resolver
def hidden(rating: Annotated[Array, Profile.rating]) -> Annotated[Array, float]:
    return rating * {factor}

class Hidden(RequestFeatures):
    shown: float = np.select([Profile.rating > 1], [hidden], default=0.0)
"""
        )

    assert hashes(text(2))["hidden"] != hashes(text(3))["hidden"]


@pytest.mark.process
def test_a_hash_is_the_same_in_another_process(hashes: Hashes) -> None:
    assert all(len(found) == 12 and int(found, 16) >= 0 for found in hashes(TEXT).values())
    script = (
        "from live_shopping import definitions as d; from slate.fingerprints import fingerprint;"
        "print(*(fingerprint(v) for v in (d.ViewerActivity, d.ShowCatalog, d.FeedRequest)))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0] == runs[1]
