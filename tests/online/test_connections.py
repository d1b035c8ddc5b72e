"""Many at once, deadlines, and what of one request's trouble concerns others."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.errors import ClosedError, ConfigurationError
from slate.online import Answer, AsyncFeatureClient, FeatureClient, Publisher, State
from slate.online.serving.live_services import Serving
from slate.online.store.async_connections import AsyncConnections
from slate.online.store.connections import Connections
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import pointers
from slate.online.store.redis_client import connect
from tests.depth import either
from tests.online.arcade import GameCatalog
from tests.online.conftest import arcade_rows
from tests.online.tables import AS_OF

# More than there are connections.
MANY = either(300, 1_000)
# What a machine may add to a deadline. A busy one may add more now and then; a deadline that is not
# kept is not kept any of some times.
SLACK, TIMES = 0.28, 5


class Between:
    """Stands between a client and the store, and lets so many bytes of replies through."""

    def __init__(self, address: str, folder: Path) -> None:
        self.left: float = float("inf")
        # How many bytes go at a time, and the seconds between.
        self.step, self.every = 1 << 20, 0.0
        self._store = unquote(urlsplit(address).path)
        self._open: list[socket.socket] = []
        path = folder / "between.sock"
        self.address = f"unix://{path}"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut all connections that there are."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        for one in [self._listening, *self._open]:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                store = socket.socket(socket.AF_UNIX)
                store.connect(self._store)
                self._open += [client, store]
                for way in ((client, store, False), (store, client, True)):
                    threading.Thread(target=self._pump, args=way, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, replies: bool) -> None:
        with suppress(OSError):
            while data := source.recv(self.step if replies else 1 << 20):
                if replies:
                    data = data[: int(min(self.left, len(data)))]
                    self.left -= len(data)
                    time.sleep(self.every)
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def between(server: EmbeddedServer, tmp_path: Path) -> Iterator[Between]:
    between = Between(server.address, tmp_path)
    yield between
    between.close()


def ask(client: FeatureClient) -> Answer:
    return client.get("play_ranking", at=AS_OF, player_id=1, game_id=["chess", "go"])


# The plan of a service is made with the first request, and its time is not the store's.
def ask_anew(deployment: Deployment, timeout: float) -> tuple[Answer, float]:
    """The answer to a client of its own, and the seconds that it took."""
    with FeatureClient.connect(deployment, timeout=timeout, refresh=0) as client:
        client.explain("play_ranking")
        begun = time.monotonic()
        answer = ask(client)
        return answer, time.monotonic() - begun


def ask_async(deployment: Deployment, timeout: float) -> tuple[Answer, float]:
    """The same of an asynchronous one."""

    async def once() -> tuple[Answer, float]:
        async with AsyncFeatureClient.connect(deployment, timeout=timeout) as client:
            client.explain("play_ranking")
            begun = time.monotonic()
            answer = await client.get(
                "play_ranking", at=AS_OF, player_id=1, game_id=["chess", "go"]
            )
            return answer, time.monotonic() - begun

    return asyncio.run(once())


def in_time(timed: Callable[[], tuple[Answer, float]], deadline: float = 0.3) -> Answer:
    """The answer to a request that keeps its deadline."""
    taken = []
    for _ in range(TIMES):
        answer, seconds = timed()
        if seconds < deadline + SLACK:
            return answer
        taken.append(seconds)
    pytest.fail(f"a deadline of {deadline} s was not kept: {taken}")


def test_many_tasks_at_once(deployment: Deployment, published: datetime) -> None:
    async def gather() -> list[Answer]:
        async with AsyncFeatureClient.connect(deployment, timeout=60) as client:
            return await asyncio.gather(
                *(
                    client.get("studio_page", at=published, studio_id=(10, 20)[n % 2])
                    for n in range(MANY)
                )
            )

    answers = asyncio.run(gather())
    assert {answer.errors for answer in answers} == {()}
    found = [answer["studio_profile.country"][0] for answer in answers]
    assert found == ["no", "jp"] * (MANY // 2)


def test_many_requests_of_two_hundred_threads(deployment: Deployment, published: datetime) -> None:
    with (
        FeatureClient.connect(deployment, timeout=60) as client,
        ThreadPoolExecutor(200) as threads,
    ):
        answers = list(
            threads.map(
                lambda n: client.get("studio_page", at=published, studio_id=(10, 20)[n % 2]),
                range(MANY),
            )
        )
    assert {answer.errors for answer in answers} == {()}
    found = [answer["studio_profile.country"][0] for answer in answers]
    assert found == ["no", "jp"] * (MANY // 2)


def test_who_gets_no_connection_in_time_harms_no_other(
    deployment: Deployment, published: datetime
) -> None:
    few = Connections.to(f"{deployment.redis}?max_connections=1", timeout=0.1)
    client = FeatureClient(Serving(deployment.registry, "arcade", refresh=60), few)
    assert ask(client).errors == ()
    few.gate.acquire()
    (error,) = ask(client).errors
    assert "no connection to the online store became free within 0.1 s, all 1 being" in error
    few.gate.release()
    few.timeout = 5
    assert ask(client).errors == ()
    client.close()


@pytest.mark.parametrize("let_through", [0, 3, 400, 900, 1_500, 2_500])
def test_a_store_that_stops_within_any_reply(
    deployment: Deployment, published: datetime, between: Between, let_through: int
) -> None:
    behind = replace(deployment, redis=between.address)
    with FeatureClient.connect(deployment, timeout=5) as client:
        whole = ask(client)

    def part(asked: Callable[[Deployment, float], tuple[Answer, float]]) -> tuple[Answer, float]:
        between.left = let_through
        return asked(behind, 0.3)

    for found in (in_time(lambda: part(ask_anew)), in_time(lambda: part(ask_async))):
        assert "has not answered within 0.3 s" in found.errors[0]
        come = {view for view, state in found.states.items() if state.as_of is not None}
        for name in found.names:
            if name.split(".")[0] in come:
                assert found[name].tolist() == whole[name].tolist(), name
        missing = [view for view in found.states if view not in come]
        assert missing
        assert {int(s) for view in missing for s in found.states[view].state} == {State.MISSING}


def test_a_store_that_answers_a_byte_at_a_time(
    deployment: Deployment, published: datetime, between: Between
) -> None:
    behind = replace(deployment, redis=between.address)
    between.step, between.every = 1, 0.01
    for asked in (ask_anew, ask_async):
        answer = in_time(partial(asked, behind, 0.3))
        assert "has not answered within 0.3 s" in answer.errors[0]


@pytest.mark.process
def test_a_store_that_is_stopped_and_goes_on(tmp_path: Path) -> None:
    with EmbeddedServer.attach(tmp_path) as server, connect(server.address) as redis:
        Publisher(redis, "arcade").publish(GameCatalog, [arcade_rows(GameCatalog)], AS_OF)
        root = Path(__file__).parents[2]
        deployment = Deployment(
            "arcade", "tests.online.arcade", root, tmp_path, tmp_path, server.address
        )
        process = int(redis.info("server")["process_id"])  # type: ignore[index]
        with FeatureClient.connect(deployment, timeout=0.3, refresh=0.5) as client:
            assert ask(client)["game_catalog.title"].tolist() == ["Chess", "Go"]
            time.sleep(0.5)
            os.kill(process, signal.SIGSTOP)
            try:
                assert "has not answered within 0.3 s" in ask(client).errors[0]
                for asked in (ask_anew, ask_async):
                    answer = in_time(partial(asked, deployment, 0.3))
                    assert "has not answered within 0.3 s" in answer.errors[0]

                # It is left alone for a while.
                def again() -> tuple[Answer, float]:
                    begun = time.monotonic()
                    return ask(client), time.monotonic() - begun

                assert in_time(again, 0).errors
            finally:
                os.kill(process, signal.SIGCONT)
            time.sleep(0.5)
            assert ask(client)["game_catalog.title"].tolist() == ["Chess", "Go"]


@pytest.mark.parametrize("let_through", [0, 400, 1_500])
@pytest.mark.parametrize("refresh", [0, 60])
def test_a_connection_that_breaks_costs_nothing(
    deployment: Deployment, published: datetime, between: Between, let_through: int, refresh: int
) -> None:
    behind = replace(deployment, redis=between.address)

    def cut() -> None:
        between.left = float("inf")
        between.cut()

    with FeatureClient.connect(behind, timeout=5, refresh=refresh) as client:
        whole = ask(client)
        assert whole.errors == ()
        ways: list[Callable[[], Answer]] = [lambda: ask(client)]
        if let_through > 1_000:  # Else it is not even connected when it is cut.
            ways.append(lambda: ask_async(behind, 5)[0])
        for way in ways:
            between.left = let_through
            timer = threading.Timer(0.1, cut)
            timer.start()
            found = way()
            timer.join()
            assert found.errors == ()
            for name in found.names:
                assert repr(found[name].tolist()) == repr(whole[name].tolist()), name


def test_connections_that_break_again_and_again_are_told_of(
    deployment: Deployment, published: datetime, between: Between
) -> None:
    behind = replace(deployment, redis=between.address)
    with FeatureClient.connect(behind, timeout=5, refresh=0) as client:
        assert ask(client).errors == ()
        between.left = 0
        timers = [threading.Timer(delay, between.cut) for delay in (0.1, 0.3)]
        for timer in timers:
            timer.start()
        (error,) = ask(client).errors
        assert "Connection closed by server" in error
        for timer in timers:
            timer.join()
        between.left = float("inf")
        assert ask(client).errors == ()


def test_an_error_of_one_reply_costs_one_view(
    deployment: Deployment, published: datetime, redis: Redis
) -> None:
    allowed = [f"arcade:{view}:*" for view in deployment.registry.views if view != "studio_profile"]
    keys = [f"~{name}" for name in [*allowed, "arcade:stream:*", pointers("arcade")]]
    redis.execute_command("ACL", "SETUSER", "guest", "on", ">secret", "+@all", *keys)
    guest = deployment.redis.replace("unix://", "unix://guest:secret@")
    with FeatureClient.connect(replace(deployment, redis=guest), timeout=5, refresh=60) as client:
        answer = ask(client)
        (error,) = answer.errors
        assert error.startswith("studio_profile: the online store refuses to read it (")
        missing = {view for view, state in answer.states.items() if state.as_of is None}
        assert missing == {"studio_profile"}
        assert answer["game_catalog.title"].tolist() == ["Chess", "Go"]
        redis.execute_command("ACL", "SETUSER", "guest", "~arcade:studio_profile:*")
        assert ask(client).errors == ()
    redis.acl_deluser("guest")


def test_a_reply_that_came_while_the_loop_was_busy_is_in_time(
    deployment: Deployment, published: datetime, redis: Redis
) -> None:
    async def busy() -> Answer:
        connections = AsyncConnections.to(deployment.redis, timeout=60)
        serving = Serving(deployment.registry, "arcade", refresh=60)
        async with AsyncFeatureClient(serving, connections) as client:
            await client.get("studio_page", at=published, studio_id=10)
            connections.timeout = 0.2
            asked = client.get("studio_page", at=published, studio_id=[10] * 9)
            request = asyncio.create_task(asked)
            await asyncio.sleep(0)
            time.sleep(0.3)
            # The store has replied to what it was asked before.
            assert redis.ping()
            assert redis.ping()
            return await request

    answer = asyncio.run(busy())
    assert answer.errors == ()
    assert answer["studio_profile.country"].tolist() == ["no"] * 9


def test_after_its_end_a_client_says_so(deployment: Deployment, published: datetime) -> None:
    client = FeatureClient.connect(deployment)
    assert ask(client).errors == ()
    client.close()
    with pytest.raises(ClosedError, match="it is closed: connect another one"):
        ask(client)

    async def closed() -> None:
        client = AsyncFeatureClient.connect(deployment)
        await client.close()
        with pytest.raises(ClosedError, match="it is closed: connect another one"):
            await client.get("studio_page", at=published, studio_id=10)

    asyncio.run(closed())


def test_a_request_under_way_when_the_client_is_closed(
    deployment: Deployment, published: datetime, between: Between
) -> None:
    client = FeatureClient.connect(replace(deployment, redis=between.address), timeout=10)
    between.left = 0
    timer = threading.Timer(0.1, client.close)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(ClosedError):
        ask(client)
    assert time.monotonic() - begun < 5
    timer.join()


def test_an_asynchronous_client_is_one_event_loops(
    deployment: Deployment, published: datetime
) -> None:
    async def once() -> Answer:
        return await client.get("studio_page", at=published, studio_id=10)

    client = AsyncFeatureClient.connect(deployment)
    with asyncio.Runner() as first:
        assert first.run(once()).errors == ()
        with pytest.raises(ClosedError, match=r"belong to the event loop .* connect one in each"):
            asyncio.run(once())
        assert first.run(once()).errors == ()
        first.run(client.close())


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 10**400, None, True])
def test_a_timeout_is_a_time(deployment: Deployment, timeout: float) -> None:
    with pytest.raises(ConfigurationError, match=r"timeout=.*: give seconds, more than 0"):
        FeatureClient.connect(deployment, timeout=timeout)
    with pytest.raises(ConfigurationError, match=r"timeout=.*: give seconds, more than 0"):
        AsyncFeatureClient.connect(deployment, timeout=timeout)
