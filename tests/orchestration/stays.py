"""A small deployment that has run, made once for all who ask for it."""

import shutil
from pathlib import Path

from slate.deployment import Deployment, load
from slate.locks.lock_files import lock_path
from slate.locks.lock_files import write as write_lock
from slate.locks.standing import standing
from slate.orchestration.runs import run_everything
from tests.made_once import made_once
from tests.orchestration.test_small_deployments import place


def ran(folder: Path) -> Deployment:
    """A copy, in a new folder, of a deployment of two versions of a service that ran and is locked.

    Args:
        folder: where it is put; not there yet.
    """
    # Of the store's folder not what its processes meet by.
    left = shutil.ignore_patterns("users", "socket", "*.sock")
    shutil.copytree(made_once("stays", _make), folder, symlinks=True, ignore=left)
    return load(folder / "slate.toml")


def _make(folder: Path) -> None:
    deployment = place(folder, "events")
    for name, contract in standing(deployment).defined.items():
        write_lock(contract, lock_path(deployment, name))
    assert run_everything(deployment)
