"""The dbt project is parsed again where it changed."""

import os
import shutil
from pathlib import Path

import pytest
from dagster_dbt import DbtProject

from slate.assets.dbt_project import is_changed, parse_if_changed
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from tests.orchestration.bikes import BIKES


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """One whose dbt project has two models."""
    project = tmp_path / "dbt_project"
    models = project / "models" / "features"
    models.mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(BIKES / "dbt_project" / name, project)
    for name in ("one", "two"):
        (models / f"{name}.sql").write_text("select 1 as a")
    definitions = "tests.deployments.bikes.definitions"
    return Deployment("bikes", definitions, tmp_path, project, tmp_path / "data")


def test_it_is_changed_where_anything_in_it_is_newer(deployment: Deployment) -> None:
    project = DbtProject(deployment.dbt_project)
    models = deployment.dbt_project / "models" / "features"

    def changed() -> bool:
        found = is_changed(project)
        project.manifest_path.parent.mkdir(exist_ok=True)
        project.manifest_path.touch()
        # What is done to the project from here on is newer, however coarse the clock of files.
        for folder, _, files in os.walk(deployment.dbt_project):
            for path in (Path(folder), *(Path(folder, name) for name in files)):
                if path != project.manifest_path:
                    os.utime(path, (0, 0))
        return found

    assert changed()
    assert not changed()
    (models / "one.sql").write_text("select 2 as a")
    assert changed()
    (models / "two.sql").unlink()
    assert changed()
    (deployment.dbt_project / "logs").mkdir()
    (deployment.dbt_project / "logs" / "dbt.log").touch()
    os.utime(deployment.dbt_project, (0, 0))
    assert not changed(), "what dbt writes is none of it"


def test_it_is_parsed_or_what_is_wrong_is_told(deployment: Deployment) -> None:
    manifest = DbtProject(deployment.dbt_project).manifest_path
    parse_if_changed(deployment)
    assert "one.sql" in manifest.read_text()
    (deployment.dbt_project / "models" / "_models.yml").write_text("models: [")
    with pytest.raises(ConfigurationError, match=r"dbt cannot parse .*/dbt_project; what it says"):
        parse_if_changed(deployment)
