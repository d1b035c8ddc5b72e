"""Texts of definitions are what they are, whatever they mean to SQL, YAML or Jinja."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from slate.compile.model_contracts import Model, ModelColumn
from slate.compile.properties import models_yml
from slate.deployment import Deployment
from slate.quoting import literal
from tests.parity.engines import dbt

BIKES = Path(__file__).parents[1] / "deployments" / "bikes"
TEXTS = [
    "plain",
    "it's",
    "''",
    "{{ ref('nothing') }}",
    "{% if %}",
    "{# gone #}",
    "{{{",
    "{'{",
    "}} %} #} { {",
    "{{ '{' }}",
    "{% raw %}{{ x }}{% endraw %}",
    '"\\n" ü ☕',
]


@pytest.mark.process
def test_texts_go_through_dbt_as_they_are(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    models = project / "models" / "features"
    models.mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(BIKES / "dbt_project" / name, project)
    values = ", ".join(f"({number}, {literal(text)})" for number, text in enumerate(TEXTS))
    filters = " or ".join(f"text = {literal(text)}" for text in TEXTS)
    (models / "texts.sql").write_text(
        f"select * from (values {values}) as all_of(number, text) where {filters}"
    )
    columns = [
        ModelColumn(name, type_, " ".join(TEXTS), TEXTS)
        for name, type_ in (("number", "integer"), ("text", "varchar"))
    ]
    (models / "_models.yml").write_text(
        models_yml(
            [Model("texts", "\n".join(TEXTS), tuple(columns), TEXTS, {"told": TEXTS[2], "un": ""})]
        )
    )
    deployment = Deployment("bikes", "", tmp_path, project, tmp_path / "data")
    deployment.data.mkdir()
    dbt(deployment, "build")
    with duckdb.connect(deployment.warehouse) as connection:
        found = connection.execute("select text from texts order by number").fetchall()
    assert [text for (text,) in found] == TEXTS
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    (node,) = (node for key, node in manifest["nodes"].items() if key.startswith("model."))
    assert node["description"] == "\n".join(TEXTS)
    assert node["columns"]["text"]["description"] == " ".join(TEXTS)
    assert sorted(node["tags"]) == sorted(TEXTS)
    assert sorted(node["columns"]["text"]["tags"]) == sorted(TEXTS)
    assert node["meta"] == {"told": TEXTS[2]}
