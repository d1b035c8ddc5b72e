"""The log of answers: what was served is in it, whole, once, and by its id alone."""

import io
import multiprocessing
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from redis import Redis

from slate import FeatureService
from slate.answer_log import is_logged, log_schema
from slate.assets import answer_files
from slate.assets.answer_files import take_in
from slate.assets.audited_files import AuditedFiles
from slate.deployment import Deployment
from slate.errors import DataError, DefinitionError, RequestError
from slate.online import Answer, FeatureClient
from slate.online.serving import answer_log
from slate.online.serving.answer_log import AnswerLog
from slate.online.store import logged_entries
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from tests.online import arcade
from tests.online.arcade import Offer, Player, PlayerProfile

SERVICE = "play_ranking_v3"
ASKED: dict[str, Any] = {"player_id": 1, "game_id": ["chess", "go", "chess", "nothing"]}


@pytest.fixture(autouse=True)
def all_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arcade.play_ranking, "logged", 1.0)
    monkeypatch.setattr(answer_log, "PAUSE", 0.01)


@pytest.fixture
def client(deployment: Deployment, published: datetime) -> Iterator[FeatureClient]:
    with FeatureClient.connect(deployment, timeout=10, refresh=0) as client:
        yield client


def taken_in(redis: Redis, folder: Path) -> pa.Table:
    take_in(redis, "arcade", SERVICE, folder)
    found = [answer_files.answers_in(folder, name) for name in answer_files.names(folder)]
    return pa.concat_tables(found) if found else pa.table({"request_id": pa.array([], pa.string())})


def test_what_was_served_is_logged(
    client: FeatureClient, deployment: Deployment, published: datetime, redis: Redis, tmp_path: Path
) -> None:
    answers = {
        f"r{number}": client.get(
            "play_ranking", at=published, request_id=f"r{number}", **ASKED | {"player_id": number}
        )
        for number in range(3)
    }
    unnamed = client.get("play_ranking", at=published, player_id=1, game_id="go")
    client.close()
    table = taken_in(redis, tmp_path / "log")
    plan = deployment.registry.plan("play_ranking")
    assert table.column_names == [*log_schema(plan).names, "stored_at"]
    assert len(table) == 13
    assert unnamed.request_id in set(table["request_id"].to_pylist())
    rows = table.to_pylist()
    for name, answer in answers.items():
        assert answer.request_id == name
        of_it = [row for row in rows if row["request_id"] == name]
        assert [row["request_row"] for row in of_it] == [0, 1, 2, 3]
        assert [row["game_id"] for row in of_it] == ASKED["game_id"]
        assert {row["player_id"] for row in of_it} == {int(name[1:])}
        for row, values, place in zip(of_it, answer.to_dicts(), range(4), strict=True):
            assert {feature: row[feature] for feature in values} == values
            assert row["asked_at"] == answer.at
            assert row["errors"] == list(answer.errors)
            for view, state in answer.states.items():
                assert row[f"{view}:state"] == state.state[place]
                assert row[f"{view}:generation"] == state.generation
                assert row[f"{view}:as_of"] == state.as_of
                assert row[f"{view}:known_until"] == state.known_until
            assert row["game_catalog:generation"]


def test_the_id_decides_and_always_alike(
    client: FeatureClient,
    published: datetime,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arcade.play_ranking, "logged", 0.3)
    wanted = {f"r{number}" for number in range(60) if is_logged(f"r{number}", 0.3)}
    assert 5 < len(wanted) < 35
    for number in range(60):
        client.get("play_ranking", at=published, request_id=f"r{number}", player_id=1, game_id="go")
    client.close()
    assert set(taken_in(redis, tmp_path / "log")["request_id"].to_pylist()) == wanted
    # A larger share has all of a smaller one, and a share is one.
    ids = [f"id {number}" for number in range(20_000)]
    some = {name for name in ids if is_logged(name, 0.1)}
    assert some < {name for name in ids if is_logged(name, 0.2)}
    assert 1_850 < len(some) < 2_150
    assert not any(is_logged(name, 0) for name in ids)
    assert all(is_logged(name, 1) for name in ids)


def test_a_run_that_is_killed_takes_nothing_in_twice(
    client: FeatureClient,
    published: datetime,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_files, "ENTRIES", 2)
    ids = [f"r{number}" for number in range(7)]
    for name in ids:
        client.get("play_ranking", at=published, request_id=name, player_id=1, game_id="go")
        assert client._serving.log is not None
        wait_until_put(client, redis, ids.index(name) + 1)
    client.close()
    remove = logged_entries.remove
    for killed in (1, 2):
        calls = []

        def remove_or_die(*given: Any, calls: list[int] = calls, killed: int = killed) -> None:
            calls.append(1)
            if len(calls) == killed:
                raise KeyboardInterrupt
            remove(*given)

        with monkeypatch.context() as patch:
            patch.setattr(logged_entries, "remove", remove_or_die)
            with pytest.raises(KeyboardInterrupt):
                take_in(redis, "arcade", SERVICE, tmp_path / "log")
    assert taken_in(redis, tmp_path / "log")["request_id"].to_pylist() == ids
    assert redis.xlen(logged_entries.stream_name("arcade", SERVICE)) == 0
    assert take_in(redis, "arcade", SERVICE, tmp_path / "log").rows == 0


def test_after_a_lost_store_and_a_clock_set_back_all_is_taken_in(
    client: FeatureClient, published: datetime, redis: Redis, tmp_path: Path
) -> None:
    stream, folder = logged_entries.stream_name("arcade", SERVICE), tmp_path / "log"
    client.get("play_ranking", at=published, request_id="before", player_id=1, game_id="go")
    client.close()
    assert taken_in(redis, folder)["request_id"].to_pylist() == ["before"]
    (first,) = answer_files.names(folder)
    audited = AuditedFiles().after(first, waits=False)
    entry: Any = {"table": entry_of(folder, first)}
    redis.delete(stream)
    store: Any = redis
    for time in (5, 7):
        store.xadd(stream, entry, id=f"{time}-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logged_entries, "remove", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception, match="killed"):
            take_in(redis, "arcade", SERVICE, folder)
    for _ in range(2):
        assert taken_in(redis, folder)["request_id"].to_pylist() == ["before"] * 3
    store.xadd(stream, entry, id="8-1")
    assert taken_in(redis, folder)["request_id"].to_pylist() == ["before"] * 4
    # None of them counts as audited, as it would by a lesser name.
    assert list(audited.to_look_at(folder)) == answer_files.names(folder)[1:]
    times = pa.concat_tables(answer_files.answers_in(folder, n) for n in answer_files.names(folder))
    assert [at.timestamp() for at in times["stored_at"].to_pylist()][1:] == [0.005, 0.007, 0.008]


def entry_of(folder: Path, name: str) -> bytes:
    """The table of an entry that has the answers of a file."""
    table, sink = answer_files.answers_in(folder, name).drop_columns("stored_at"), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_a_type_that_was_changed_keeps_nothing_from_being_taken_in(
    client: FeatureClient, published: datetime, redis: Redis, tmp_path: Path
) -> None:
    """Those who serve by former definitions log beside the others."""
    client.get("play_ranking", at=published, request_id="r1", player_id=1, game_id="go")
    client.close()
    (entry,) = logged_entries.waiting(redis, "arcade", SERVICE, 2)
    table = pa.ipc.open_stream(entry.table).read_all()
    feature = arcade.play_ranking.features[0].name
    place = table.column_names.index(feature)
    other = table.set_column(place, feature, pa.array([["another"]]))
    more = table.append_column("more", pa.array([1]))
    for one in (more, other, table, other):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, one.schema) as writer:
            writer.write_table(one)
        logged_entries.put(redis, "arcade", SERVICE, sink.getvalue().to_pybytes(), 1)
    folder = tmp_path / "log"
    found = take_in(redis, "arcade", SERVICE, folder)
    assert (found.answers, found.rows, len(found.files)) == (4, 5, 4)
    assert not logged_entries.waiting(redis, "arcade", SERVICE, 2)
    types = [answer_files.answers_in(folder, n)[feature].type for n in answer_files.names(folder)]
    assert types == [table[feature].type, pa.list_(pa.string())] * 2
    assert take_in(redis, "arcade", SERVICE, folder).rows == 0
    redis.xadd(logged_entries.stream_name("arcade", SERVICE), {"something": "else"})
    with pytest.raises(DataError, match=r"cannot be read .* remove it from the store with XDEL"):
        take_in(redis, "arcade", SERVICE, folder)


def wait_until_put(client: FeatureClient, redis: Redis, number: int) -> None:
    for _ in range(2_000):
        if redis.xlen(logged_entries.stream_name("arcade", SERVICE)) == number:
            return
        threading.Event().wait(0.005)
    pytest.fail(f"{number} tables are awaited")


def test_what_finds_no_room_or_time_is_counted_and_answered(
    client: FeatureClient,
    published: datetime,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = client._serving.log
    assert log is not None

    def ask() -> Answer:
        return client.get("play_ranking", at=published, player_id=1, game_id=["go", "chess"])

    monkeypatch.setattr(logged_entries, "ROOM", 1)
    whole = ask()
    wait_until_put(client, redis, 1)
    assert ask().to_dicts() == whole.to_dicts()
    while not log.lost["room"]:
        threading.Event().wait(0.005)
    assert logged_entries.dropped(redis, "arcade", SERVICE) == 1
    assert "1 tables wait: run `slate run`" in caplog.text
    monkeypatch.setattr(answer_log, "WAITING", 0)
    assert ask().to_dicts() == whole.to_dicts()
    assert log.lost["time"] == 1


def test_a_store_that_refuses_costs_the_log_alone(
    client: FeatureClient, published: datetime, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis.set(logged_entries.stream_name("arcade", SERVICE), "something else")
    answer = client.get("play_ranking", at=published, **ASKED)
    client.close()
    assert answer.errors == ()
    assert client._serving.log is not None
    assert client._serving.log.lost == {"store": 1}
    assert f"answers of {SERVICE} are not logged: WRONGTYPE" in caplog.text


class Odd:
    """An entry of which no table can be made."""

    log = SERVICE

    def table(self) -> pa.Table:
        raise pa.ArrowInvalid("a value that fits nowhere")


class Plain:
    """One that has a table."""

    log = SERVICE

    def table(self) -> pa.Table:
        return pa.table({"request_id": ["r"]})


def test_what_cannot_be_logged_costs_itself_alone(
    redis: Redis, caplog: pytest.LogCaptureFixture, server: EmbeddedServer
) -> None:
    log = AnswerLog(connect(server.address), "arcade")
    for entry in (Odd(), Plain(), Odd(), Plain()):
        log.put(entry)
    log.close()
    assert log.lost == {"table": 2}
    assert logged(redis) == ["r", "r"]
    assert "not logged: a table cannot be made of one" in caplog.text


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_logs_what_it_answers(redis: Redis, server: EmbeddedServer) -> None:
    log = AnswerLog(connect(server.address), "arcade")
    log.put(Plain())
    child = multiprocessing.get_context("fork").Process(target=_log_one, args=(log,))
    child.start()
    child.join(20)
    log.close()
    assert child.exitcode == 0
    assert logged(redis) == ["r", "r"]


def _log_one(log: AnswerLog) -> None:
    log.put(Plain())
    log.close()


def logged(redis: Redis) -> list[str]:
    """The requests of all entries in the store."""
    entries = logged_entries.waiting(redis, "arcade", SERVICE, 10)
    tables = [pa.ipc.open_stream(entry.table).read_all() for entry in entries]
    return [one for table in tables for one in table["request_id"].to_pylist()]


@pytest.mark.parametrize("request_id", ["ö", "a\nb", "x" * 129, 7])
def test_ids_are_short_plain_texts(client: FeatureClient, request_id: Any) -> None:
    with pytest.raises(RequestError, match="give a text of printable ASCII, of 128 letters"):
        client.get("play_ranking", request_id=request_id, **ASKED)


def test_what_a_definition_may_say() -> None:
    for logged in (-0.1, 1.5, True, "all"):
        with pytest.raises(DefinitionError, match="is not a share of its answers"):
            FeatureService(
                "wrong",
                version=1,
                keys=[Player],
                spine=Offer,
                features=[PlayerProfile],
                logged=logged,  # type: ignore[arg-type]
            )
