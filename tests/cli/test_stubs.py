"""`slate stubs`: the module of services with their types, as a type checker and Python take it."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slate import Registry
from slate.compile.stubs import stubs
from slate.online.typed import told
from tests.cli.conftest import Slate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def slate(slate_here: Slate, monkeypatch: pytest.MonkeyPatch) -> Slate:
    """`slate`, about the marketplace."""
    monkeypatch.setenv("SLATE_CONFIG", str(ROOT / "slate.toml"))
    return slate_here


@pytest.fixture
def module(slate: Slate, tmp_path: Path) -> Path:
    path = tmp_path / "features.py"
    assert slate("stubs", "--out", str(path)).code == 0
    return path


def test_that_of_the_marketplace_is_up_to_date(slate: Slate) -> None:
    # What a type checker makes of it, tests/cli/typed_use.py says, as `make check` looks at it.
    assert (
        slate("stubs", "--out", str(Path(__file__).with_name("features.py")), "--check").code == 0
    )


class Client:
    """Notes what it is asked."""

    def get(self, service: str, at: Any = None, **given: Any) -> tuple[str, Any, dict[str, Any]]:
        return service, at, given


def test_it_asks_for_what_it_is_given(module: Path) -> None:
    spec = importlib.util.spec_from_file_location("features", module)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    features = made.Features(Client())
    assert features.feed_ranking(viewer_id="v") == ("feed_ranking_v1", None, {"viewer_id": "v"})
    shows = np.array(["a"])
    asked = features.feed_ranking(viewer_id="v", show_id=shows, device="ios", at=1)
    assert asked == ("feed_ranking_v1", 1, {"viewer_id": "v", "show_id": shows, "device": "ios"})
    assert told({"a": None, "b": 0, "c": ""}) == {"b": 0, "c": ""}


def test_it_is_checked(slate: Slate, module: Path) -> None:
    arguments = ("stubs", "--out", str(module))
    assert slate(*arguments, "--check").code == 0
    module.write_text(module.read_text().replace("taps_1h", "tap_1h"))
    refused = slate(*arguments, "--check")
    assert refused.code == 1
    assert f"run `slate stubs --out {module}`" in refused.err
    assert slate(*arguments).code == 0
    assert slate("stubs").out == module.read_text()
    assert slate("stubs", "--check").code == 1
    assert "cannot be read or written" in slate("stubs", "--out", str(module.parent)).err


def test_of_several_versions_each_has_its_own() -> None:
    text = stubs("arcade", Registry.from_module("tests.online.http.kinds"))
    for version in ("1", "2"):
        assert f"class GameCardV{version}Answer(Answer):" in text
        assert f"def game_card_v{version}(" in text
        assert f'get("game_card_v{version}", at' in text
    assert "def game_card(" not in text
    assert "def studio_page(" in text, "where there is one version its name is enough"
