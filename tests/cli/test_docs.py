"""`slate docs`: the catalogue as a site."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from slate.cli.docs import own_port
from slate.deployment import Deployment
from tests.cli.conftest import BIKES, Slate
from tests.cli.test_process import ROOT, SLATE


def test_it_says_where_the_site_is(slate: Slate, bikes: Deployment) -> None:
    done = slate("docs")
    index = bikes.catalogue / "index.html"
    assert (done.code, done.out) == (0, f"{index}\n")
    assert "the online store did not run" in done.err
    assert "station_moves" in index.read_text()
    assert [path.name for path in bikes.data.iterdir()] == ["catalogue"], "no store was started"


def test_it_is_written_where_it_is_told_to(
    slate: Slate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert slate("docs", "--out", "site").out == f"{tmp_path / 'site/index.html'}\n"
    (tmp_path / "file").touch()
    refused = slate("docs", "--out", "file/site")
    assert refused.code == 1
    assert "cannot be written (Not a directory): see that this user may write there" in refused.err


def test_a_store_that_cannot_be_reached_is_a_gap(
    slate: Slate, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATE_REDIS", "redis://:secret@127.0.0.1:1")
    done = slate("docs")
    assert done.code == 0
    assert "the online store cannot be reached" in done.err
    assert "secret" not in done.err
    assert "secret" not in (bikes.catalogue / "index.html").read_text()


@pytest.mark.process
@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGTERM])
def test_it_is_served_to_this_machine_alone(tmp_path: Path, ended: signal.Signals) -> None:
    settings = {"SLATE_CONFIG": str(BIKES / "slate.toml"), "SLATE_DATA": str(tmp_path / "data")}
    site = tmp_path / "site"
    command = [*SLATE, "docs", "--out", str(site), "--serve"]
    with (
        subprocess.Popen(
            command,
            env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        ExitStack() as stack,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        # Where an assertion fails nothing else ends it.
        stack.callback(process.kill)
        assert process.stdout.readline() == f"{site}/index.html\n"
        address, _, rest = process.stdout.readline().partition(" ")
        assert rest == "has it; interrupt to stop\n"
        (tmp_path / "secret").write_text("secret")
        (site / "out").symlink_to(tmp_path / "secret")

        def asked(path: str, method: str = "GET", **headers: str) -> int:
            with urllib3.PoolManager() as pool:
                return pool.request(method, f"{address}{path}", headers=headers).status

        page = urllib3.request("GET", f"{address}/?q=docks")
        assert (page.status, page.data) == (200, (site / "index.html").read_bytes())
        assert asked("/views/station_moves.html") == 200
        assert asked("/nothing.html") == asked("/views/") == asked("/a%00b") == 404
        assert asked("/out") == asked("/../secret") == asked("/%2e%2e/secret") == 404
        assert asked("/", "POST") == asked("/", "DELETE") == 501
        assert asked("/", Host="evil.example.com") == 403
        # A browser that goes away amid an answer is nothing to tell of.
        host, port = address.removeprefix("http://").split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port))) as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + b"\0" * 4)
                caller.sendall(b"GET /views/station_moves.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
        process.send_signal(ended)
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_told(slate: Slate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = slate("docs", "--serve", str(taken.getsockname()[1]))
    assert refused.code == 1
    assert "cannot be listened on (Address already in use): give --serve another" in refused.err


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("http://127.0.0.1:8090", 8090),
        ("http://localhost:8090", 8090),
        ("http://localhost", 0),
        ("https://127.0.0.1:8090", 0),
        ("http://127.0.0.1:8090/catalogue", 0),
        ("http://features.example.com:8090", 0),
        ("", 0),
    ],
)
def test_links_to_this_machine_say_where_it_is_served(address: str, port: int) -> None:
    assert own_port(address) == port
