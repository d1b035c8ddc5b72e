"""`slate compile`: the SQL that the definitions stand for, in the dbt project."""

import sys
from argparse import Namespace

from slate.compile.project import generated, stale, write
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError


def run(options: Namespace) -> int:
    """Write what is out of date, naming each file; or with ``--check`` only look."""
    deployment = load()
    if options.check:
        require_up_to_date(deployment)
        return 0
    _require_project(deployment)
    changed = write(deployment.registry, deployment.dbt_project)
    for path in changed:
        print(deployment.dbt_project / path)
    total = len(generated(deployment.registry))
    print(f"{total} generated files, of which {len(changed)} changed", file=sys.stderr)
    return 0


def require_up_to_date(deployment: Deployment) -> None:
    """Refuse generated SQL that is not what the definitions stand for.

    Raises:
        ConfigurationError: naming each file.
    """
    _require_project(deployment)
    if wrong := stale(deployment.registry, deployment.dbt_project):
        files = "\n  ".join(str(deployment.dbt_project / path) for path in wrong)
        raise ConfigurationError(f"generated files are out of date: run `slate compile`\n  {files}")


def _require_project(deployment: Deployment) -> None:
    if not (deployment.dbt_project / "dbt_project.yml").is_file():
        raise ConfigurationError(
            f"{deployment.dbt_project} holds no dbt_project.yml: set `dbt_project` in slate.toml "
            "to the folder of a dbt project"
        )
