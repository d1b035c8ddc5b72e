"""A small deployment where guests stay, and one that has run, made once for all who ask for it."""

import shutil
from pathlib import Path

from slate.compile.project import write
from slate.deployment import Deployment, load
from slate.locks.lock_files import lock_path
from slate.locks.lock_files import write as write_lock
from slate.locks.standing import standing
from slate.orchestration.runs import run_everything
from tests.made_once import made_once
from tests.orchestration import small
from tests.orchestration.bikes import MET_BY
from tests.orchestration.parsed import parse_once
from tests.parity.landing import moment, write_landing
from tests.parity.scenarios import HOUR, MIDDAY

PROFILE = """
select guest_id, event_ts, received_at, stay_id as row_id, stay_id as last_stay
from {{ ref('stg_stays') }}
"""
STAYS = [
    {
        "stay_id": f"s{number}",
        "event_ts": moment(MIDDAY + number * HOUR // 4),
        "received_at": moment(MIDDAY + number * HOUR // 4 + 1),
        "guest_id": f"g{number % 3}",
    }
    for number in range(8)
]


def place(folder: Path, lacking: str) -> Deployment:
    """A deployment in a folder of its own, with stays that have landed."""
    deployment = small.place(folder, lacking)
    if "GuestProfile" in small.LACKING[lacking]:
        (deployment.dbt_project / "models" / "guest_profile.sql").write_text(PROFILE)
    write(deployment.registry, deployment.dbt_project)
    write_landing(deployment.landing, small.Stay, STAYS)
    return deployment


def ran(folder: Path) -> Deployment:
    """A copy, in a new folder, of a deployment of two versions of a service that ran and is locked.

    Args:
        folder: where it is put; not there yet.
    """
    left = shutil.ignore_patterns(*MET_BY)
    shutil.copytree(made_once("stays", _make), folder, symlinks=True, ignore=left)
    return load(folder / "slate.toml")


def _make(folder: Path) -> None:
    deployment = place(folder, "events")
    parse_once(deployment)
    for name, contract in standing(deployment).defined.items():
        write_lock(contract, lock_path(deployment, name))
    assert run_everything(deployment)
