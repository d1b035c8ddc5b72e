import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from online import FeatureClient
from online.embedded import EmbeddedServer
from online.store import connect
from slate.deployment import Deployment
from slate.errors import StoreError


def put(server: EmbeddedServer, value: str) -> None:
    with connect(server.address) as redis:
        redis.set("key", value)


def got(server: EmbeddedServer) -> bytes | str | None:
    with connect(server.address) as redis:
        return redis.get("key")


def test_what_it_holds_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    with EmbeddedServer.attach(folder) as server:
        assert server.owned
        put(server, "kept")
    assert (folder / "dump.rdb").exists()
    assert not (folder / "redis.sock").exists()
    with EmbeddedServer.attach(folder) as server:
        assert got(server) == b"kept"


def test_who_attaches_does_not_stop_it(tmp_path: Path) -> None:
    with EmbeddedServer.attach(tmp_path) as server:
        with EmbeddedServer.attach(tmp_path) as other:
            assert not other.owned
            put(other, "shared")
        assert got(server) == b"shared"


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    with EmbeddedServer.attach(folder) as server:
        short = server.socket.parent
        assert short != folder
        assert short.stat().st_mode & 0o077 == 0
        put(server, "kept")
        with EmbeddedServer.attach(folder) as other:
            assert got(other) == b"kept"
    assert not short.exists()
    assert not (folder / "socket").exists()
    with EmbeddedServer.attach(folder) as server:
        assert got(server) == b"kept"


ONE_OF_MANY = """
import sys
from pathlib import Path
from online.embedded import EmbeddedServer
server = EmbeddedServer.attach(Path(sys.argv[1]))
print(server.owned, flush=True)
sys.stdin.read()
server.stop()
"""


def test_of_many_processes_one_starts_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ONE_OF_MANY, str(tmp_path)]
    many = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [one.stdout.readline().strip() for one in many if one.stdout]
    for one in many:
        one.communicate()
    assert sorted(said) == ["False", "False", "True"]
    assert [one.returncode for one in many] == [0, 0, 0]
    assert not (tmp_path / "redis.sock").exists()


FORKED = """
import os, sys
from pathlib import Path
from online.embedded import EmbeddedServer
from online.store import connect
server = EmbeddedServer.attach(Path(sys.argv[1]))
child = os.fork()
if not child:
    sys.exit()
os.waitpid(child, 0)
assert connect(server.address).ping()
"""


def test_a_forked_child_does_not_stop_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], check=True)


def test_a_process_that_ends_stops_what_it_started(tmp_path: Path) -> None:
    code = ONE_OF_MANY.replace("server.stop()", "")
    run = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(run, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert (tmp_path / "dump.rdb").exists()
    assert not (tmp_path / "redis.sock").exists()


def killed_owner(folder: Path) -> None:
    """Start a server and kill its owner, which leaves the server running."""
    command = [sys.executable, "-c", ONE_OF_MANY, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "True\n"
        owner.kill()


def test_the_owner_was_killed_and_the_next_becomes_it(tmp_path: Path) -> None:
    killed_owner(tmp_path)
    with EmbeddedServer.attach(tmp_path) as server:
        assert server.owned
        put(server, "kept")
        with EmbeddedServer.attach(tmp_path) as other:
            assert not other.owned
        assert got(server) == b"kept"
    assert (tmp_path / "dump.rdb").exists()
    assert not (tmp_path / "redis.sock").exists()
    with EmbeddedServer.attach(tmp_path) as server:
        assert got(server) == b"kept"


def test_a_new_owner_is_killed_as_well(tmp_path: Path) -> None:
    killed_owner(tmp_path)
    killed_owner(tmp_path)
    with EmbeddedServer.attach(tmp_path) as server:
        assert server.owned
        with connect(server.address) as redis:
            number = redis.info("server")["process_id"]
    with EmbeddedServer.attach(tmp_path) as server, connect(server.address) as redis:
        assert redis.info("server")["process_id"] != number


def test_a_process_that_ends_stops_what_another_left(tmp_path: Path) -> None:
    killed_owner(tmp_path)
    code = ONE_OF_MANY.replace("server.stop()", "")
    run = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(run, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.stdout == b"True\n"
    assert not (tmp_path / "redis.sock").exists()


def test_a_forked_child_is_no_owner_of_its_own(tmp_path: Path) -> None:
    """It may outlive its parent, and use the server until then."""
    code = ONE_OF_MANY.replace("server.stop()", "").replace(
        "print", "import os, time\nif not os.fork():\n    time.sleep(99)\nprint"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
        owner.wait()
        with EmbeddedServer.attach(tmp_path) as server:
            assert not server.owned
        os.killpg(owner.pid, signal.SIGKILL)
    while not (server := EmbeddedServer.attach(tmp_path)).owned:
        time.sleep(0.02)
    server.stop()


def test_a_socket_left_by_a_crash_is_no_server(tmp_path: Path) -> None:
    with EmbeddedServer.attach(tmp_path) as server:
        put(server, "lost")
        with connect(server.address) as redis:
            pid = int(redis.info("server")["process_id"])
        subprocess.run(["kill", "-9", str(pid)], check=True)
        with EmbeddedServer.attach(tmp_path) as again:
            assert again.owned
            assert got(again) is None


def test_a_server_that_does_not_start_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").write_text("no such thing")
    with pytest.raises(StoreError, match=r"does not start: see .*redis\.log, or set `redis`"):
        EmbeddedServer.attach(tmp_path)
    assert "Wrong signature" in (tmp_path / "redis.log").read_text()


def test_a_client_brings_up_the_server_of_its_deployment(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    deployment = Deployment("arcade", "tests.online.arcade", root, tmp_path, tmp_path)
    with FeatureClient.connect(deployment) as client:
        answer = client.get("studio_page", studio_id=1)
        assert answer.errors == ()
        assert answer.to_dicts() == [{"studio_profile.country": "nowhere"}]
        socket = tmp_path / "redis" / "redis.sock"
        with Redis(unix_socket_path=str(socket)) as redis:
            assert redis.config_get("save") == {"save": ""}
    assert not socket.exists()
