"""What is nobody else's business: passwords in messages, and what is kept in files."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from slate.cli import processes
from slate.deployment import Deployment
from slate.online.store.addresses import shown
from tests.cli.conftest import BIKES

SECRET = "hush-hush"
COMMANDS = [
    ["deadletters"],
    ["ingest", "move", "-"],
    ["query", "station_outlook", "station_id=1", "expected=2"],
]


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        (f"redis://:{SECRET}@cache:6379/0", "redis://cache:6379/0"),
        (f"rediss://slate:{SECRET}@cache", "rediss://cache"),
        (f"unix://{SECRET}@/run/redis.sock?db=1&password={SECRET}", "unix:///run/redis.sock"),
        (f"redis://:a/{SECRET}@cache", "***"),
        (f"redis://:a?{SECRET}@cache", "***"),
        (f"redis://:a://{SECRET}@cache", "***"),
        (f"redis://cache?password={SECRET}@b", "redis://cache"),
        (f"{SECRET}@cache", "***"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, printed: str) -> None:
    assert shown(address) == printed


def test_a_command_shows_its_store_without_secrets(bikes: Deployment) -> None:
    address = f"redis://:{SECRET}@cache"
    with processes.store(replace(bikes, redis=address)) as store:
        assert (store.address, f"{store}") == (address, "redis://cache")
        assert SECRET not in repr(store)


def test_a_deployment_is_shown_without_its_stores_address() -> None:
    deployment = Deployment("a", "b", BIKES, BIKES, BIKES, f"redis://:{SECRET}@cache")
    assert SECRET not in repr(deployment)


def test_no_command_prints_or_keeps_a_password(bikes: Deployment) -> None:
    """Nor a line in colours, where nobody looks at a terminal."""
    address = f"redis://slate:{SECRET}@127.0.0.1:1/0?password={SECRET}"
    environment = os.environ | {"SLATE_REDIS": address}
    event = b'{"move_id": 1, "moved_at": "2026-03-01T12:00:00Z", "station_id": 1}\n'
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "cli", *command],
            env=environment, cwd=BIKES.parents[2],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for command in COMMANDS
    ]  # fmt: skip
    for command, process in zip(COMMANDS, running, strict=True):
        printed, _ = process.communicate(event, timeout=120)
        assert printed, command
        assert SECRET.encode() not in printed, printed
        assert b"Traceback" not in printed, printed
        assert b"\x1b" not in printed, printed
    kept = [file for file in bikes.data.rglob("*") if file.is_file()]
    assert not [file for file in kept if SECRET.encode() in file.read_bytes()]


def test_a_data_folder_is_its_users_alone(bikes: Deployment) -> None:
    bikes.make_data()
    assert bikes.data.stat().st_mode & 0o077 == 0


def test_one_that_others_can_read_is_left_and_told_of(
    bikes: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.make_data(bikes)
    assert capsys.readouterr().err == ""
    bikes.data.chmod(0o755)
    processes.make_data(bikes)
    assert f"every user of this machine can read {bikes.data}" in capsys.readouterr().err
    assert bikes.data.stat().st_mode & 0o777 == 0o755
