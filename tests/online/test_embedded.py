import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import FeatureClient
from slate.online.store.embedded_process import answers, binary, client
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.processes import is_there
from tests.depth import either

pytestmark = pytest.mark.process


def put(server: EmbeddedServer, value: str) -> None:
    with connect(server.address) as redis:
        redis.set("key", value)


def got(server: EmbeddedServer) -> bytes | str | None:
    with connect(server.address) as redis:
        return redis.get("key")


def held(server: EmbeddedServer) -> int:
    """The process of a server."""
    with connect(server.address) as redis:
        number: int = redis.info("server")["process_id"]
        return number


def await_end(number: int) -> None:
    deadline = time.monotonic() + 10
    while is_there(number):
        assert time.monotonic() < deadline, f"process {number} is still there"
        time.sleep(0.02)


def test_what_it_holds_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    with EmbeddedServer.attach(folder) as server:
        assert server.started
        put(server, "kept")
    assert not (folder / "redis.sock").exists()
    with EmbeddedServer.attach(folder) as server:
        assert got(server) == b"kept"


def test_only_its_user_can_read_what_it_keeps(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "redis"
    with EmbeddedServer.attach(folder) as server:
        put(server, "secret")
        assert folder.stat().st_mode & 0o077 == 0
        kept = [*(folder / "appendonlydir").iterdir(), folder / "redis.sock"]
        assert len(kept) == 4
        assert not [file.name for file in kept if file.stat().st_mode & 0o077]


def test_the_last_to_leave_stops_it(tmp_path: Path) -> None:
    first = EmbeddedServer.attach(tmp_path)
    with EmbeddedServer.attach(tmp_path) as other:
        assert not other.started
        number = held(first)
        first.stop()
        put(other, "kept")
        assert held(other) == number
    assert not (tmp_path / "redis.sock").exists()
    await_end(number)


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
from slate.online.store.embedded_server import EmbeddedServer
server = EmbeddedServer.attach(Path(sys.argv[1]))
print(server.started, flush=True)
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
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
server = EmbeddedServer.attach(Path(sys.argv[1]))
child = os.fork()
if not child:
    sys.exit()
os.waitpid(child, 0)
assert connect(server.address).ping()
"""


def test_a_forked_child_does_not_stop_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], check=True)


def test_a_process_that_ends_stops_what_it_used(tmp_path: Path) -> None:
    code = ONE_OF_MANY.replace("server.stop()", "")
    run = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(run, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert not (tmp_path / "redis.sock").exists()


def kill_user(folder: Path) -> None:
    """Let another process attach to a folder's server, and kill it."""
    command = [sys.executable, "-c", ONE_OF_MANY, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        user.stdout.readline()
        user.kill()


def test_it_ends_where_all_its_users_were_killed(tmp_path: Path) -> None:
    kill_user(tmp_path)
    deadline = time.monotonic() + 10
    while (tmp_path / "redis.sock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_goes_on_where_one_of_its_users_was_killed(tmp_path: Path) -> None:
    with EmbeddedServer.attach(tmp_path) as server:
        number = held(server)
        kill_user(tmp_path)
        time.sleep(0.3)
        assert held(server) == number


def test_who_comes_when_all_were_killed_gets_one_that_stays(tmp_path: Path) -> None:
    for turn in range(either(2, 5)):
        kill_user(tmp_path)
        with EmbeddedServer.attach(tmp_path) as server:
            assert server.started
            time.sleep(0.1)
            assert got(server) == (f"{turn - 1}".encode() if turn else None)
            put(server, f"{turn}")


def test_a_forked_child_uses_it_too(tmp_path: Path) -> None:
    """It may outlive its parent, however that ends."""
    code = ONE_OF_MANY.replace(
        "print", "import os, time\nif not os.fork():\n    time.sleep(99)\nprint"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
        parent.wait()
        with EmbeddedServer.attach(tmp_path) as server:
            assert not server.started
            number = held(server)
        assert is_there(number)
        os.killpg(parent.pid, signal.SIGKILL)
    await_end(number)


def test_nothing_acknowledged_is_lost_where_it_is_killed(tmp_path: Path) -> None:
    with EmbeddedServer.attach(tmp_path) as server, connect(server.address) as redis:
        for number in range(500):
            redis.rpush("numbers", number)
        os.kill(held(server), signal.SIGKILL)
        assert server.revive()
        assert not server.revive()
        assert redis.llen("numbers") == 500
        await_end_of = held(server)
    await_end(await_end_of)


def test_a_dump_of_before_is_taken_over(tmp_path: Path) -> None:
    command = [str(binary()), "--port", "0", "--unixsocket", str(tmp_path / "s"), "--save", ""]
    with subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL):
        while not answers(tmp_path / "s"):
            time.sleep(0.02)
        with client(tmp_path / "s") as redis:
            redis.set("key", "dumped")
            redis.shutdown(save=True)
    assert (tmp_path / "dump.rdb").exists()
    for value in (b"dumped", b"later"):
        with EmbeddedServer.attach(tmp_path) as server:
            assert got(server) == value
            put(server, "later")
    assert not (tmp_path / "dump.rdb").exists()


def test_a_server_that_does_not_start_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").write_text("not a dump of a store")
    wrong = r"does not start \(.*(signature|format).*\): see .*redis\.log, or set `redis`"
    with pytest.raises(StoreError, match=wrong):
        EmbeddedServer.attach(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match=r"data/redis cannot be started \(.*Not a directory"):
        EmbeddedServer.attach(tmp_path / "data" / "redis")


def test_a_client_brings_up_the_server_of_its_deployment(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    deployment = Deployment("arcade", "tests.online.arcade", root, tmp_path, tmp_path)
    with FeatureClient.connect(deployment) as client:
        answer = client.get("studio_page", studio_id=1)
        assert answer.errors[0].startswith("studio_profile: nothing is published under the present")
        assert answer.to_dicts() == [{"studio_profile.country": "nowhere"}]
        socket = tmp_path / "redis" / "redis.sock"
        with Redis(unix_socket_path=str(socket)) as redis:
            assert redis.config_get("save") == {"save": ""}
    assert not socket.exists()
