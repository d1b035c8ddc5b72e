"""A view's hash and a service's contract change when, and only when, values could.

A small module of definitions is written to a file, edited as a person would edit it, and imported
again: each edit says which views' hashes it changes.

A contract is also the same where a name of Python's alone is another.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slate import Registry
from slate.fingerprints import fingerprint
from slate.locks.comparison import changes
from tests.slate.edited import BASE, TEXT, Read, edited, promised, text_of

ROOT = Path(__file__).parents[2]


def hashes(registry: Registry) -> dict[str, str]:
    views = [*registry.views.values(), *registry.requests.values()]
    return {view.name: fingerprint(view) for view in views}


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
def test_an_edit_that_changes_no_value_keeps_both(
    read: Read, unedited: Registry, old: str, new: str
) -> None:
    after = read(edited(old, new))
    assert hashes(after) == hashes(unedited)
    assert changes(promised(unedited), promised(after)) == []


@pytest.mark.parametrize(("old", "new", "views"), CHANGED)
def test_an_edit_that_changes_values_changes_both(
    read: Read, unedited: Registry, old: str, new: str, views: str
) -> None:
    after = read(edited(old, new))
    before, now = hashes(unedited), hashes(after)
    assert {name for name, found in before.items() if now[name] != found} == set(views.split())
    found = changes(promised(unedited), promised(after))
    # A way that nobody goes is no part of a contract.
    assert bool(found) == (new != "feature(default=0)")
    assert all("no words" not in line for change in found for line in change.words)


def test_what_python_calls_things_is_no_part_of_a_contract(read: Read, unedited: Registry) -> None:
    text = re.sub(r"\bOrder\b", "Purchase", TEXT)
    text = re.sub(r"\bSCALE\b", "FACTOR", text)
    text = text.replace("heat = spend", "warmth = spend").replace("log1p(heat)", "log1p(warmth)")
    text = text.replace("everything = Fea", "_all = Fea")
    assert len(text) > len(TEXT)
    assert changes(promised(unedited), promised(read(text))) == []


@given(data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_writing_keeps_the_hash(
    read: Read, unedited: Registry, data: st.DataObject
) -> None:
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
    assert hashes(read(text_of(parts))) == hashes(unedited)


def test_a_resolver_inside_a_list_takes_part(read: Read) -> None:
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

    assert hashes(read(text(2)))["hidden"] != hashes(read(text(3)))["hidden"]


@pytest.mark.process
def test_a_hash_is_the_same_in_another_process(unedited: Registry) -> None:
    assert all(len(found) == 12 and int(found, 16) >= 0 for found in hashes(unedited).values())
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
