"""The deployment's dbt project: what dbt is told of the deployment, and parsing it."""

import fcntl
import os
import sys
from pathlib import Path

from dagster_dbt import DagsterDbtCliRuntimeError, DbtProject

from slate.assets.dbt_calls import Dbt
from slate.deployment import Deployment
from slate.errors import ConfigurationError

# What dbt itself writes into its project.
_WRITTEN = ("target", "logs")
# What names the packages that a project is made with.
_PACKAGES = ("packages.yml", "dependencies.yml")


def dbt_project(deployment: Deployment) -> DbtProject:
    """The deployment's dbt project, parsed if it never was."""
    set_environment(deployment)
    project = DbtProject(deployment.dbt_project)
    project.prepare_if_dev()
    if not project.manifest_path.exists():
        _parse(project)
    return project


def parse_if_changed(deployment: Deployment) -> None:
    """Parse the deployment's dbt project where it changed since it was parsed last.

    Raises:
        ConfigurationError: dbt cannot parse it.
    """
    set_environment(deployment)
    project = DbtProject(deployment.dbt_project)
    if is_changed(project):
        _parse(project)


def is_changed(project: DbtProject) -> bool:
    """Whether anything in a dbt project is newer than what came of parsing it last."""
    manifest = project.manifest_path
    return not manifest.exists() or _newest(project.project_dir) > manifest.stat().st_mtime


def _newest(folder: Path) -> float:
    """When anything in a dbt project was changed last, but for what dbt itself writes there."""
    newest = 0.0
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _WRITTEN]
        # A folder's own time tells of what is gone from it.
        paths = [Path(root, name) for name in (*folders, *files) if not name.startswith(".")]
        newest = max([newest, *(path.stat().st_mtime for path in paths)])
    return newest


def _parse(project: DbtProject) -> None:
    dbt = Dbt(project_dir=str(project.project_dir))
    target = project.project_dir / project.target_path
    target.mkdir(parents=True, exist_ok=True)
    packages = any((project.project_dir / name).exists() for name in _PACKAGES)
    try:
        with (target / "parse.lock").open("w") as lock:
            # Of two processes that parse, the other would read what this one is writing.
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in ("deps", "parse") if packages else ("parse",):
                dbt.cli([command, "--quiet"], target_path=target).wait()
    except DagsterDbtCliRuntimeError as error:
        raise ConfigurationError(
            f"dbt cannot parse {project.project_dir}; what it says of it is above"
        ) from error


def set_environment(deployment: Deployment) -> None:
    """Say in this process's environment what dbt learns from its own.

    dbt runs as a process of its own, in its project's folder, and learns from its environment
    where the warehouse is, and what memory it may take.
    """
    # If it learns another thing, it parses its whole project again: from there a deployment that
    # was moved or copied has it where it was.
    os.environ["SLATE_WAREHOUSE"] = os.path.relpath(deployment.warehouse, deployment.dbt_project)
    if deployment.memory:
        os.environ["SLATE_MEMORY"] = deployment.memory
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    # It lies beside this Python, and whoever loads the definitions need not have that on the path.
    programs, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = f"{programs}{os.pathsep}{path}"
