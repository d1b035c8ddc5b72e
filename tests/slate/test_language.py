"""The language reference: its examples are defined, and its tables are true."""

import re
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

import slate
from slate import Entity, FeatureView, Registry, Source
from slate.aggregates import LatestFunction, TileFunction
from slate.compile.project import generated
from slate.kinds import Kind

PAGE = (Path(__file__).parents[2] / "docs/language.md").read_text()
BLOCKS = re.findall(r"```python( view)?\n(.*?)```", PAGE, re.DOTALL)
ROW = re.compile(r"^\| `(\w+)\(.*?\| (.*?) \| (.*?) \| .* \| (.*?) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The page's definitions, in order, in one module."""
    made = ModuleType("shop")
    for number, (view, block) in enumerate(BLOCKS):
        text = block
        if view:
            head = f"class Example{number}(FeatureView):\n    entity, source = Customer, Order\n"
            text = head + textwrap.indent(block, "    ")
        exec(compile(text, f"language.md, example {number}", "exec"), vars(made))
    return made


def test_the_examples_make_a_deployment(module: ModuleType) -> None:
    registry = Registry.from_module(module)
    assert registry.services.keys() == {"offers_v1"}
    written = " ".join(map(str, generated(registry)))
    assert all(f"{view}_current" in written for view in registry.views)


def test_every_name_is_in_an_example() -> None:
    shown = " ".join(block for _, block in BLOCKS)
    others = {"Registry", "history", "history_batches"}
    assert [n for n in slate.__all__ if n not in others and not re.search(rf"\b{n}\b", shown)] == []


@pytest.mark.parametrize("row", ROW.findall(PAGE), ids=lambda row: row[0])
def test_the_table_of_aggregates(module: ModuleType, row: tuple[str, ...]) -> None:
    name, takes, nothing, forever = row
    views: list[type[FeatureView]] = [
        found for number in range(len(BLOCKS)) if (found := vars(module).get(f"Example{number}"))
    ]
    function = next(
        measure.function
        for view in views
        for measure in view.measures.values()
        if measure.function.name == name
    )
    kinds = {kind.value for kind in function.inputs}
    assert kinds == {"any": {kind.value for kind in Kind}, "-": set()}.get(
        takes, set(takes.split(", "))
    )
    if name != "last_n":
        assert nothing == ("null" if function.empty is None else str(function.empty))
    lasts = isinstance(function, TileFunction) and function.over_forever
    without = isinstance(function, LatestFunction)
    assert forever == ("yes" if lasts else "leave `over` out" if without else "no")


def test_the_table_has_all_aggregates() -> None:
    found = {row[0] for row in ROW.findall(PAGE)}
    modules = {name: getattr(slate, name).__module__ for name in slate.__all__}
    assert found == {name for name in modules if modules[name].startswith("slate.aggregates.")}


@pytest.mark.parametrize("base", [Source, FeatureView], ids=lambda base: base.__name__)
def test_the_table_of_options(base: type[Source | FeatureView]) -> None:
    (line,) = re.findall(rf"^\| `{base.__name__}` \| (.*) \|$", PAGE, re.MULTILINE)
    own = base._settings.keys() - Entity._settings.keys()
    assert set(re.findall(r"`(\w+)`", line)) == own
