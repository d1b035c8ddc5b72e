"""What dbt docs show of the generated models: every column described, tags, owners, freshness."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slate.compile.project import generated
from slate.deployment import Deployment, load

ROOT = Path(__file__).parents[2]
CONFIGS = {
    "live_shopping": ROOT / "slate.toml",
    "bikes": ROOT / "tests" / "deployments" / "bikes" / "slate.toml",
}
Properties = dict[str, Any]


@pytest.fixture(params=CONFIGS)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return load(CONFIGS[request.param])


def read(deployment: Deployment) -> dict[str, Properties]:
    """The models and the sources' tables that are generated, by name."""
    found: dict[str, Properties] = {}
    for path, text in generated(deployment.registry).items():
        if path.suffix == ".yml":
            properties = yaml.safe_load(text)
            listed = [*properties.get("models", []), *properties.get("exposures", [])]
            for source in properties.get("sources", []):
                listed += [{**one, "name": f"raw.{one['name']}"} for one in source["tables"]]
            found |= {one["name"]: one for one in listed}
    return found


def test_every_column_has_a_description(deployment: Deployment) -> None:
    lacking, columns = [], 0
    for name, model in read(deployment).items():
        assert model["description"].strip(), name
        for column in model.get("columns", []):
            columns += 1
            if not column.get("description", "").strip():
                lacking.append(f"{name}.{column['name']}")
    assert columns > 300
    assert lacking == []


def test_the_models_written_by_hand_are_described_too() -> None:
    folder = ROOT / "dbt_project" / "models" / "features"
    models = yaml.safe_load((folder / "_models.yml").read_text())["models"]
    columns = [column for model in models for column in model["columns"]]
    assert len(columns) == 30
    assert [column["name"] for column in columns if not column.get("description")] == []


def test_sources_show_their_columns_and_how_fresh_they_are(deployment: Deployment) -> None:
    tables = read(deployment)
    for source in deployment.registry.sources.values():
        if source.landing:
            table = tables[f"raw.{source.landing}"]
            assert [column["name"] for column in table["columns"]] == list(source.columns)
            meta = table.get("config", {}).get("meta", {})
            assert meta.get("fresh_within", "") == source.fresh_within
            assert ("A check fails when its newest row" in table["description"]) == bool(
                source.fresh_within
            )


def test_tags_and_owners() -> None:
    models = read(load(CONFIGS["live_shopping"]))
    taste = models["viewer_category_taste_current"]["config"]
    assert taste["tags"] == ["affinity", "session"]
    assert taste["meta"] == {
        "owner": "ranking@live-shopping.example",
        "view": "viewer_category_taste",
        "entity": "viewer_category",
    }
    assert models["feed_ranking_v1"]["config"]["tags"] == ["ranking"]
    assert models["show_quality_v1_service"]["config"]["tags"] == ["search", "notifications"]
    prices = [
        column["config"]["tags"]
        for name in ("show_catalog_current", "impression__show_catalog", "feed_ranking_v1")
        for column in models[name]["columns"]
        if column["name"].endswith("start_price")
    ]
    assert prices == [["price"]] * 3
