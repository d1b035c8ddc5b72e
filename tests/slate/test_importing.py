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
        ("    n = count(where=1 < Order.price < 2)", DefinitionError, "(a < x) & (x < b)"),
        ("    n = count(where=not Order.guest_id)", DefinitionError, "`not`"),
        ("    n = count(where=Order.guest_id in ['a'])", DefinitionError, "np.isin(x, [...])"),
        ("    n = count(where='a' in Order.guest_id)", DefinitionError, "Order.guest_id == 'a'"),
        ("    n = round(Order.price)", DefinitionError, "np.floor(Order.price + 0.5)"),
        ("    n = float(Order.price)", DefinitionError, ".astype(np.float64)"),
        ("    n = round(mean(Order.price, over='1h'))", DefinitionError, "in a RequestFeatures"),
        ("    n = abs(sum(Order.price, over='1h'))", DefinitionError, "in a RequestFeatures"),
        ("    n = sum(Order.price, over='1h') / count(over='1h')", DefinitionError, "its own"),
        ("    n = count(over='1h') and count(over='1d')", DefinitionError, "in a RequestFeatures"),
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


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("max(Order.price, over='1h')", "write `from slate import max`"),
        ("sum(Order.price, where=Order.price > 1, over='1h')", "write `from slate import sum`"),
        ("min(Order.price)", "`from slate import max`"),
        ("max(Order.price, Order.price)", "np.maximum and np.minimum"),
        ("any(Order.price)", "count(where=..., over='1h')"),
        ("len(Order.price)", "count(over='1h')"),
        ("mean(Order.price, over='1h')", "write `from slate import mean`"),
    ],
)
def test_a_function_of_python_in_place_of_an_aggregate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, says: str
) -> None:
    """Python has them without an import, and they know nothing of columns."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"pythons_{abs(hash(call))}"
    path = tmp_path / f"{name}.py"
    begin = BEGIN.replace("from slate import *", "from slate import *\ndel max, mean, min, sum")
    path.write_text(f"{begin}    n = {call}\n")
    with pytest.raises(SlateError) as caught:
        Registry.from_module(name)
    assert str(caught.value).startswith(f"{path}:{len(begin.splitlines()) + 1}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("    n = sum(Order.price)\n", 1, "Orders.n: say the windows"),
        (
            "    first = count(over='1h')\n    n = sum(\n        Order.guest_id,\n"
            "        over='1h',\n    )\n    last = count(over='1d')\n",
            2,
            "Orders.n: sum takes",
        ),
        ("    a = count(over='1h')\n    n: int = count(over='1h')\n", 2, "Orders.n: a view"),
        ("    a = count(over='1h')\n    n: 3\n", 2, "Orders.n: a view of a source holds"),
        ("    a = count(over='1h')\n    a_1h = last(Order.price)\n", 2, "Orders.a_1h"),
    ],
)
def test_a_wrong_member_of_a_class_is_named_by_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, line: int, says: str
) -> None:
    """It is found wrong when the class is made, whose line Python tells."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"wrong_member_{abs(hash(body))}"
    path = tmp_path / f"{name}.py"
    path.write_text(f"{BEGIN}{body}\n")
    with pytest.raises(DefinitionError) as caught:
        Registry.from_module(name)
    assert str(caught.value).startswith(f"{path}:{len(BEGIN.splitlines()) + line}: {says}")


def test_what_is_wrong_of_a_whole_class_is_named_by_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "wrong_class.py"
    path.write_text(
        BEGIN.replace("    guest_id: str\n    price", "    guest: str\n    price")
        + "    n = count(over='1h')\n"
    )
    with pytest.raises(DefinitionError, match="Orders: Order needs a column `guest_id") as caught:
        Registry.from_module("wrong_class")
    place = len(BEGIN.splitlines()) - 1
    assert str(caught.value).startswith(f"{path}:{place}: Orders: ")


FIRST = "    n = count(over='1h')\n\n"


@pytest.mark.parametrize(
    ("second", "name"),
    [
        ("class Orders(FeatureView):\n    entity, source = Guest, Order\n" + FIRST, "Orders"),
        ("class Guest(Entity):\n    guest_id: str\n", "Guest"),
        (
            "of = {'version': 1, 'keys': [Guest], 'spine': Order, 'features': [Orders]}\n"
            "one = FeatureService('one', **of)\none = FeatureService('two', **of)\n",
            "one",
        ),
    ],
    ids=["a view", "an entity", "a service"],
)
def test_a_definition_that_takes_the_place_of_another_is_told_with_both_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: str, name: str
) -> None:
    """Also where nothing refers to the first, which is gone without a word."""
    monkeypatch.syspath_prepend(tmp_path)
    module = f"defined_twice_{name.lower()}"
    path = tmp_path / f"{module}.py"
    path.write_text(BEGIN + FIRST + second)
    lines = [
        number
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.startswith((f"class {name}(", f"{name} = "))
    ]
    with pytest.raises(DefinitionError, match=f": {name} is defined twice, lines") as caught:
        Registry.from_module(module)
    assert f"{path}:{lines[1]}: " in str(caught.value)
    assert f"lines {lines[0]} and {lines[1]}" in str(caught.value)


def test_one_of_two_definitions_may_be_chosen_by_a_condition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    body = "    class Orders(FeatureView):\n        entity, source = Guest, Order\n        n = {}\n"
    chosen = "if True:\n{}else:\n{}".format(
        body.format("count(over='1h')"), body.format("count(over='2h')")
    )
    begin = BEGIN.partition("class Orders")[0]
    (tmp_path / "chosen_by_condition.py").write_text(begin + chosen)
    assert set(Registry.from_module("chosen_by_condition").views) == {"orders"}
