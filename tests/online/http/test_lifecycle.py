"""How a server begins, what it counts, and how it ends."""

import asyncio
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.errors import (
    ClosedError,
    ConfigurationError,
    MissingPackageError,
    RequestError,
    StoreError,
)
from slate.online import Answer, AsyncRemoteClient, FeatureClient, Publisher, RemoteClient
from slate.online.http import metrics
from slate.online.http.server import _waiting, listen
from slate.online.store.embedded_server import EmbeddedServer
from tests.online.http.conftest import LISTENING, STARTED, Serve, Served
from tests.online.tables import AS_OF

GAMES = ["chess", "go", "tag", "nothing"] * 100


def metric(served: Served, name: str, **labels: str) -> float:
    """The sum of a metric's numbers."""
    lines = served.ask("/metrics").body.decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if re.match(rf"{name}[ {{]", line)
        and all(f'{label}="{value}"' in line for label, value in labels.items())
    )


def test_it_is_ready_once_the_store_answers(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    served = serve(redis=f"unix://{folder}/redis.sock")
    assert served.ask("/healthz").status == 200
    response = served.ask("/readyz")
    assert response.status == 503
    assert response.error.startswith("not ready: the online store cannot be reached (")
    # Meanwhile answers are defaults that say so.
    answer = served.service("studio_page", studio_id=10).json
    assert answer["values"] == {"studio_profile.country": ["nowhere"]}
    assert answer["states"]["studio_profile"]["missing"] == 1
    assert "the online store cannot be reached" in answer["errors"][0]
    with EmbeddedServer.attach(folder):
        served.await_ready()


def test_it_counts_over_all_of_its_processes(serve: Serve, published: datetime) -> None:
    served = serve("--processes", "2", "--timeout", "10")
    served.await_ready()
    at = published.isoformat()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(RemoteClient.connect(served.address, timeout=20)) for _ in range(6)
        ]
        for client in clients:
            client.get("play_ranking", published, player_id=1, game_id=GAMES[:4])
    requests = [{"at": at, "player_id": 1, "game_id": "go"}] * 2
    served.service("play_ranking", requests=requests)
    assert served.service("play_ranking").status == 400
    ranking = {"service": "play_ranking_v3"}
    for _ in range(10):  # by whichever process answers
        assert metric(served, "slate_serve_requests_total", status="200", **ranking) == 7
        assert metric(served, "slate_serve_requests_total", status="400", **ranking) == 1
        assert metric(served, "slate_lookup_rows_total", **ranking) == 6 * 4 + 2
        assert metric(served, "slate_serve_seconds_count", **ranking) == 8
    view = {"view": "game_catalog"}
    assert metric(served, "slate_lookup_states_total", state="present", **view) == 6 * 3 + 2
    assert metric(served, "slate_lookup_states_total", state="default", **view) == 6
    for stage, number in {"read": 8, "look_up": 9, "write": 7}.items():
        assert metric(served, "slate_serve_stage_seconds_count", stage=stage) == number
    assert metric(served, "slate_lookup_stage_seconds_count", stage="compute") == 8
    deadline = time.monotonic() + 20
    # A process may have just begun.
    while not (behind := metric(served, "slate_near_behind_seconds", view="lately")):
        assert time.monotonic() < deadline
    assert behind < 10
    assert served.stop() == 0


def test_it_tells_how_views_stand_while_nobody_asks(
    serve: Serve, deployment: Deployment, publisher: Publisher
) -> None:
    """Whichever process is asked says what is live now, also after a roll back."""
    view, now = deployment.registry.view("game_catalog"), AS_OF
    publisher.publish(view, [], now)
    served = serve("--processes", "2", "--timeout", "10")
    served.await_ready()

    def told() -> tuple[float, float, float]:
        names = ("as_of_timestamp_seconds", "held_back", "pinned")
        as_of, held, pinned = (
            metric(served, f"slate_view_{name}", view=view.name) for name in names
        )
        return as_of, held, pinned

    later = now + timedelta(hours=1)
    for _ in range(5):
        assert told() == (now.timestamp(), 0, 0)
    publisher.publish(view, [], later)
    publisher.tell_held_back([view], [])
    for _ in range(5):
        assert told() == (later.timestamp(), 1, 0)
    publisher.rollback(view, pin=True)
    for _ in range(5):
        assert told() == (now.timestamp(), 1, 1)
    assert metric(served, "slate_view_live", view=view.name) == 1
    assert metric(served, "slate_view_live", view="lately") == 0
    assert math.isnan(metric(served, "slate_view_as_of_timestamp_seconds", view="lately"))
    assert "Warning" not in served.told
    assert served.stop() == 0


@dataclass
class Load:
    """Clients that ask again and again until the server has ended."""

    address: str
    wanted: list[int]
    at: datetime
    answered: int = 0
    wrong: list[object] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with RemoteClient.connect(self.address, timeout=20) as client:
            while not self.stop.is_set():
                try:
                    answer = client.get("play_ranking", self.at, player_id=1, game_id=GAMES)
                except StoreError as error:
                    # It was never taken: nobody listens any more.
                    if "refused" not in str(error):
                        self.wrong.append(error)
                    return
                except BaseException as error:
                    self.wrong.append(error)
                    return
                if answer["game_activity.plays_1h"].tolist() != self.wanted or answer.errors:
                    self.wrong.append(answer)
                self.answered += 1


def lets_in(address: tuple[Any, Any]) -> bool:
    try:
        socket.create_connection(address, 20).close()
    except ConnectionRefusedError:
        return False
    return True


def test_no_request_is_lost_when_it_ends(
    serve: Serve, client: FeatureClient, published: datetime
) -> None:
    wanted = client.get("play_ranking", published, player_id=1, game_id=GAMES)
    served = serve("--processes", "2", "--timeout", "10")
    served.await_ready()
    loads = [
        Load(served.address, wanted["game_activity.plays_1h"].tolist(), published) for _ in range(6)
    ]
    threads = [threading.Thread(target=load.run) for load in loads]
    for thread in threads:
        thread.start()
    time.sleep(1)
    where = urlsplit(served.address)
    address = where.hostname, where.port
    with socket.create_connection(address, 20) as slow:
        slow.sendall(
            b"POST /v1/services/studio_page HTTP/1.1\r\nHost: here\r\n"
            b"Content-Type: application/json\r\nContent-Length: 17\r\n\r\n"
        )
        time.sleep(0.2)
        served.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        # Nobody is let in who would not be answered, as long as another one takes.
        while lets_in(address):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert served.process.poll() is None
        slow.sendall(b'{"studio_id": 10}')
        assert b" 200 OK" in slow.recv(4096)
    assert served.process.wait(30) == 0
    for load, thread in zip(loads, threads, strict=True):
        load.stop.set()
        thread.join(20)
        assert not thread.is_alive()
        assert load.wrong == []
        assert load.answered


def test_connections_that_wait_when_it_ends_are_taken() -> None:
    """The system would cut them, with what they have sent."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        waiting = [
            stack.enter_context(socket.create_connection(listening.getsockname())) for _ in range(3)
        ]
        for client in waiting:
            client.sendall(b"sent")
        taken = [stack.enter_context(one) for one in _waiting(listening)]
        listening.close()
        assert [one.recv(4) for one in taken] == [b"sent"] * 3


def test_it_ends_cleanly_also_without_a_store(serve: Serve, tmp_path: Path) -> None:
    served = serve(redis=f"unix://:hush-hush@{tmp_path}/none.sock")
    assert served.stop(signal.SIGINT) == 0
    assert served.told.splitlines()[-1].endswith("stopped")
    assert "Traceback" not in served.told
    assert "hush-hush" not in served.told


WATCHED = """
import socket, sys
from slate.online.http import server

child = '''
import os, pathlib, signal
runs = pathlib.Path({!r})
runs.write_text(runs.read_text() + "x")
if len(runs.read_text()) < 3:
    os.kill(os.getpid(), signal.SIGKILL)
raise SystemExit(3)
'''.format(sys.argv[1])
with socket.create_server(("127.0.0.1", 0)) as listening:
    code = server.watch([[sys.executable, "-c", child]], listening, lambda process: None)
raise SystemExit(code)
"""


@pytest.mark.process
def test_one_that_is_killed_is_started_again(tmp_path: Path) -> None:
    """However soon; one that gives up ends all."""
    runs = tmp_path / "runs"
    runs.write_text("")
    command = [sys.executable, "-c", WATCHED, str(runs)]
    watching = subprocess.run(command, cwd=Path(__file__).parents[3], timeout=STARTED)
    assert watching.returncode == 1
    assert runs.read_text() == "xxx"


def test_numbers_are_told_although_a_process_died_as_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counter_1.db").touch()
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    assert metrics.Metrics().written()[0] == b""


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} cannot be listened on"):
            listen("127.0.0.1", port)


def test_each_request_may_have_a_deadline_of_its_own(
    serve: Serve, published: datetime, redis: Redis
) -> None:
    served = serve("--timeout", "10")
    served.await_ready()
    store: Any = redis

    async def later() -> Answer:
        async with AsyncRemoteClient.connect(served.address, timeout=20) as client:
            return await client.within(0.1).get("play_ranking", player_id=1, game_id="go")

    with RemoteClient.connect(served.address, timeout=20) as client:
        client.get("play_ranking", player_id=1, game_id="go")
        store.client_pause(6_000)
        try:
            began = time.monotonic()
            answer = client.within(0.1).get("play_ranking", player_id=1, game_id="go")
            assert time.monotonic() - began < 3
            assert any("has not answered within 0." in error for error in answer.errors)
            assert answer.rows == 1
            assert asyncio.run(later()).errors
        finally:
            store.client_unpause()


def test_a_client_without_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with RemoteClient.connect(f"http://127.0.0.1:{port}", timeout=0.2) as remote:
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"has not answered within 0.2 s: ask for less"):
                remote.get("studio_page", studio_id=10)
            assert time.monotonic() - began < 5
    with RemoteClient.connect(f"http://127.0.0.1:{port}") as remote:
        with pytest.raises(StoreError, match=r"cannot be reached .*: see that `slate serve` runs"):
            remote.get("studio_page", studio_id=10)
        remote.close()
        with pytest.raises(ClosedError, match="it is closed: connect another one"):
            remote.get("studio_page", studio_id=10)


def test_an_address_that_is_not_a_server(served: Served) -> None:
    for address in ("features:8080", "redis://features", "", "http://", "http://[", 5):
        with pytest.raises(ConfigurationError, match="is not a server's address: give one such"):
            RemoteClient.connect(address)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="timeout=inf: give seconds, more than 0"):
        RemoteClient.connect("http://features", timeout=math.inf)
    for key in ("hush\n", "hush hush", "hüsh", b"hush"):
        with pytest.raises(ConfigurationError, match=r"key=\.\.\. is not a key") as error:
            RemoteClient.connect("http://features", key=key)  # type: ignore[arg-type]
        assert "hush" not in str(error.value)
    where = urlsplit(served.address)
    with (
        RemoteClient.connect(f"http://{where.netloc}/other") as remote,
        pytest.raises(RequestError, match="there is nothing at /other/v1/services/studio_page"),
    ):
        remote.get("studio_page", studio_id=10)


def test_a_fork_asks_over_connections_of_its_own(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RemoteClient.connect(served.address, timeout=20) as remote:
        remote.get("studio_page", studio_id=10)
        before = remote._requests._pool
        monkeypatch.setattr(os, "getpid", lambda: 0)
        remote.get("studio_page", studio_id=10)
        assert remote._requests._pool is not before


@pytest.mark.process
def test_it_outlives_who_started_it(tmp_path: Path) -> None:
    """A shell that is closed, or a script that starts it and ends."""
    here = Path(__file__).parents[3]
    (tmp_path / "slate.toml").write_text(
        'name = "arcade"\ndefinitions = "tests.online.http.kinds"\ndbt_project = "."\n'
        f'redis = "unix://{tmp_path}/none.sock"\n'
    )
    log = tmp_path / "log"
    start = (
        "import subprocess, sys; log = open(sys.argv[1], 'w'); "
        "print(subprocess.Popen(sys.argv[2:], stderr=log, stdout=log).pid)"
    )
    command = [sys.executable, "-m", "slate.cli", "serve", "--port", "0"]
    environment = {"SLATE_CONFIG": str(tmp_path / "slate.toml"), "PYTHONPATH": str(here)}
    started = subprocess.run(
        [sys.executable, "-c", start, str(log), *command],
        env=os.environ | environment, cwd=here, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTED
        while not (found := LISTENING.search(log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        time.sleep(0.5)
        with socket.create_connection(
            (urlsplit(found[1]).hostname, urlsplit(found[1]).port), 20
        ) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            assert b" 200 OK" in connection.recv(4096)
    finally:
        os.kill(int(started.stdout), signal.SIGTERM)


def test_what_it_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(MissingPackageError, match=r"urllib3, .* run `pip install slate\[remote\]`"):
        RemoteClient.connect("http://features")
