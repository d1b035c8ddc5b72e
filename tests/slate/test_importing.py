"""Whatever is wrong in a module of definitions is told with its file and line."""

from pathlib import Path

import pytest

from slate import Registry
from slate.errors import ConfigurationError, DefinitionError, SlateError, UnknownNameError

BEGIN = """from datetime import datetime
from slate import *

class Guest(Entity):
    guest_id: str

class Order(Source):
    model = "orders"
    order_id: str = unique_id()
    ordered_at: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str
    price: float | None

class Orders(FeatureView):
    entity, source = Guest, Order
"""


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("    n = count(where=Order.prize > 1, over='1h')", UnknownNameError, "'price'"),
        ("    n = count(Order.guest_id, distinct=True)", DefinitionError, "it counts events"),
        ("    n = sum()", ConfigurationError, "TypeError: sum() missing"),
        ("    n = 1 / 0", ConfigurationError, "ZeroDivisionError"),
        ("    n = count(over='1h'", ConfigurationError, "SyntaxError: '(' was never closed"),
        ("    n = cuont(over='1h')", ConfigurationError, "name 'cuont' is not defined"),
        ("    n = 1 if Order.price > 1 and Order.price < 2 else 2", DefinitionError, "& | ~"),
    ],
)
def test_a_wrong_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, error: type[SlateError], says: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"wrong_{abs(hash(line))}"
    path = tmp_path / f"{name}.py"
    path.write_text(f"{BEGIN}{line}\n")
    with pytest.raises(SlateError) as caught:
        Registry.from_module(name)
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"{path}:{len(BEGIN.splitlines()) + 1}: ")
    assert says in str(caught.value)


def test_a_wrong_class_is_named_by_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "wrong_class.py"
    path.write_text(f"{BEGIN}    n = sum(Order.price)\n")
    with pytest.raises(DefinitionError, match="say the windows") as caught:
        Registry.from_module("wrong_class")
    place = len(BEGIN.splitlines()) - 1
    assert str(caught.value).startswith(f"{path}:{place}: Orders.n: ")
