"""dbt projects that have been parsed: those that are alike once in a run of the tests."""

import os
import shutil
from hashlib import blake2b
from pathlib import Path

from slate.assets.dbt_project import parse_if_changed
from slate.deployment import Deployment
from tests.made_once import made_once

# What dbt writes there.
_WRITTEN = ("target", "logs")


def parse_once(deployment: Deployment) -> None:
    """Give a deployment's dbt project what dbt makes of it when it parses it, which takes 10 s."""
    project, parsed = deployment.dbt_project, deployment.dbt_project / "target"

    def make(folder: Path) -> None:
        parse_if_changed(deployment)
        shutil.copytree(parsed, folder)

    made = made_once(f"parsed-{_content(project)}", make)
    if not parsed.exists():
        shutil.copytree(made, parsed)
    # Nothing of the project is newer.
    os.utime(parsed / "manifest.json")


def _content(project: Path) -> str:
    """What tells a dbt project from others."""
    found = blake2b(digest_size=8)
    for path in sorted(path for path in project.rglob("*") if path.is_file()):
        name = path.relative_to(project)
        if name.parts[0] not in _WRITTEN:
            found.update(f"{name}\n{path.read_text()}\n".encode())
    return found.hexdigest()
