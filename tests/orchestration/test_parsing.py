"""The dbt project is parsed again where it changed."""

import shutil
from pathlib import Path

import pytest
from dagster_dbt import DbtProject

from assets.warehouse import parse_if_changed
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from tests.orchestration.bikes import BIKES


def test_it_is_parsed_again_where_anything_in_it_is_newer(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    models = project / "models" / "features"
    models.mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(BIKES / "dbt_project" / name, project)
    for name in ("one", "two"):
        (models / f"{name}.sql").write_text("select 1 as a")
    definitions = "tests.deployments.bikes.definitions"
    deployment = Deployment("bikes", definitions, tmp_path, project, tmp_path / "data")
    manifest = DbtProject(project).manifest_path

    def parsed() -> bool:
        before = manifest.stat().st_mtime_ns if manifest.exists() else None
        parse_if_changed(deployment)
        return manifest.stat().st_mtime_ns != before

    assert parsed()
    assert not parsed()
    (models / "one.sql").write_text("select 2 as a")
    assert parsed()
    (models / "two.sql").unlink()
    assert parsed()
    assert "two.sql" not in manifest.read_text()
    (models / "_models.yml").write_text("models: [")
    with pytest.raises(ConfigurationError, match=r"dbt cannot parse .*/dbt_project; what it says"):
        parsed()
