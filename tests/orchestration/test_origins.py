"""Which landed sources a view is made of: its own, or those behind its hand-written model."""

import json
from pathlib import Path

import pytest

from slate.assets.origins import landed_origins
from slate.deployment import load
from slate.errors import ConfigurationError
from tests.orchestration.bikes import BIKES


def test_a_hand_written_model_is_made_of_what_is_behind_it(tmp_path: Path) -> None:
    registry = load(BIKES / "slate.toml").registry
    parents: dict[str, list[str]] = {"source.bikes.raw.moves": []}
    for source in registry.sources.values():
        parents[f"model.bikes.{source.model}"] = [f"source.bikes.raw.{source.landing}"]
    for view in registry.views.values():
        parents[f"model.bikes.{view.name}_current"] = ["model.bikes.as_of"]
        if view.windowed:
            tiles = f"model.bikes.{view.name}_tiles"
            parents[f"model.bikes.{view.name}_current"].append(tiles)
            parents[tiles] = [f"model.bikes.{view.source.model}"]
    parents["model.bikes.as_of"] = ["source.bikes.raw.files"]
    parents["model.bikes.bike_profile_current"].append("model.bikes.bike_profile")
    parents["model.bikes.bike_profile"] = ["model.bikes.stg_bike_changes", "model.bikes.between"]
    parents["model.bikes.between"] = ["model.bikes.stg_moves", "model.bikes.bike_profile"]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"parent_map": parents}))
    found = landed_origins(registry, manifest)
    names = {view: [source.name for source in sources] for view, sources in found.items()}
    assert names["bike_profile"] == ["bike_change", "move"]
    assert names["station_moves"] == ["move"]
    assert names["rider_profile"] == []
    del parents["model.bikes.bike_use_current"]
    manifest.write_text(json.dumps({"parent_map": parents}))
    with pytest.raises(ConfigurationError, match="does not know the model bike_use_current"):
        landed_origins(registry, manifest)
