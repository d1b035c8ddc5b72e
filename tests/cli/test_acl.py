"""`slate acl`: the users of the online store."""

import io
import os
import subprocess
import sys

import pytest

from slate.deployment import Deployment
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.store.roles import ROLES
from tests.cli.conftest import Slate


def test_a_line_for_each_role(slate: Slate, bikes: Deployment) -> None:
    shown = slate("acl")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert [line.split()[1] for line in lines] == [f"bikes-{role}" for role in ROLES]
    assert all(line.split()[2:4] == ["reset", "on"] for line in lines)


def test_a_role_is_made_with_a_password_that_is_not_told(
    slate: Slate, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServer.attach(bikes.data / "redis") as server, connect(server.address) as redis:
        redis.hset("bikes:generations", "a", "b")
        monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))
        made = slate("acl", "--set", "reader", "--user", "feed")
        assert (made.code, made.out) == (0, "")
        assert "feed may do in unix://" in made.err
        assert "s3cret" not in made.err
        path = server.address.removeprefix("unix://")
        with connect(f"unix://feed:s3cret@{path}") as reader:
            assert reader.hget("bikes:generations", "a") == b"b"
        monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
        assert "the password of bikes-reader is empty" in slate("acl", "--set", "reader").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "raeder"), "there is no role 'raeder': did you mean 'reader'?"),
        (("--user", "feed"), "--user names the user of a role: give --set ROLE as well"),
    ],
)
def test_what_is_no_role(
    slate: Slate, bikes: Deployment, arguments: tuple[str, ...], told: str
) -> None:
    refused = slate("acl", *arguments)
    assert refused.code == 1
    assert told in refused.err


@pytest.mark.process
def test_a_password_that_is_typed_is_not_shown(bikes: Deployment) -> None:
    terminal, typed = os.openpty()
    command = [sys.executable, "-m", "slate.cli", "acl", "--set", "reader"]
    with (
        EmbeddedServer.attach(bikes.data / "redis") as server,
        subprocess.Popen(
            command, stdin=typed, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as asking,
    ):
        assert asking.stderr is not None
        prompt = "password of bikes-reader: "
        assert asking.stderr.read(len(prompt)) == prompt
        os.write(terminal, b"s3cret\n")
        assert "bikes-reader may do in" in asking.stderr.read()
        assert asking.wait(20) == 0
        with connect(f"unix://bikes-reader:s3cret@{server.address.removeprefix('unix://')}"):
            pass
    os.close(typed)
    os.set_blocking(terminal, False)
    try:
        shown = os.read(terminal, 100)
    except OSError:  # as of a terminal that nobody has open
        shown = b""
    os.close(terminal)
    assert b"s3cret" not in shown
