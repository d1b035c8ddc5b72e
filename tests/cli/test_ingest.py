"""`slate ingest`: files of all sorts onto a stream, and what is refused of them."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import LOG, Unit
from slate.online.stream.events.blocks import Blocks
from slate.windows import duration_name
from tests.cli.conftest import Slate

# Not so long ago that events are late.
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
def redis(bikes: Deployment) -> Iterator[Redis]:
    with (
        EmbeddedServer.attach(bikes.data / "redis") as server,
        connect(server.address) as redis,
    ):
        yield redis


def checkup(number: int, **given: Any) -> dict[str, Any]:
    event = {
        "checkup_id": f"c{number}",
        "event_ts": AT.isoformat(),
        "bike_id": number,
        "fault": False,
    }
    return {**event, **given}


def lines(*events: Any) -> str:
    return "".join(f"{json.dumps(event)}\n" for event in events)


def ingested(redis: Redis, deployment: Deployment) -> list[dict[str, Any]]:
    source = deployment.registry.sources["checkup"]
    entries: Any = redis.xrange(Unit("bikes", source, LOG).stream)
    rows: list[dict[str, Any]] = Blocks(redis, "bikes", source).read(entries).table.to_pylist()
    return rows


def ids(redis: Redis, deployment: Deployment) -> list[str]:
    return [row["checkup_id"] for row in ingested(redis, deployment)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSON", "-"])
def test_json_lines(
    slate: Slate,
    bikes: Deployment,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    text = lines(checkup(1), checkup(2, charge=0.5)) + "\n  \n" + lines(checkup(3)).rstrip("\n")
    if name == "-":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        file = name
    else:
        file = str(tmp_path / name)
        Path(file).write_text(text)
    ran = slate("ingest", "checkup", file)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith("s  3 events written, 0 refused\n")
    rows = ingested(redis, bikes)
    assert [(row["checkup_id"], row["charge"]) for row in rows] == [
        ("c1", None),
        ("c2", 0.5),
        ("c3", None),
    ]
    assert {row["event_ts"] for row in rows} == {AT}


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather", "stream.arrow"])
def test_tables(slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path, name: str) -> None:
    events = [checkup(i, charge=i / 25_000, received_at="passed over") for i in range(25_000)]
    events[7]["charge"] = 7.0
    events[24_999]["event_ts"] = "soon"
    table = pa.Table.from_pylist(events)
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(table, path)
    elif name == "a.feather":
        feather.write_feather(table, str(path))
    else:
        new = pa.ipc.new_file if name == "a.arrow" else pa.ipc.new_stream
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=3_000)
    ran = slate("ingest", "checkups", str(path))
    assert ran.code == 1
    first, second = ran.out.splitlines()
    assert first.startswith(f'{path}:8: charge: above 1: {{"checkup_id": "c7"')
    assert second.startswith(f"{path}:25000: event_ts: not of type datetime: ")
    assert "24,998 events written, 2 refused" in ran.err
    assert ids(redis, bikes) == [f"c{i}" for i in range(24_999) if i != 7]


def test_refused_lines_are_told_with_their_number(
    slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b"\n"
        + lines(checkup(1), checkup(2, fault="maybe"), [1]).encode()
        + b'{"checkup_id": \n\xff\n'
        + lines(checkup(3), {}).encode()
    )
    ran = slate("ingest", "checkup", str(path))
    assert ran.code == 1
    told = [line.removeprefix(f"{path}:").split(": ") for line in ran.out.splitlines()]
    assert [parts[0] for parts in told] == ["3", "4", "5", "6", "8"]
    assert [parts[1].split(" (")[0] for parts in told[1:4]] == [
        "not a JSON object",
        "not JSON",
        "not JSON",
    ]
    assert told[0][1:3] == ["fault", "not of type bool"]
    missing = [f"{name}: missing" for name in ("checkup_id", "event_ts", "bike_id", "fault")]
    assert ": ".join(told[4][1:]) == f"{'; '.join(missing)}: {{}}"
    assert ran.err.endswith("2 events written, 5 refused\n")
    assert ids(redis, bikes) == ["c1", "c3"]


def test_what_is_personal_is_not_printed_unless_it_is_asked_for(
    slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bikes.registry.sources["checkup"], "tags", ("pii",))
    path = tmp_path / "a.jsonl"
    path.write_text(lines(checkup(1, fault="secret")) + '{"secret": \n')
    ran = slate("ingest", "checkup", str(path))
    assert ran.code == 1
    assert "secret" not in ran.out
    assert [line.rpartition(": ")[2] for line in ran.out.splitlines()][1] == "[pii]"
    assert "secret" in slate("ingest", "checkup", str(path), "--pii").out


def test_one_bad_line_costs_that_line_alone(
    slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path
) -> None:
    """Whatever is wrong with it, and however many come behind it."""
    wrong = {
        20_001: checkup(20_001, charges=1),
        20_007: checkup(20_007, **{"": 1}),
        25_000: checkup(25_000, checkup_id="\ud800"),
        25_001: checkup(25_001, bike_id=2**70),
        25_002: checkup(25_002, bike_id={"a": [1]}),
    }
    path = tmp_path / "a.jsonl"
    path.write_text(lines(*[wrong.get(number, checkup(number)) for number in range(1, 30_001)]))
    ran = slate("ingest", "checkup", str(path))
    assert ran.code == 1
    places = [int(line.removeprefix(f"{path}:").split(":")[0]) for line in ran.out.splitlines()]
    assert places == list(wrong)
    assert "no column 'charges', did you mean 'charge'?: {\"checkup_id\"" in ran.out
    assert ran.err.endswith("29,995 events written, 5 refused\n")
    assert ids(redis, bikes) == [f"c{n}" for n in range(1, 30_001) if n not in wrong]


def test_an_unknown_column_of_a_table_ends_it(
    slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([checkup(1, charges=1)]), path)
    ran = slate("ingest", "checkup", str(path))
    assert (ran.code, ran.out) == (1, "")
    assert "0 events written, 0 refused" in ran.err
    assert "slate: Checkup has no column 'charges', did you mean 'charge'?" in ran.err
    assert ingested(redis, bikes) == []


def test_late_events_are_told_of(
    slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    once = datetime(2026, 3, 10, tzinfo=UTC).isoformat()
    path.write_text(lines(checkup(1, event_ts=once), checkup(2, event_ts=once), checkup(3)))
    ran = slate("ingest", "checkup", str(path))
    assert (ran.code, ran.out) == (0, "")
    horizon = duration_name(bikes.registry.sources["checkup"].horizon)
    assert ran.err.endswith(
        f"3 events written, 0 refused; 2 of those written happened more than {horizon} ago: they "
        "are dead letters, not served from the stream, and are in the warehouse with the next "
        "batch\n"
    )
    assert ids(redis, bikes) == ["c1", "c2", "c3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("checkup", "none.jsonl"), "none.jsonl cannot be read: "),
        (
            ("checkup", "a.csv"),
            "a.csv: the ending '.csv' is unknown, and it tells how events are read: known: .arrow",
        ),
        (("checkup", "/dev/null"), "/dev/null: its name has no ending, and it tells how"),
        (("checkup", "bad.parquet"), "bad.parquet is no Parquet file: it begins with b'a,b'"),
        (("checkup", "bad.arrow"), "bad.arrow cannot be read ("),
        (("checkups2", "a.csv"), "there is no source 'checkups2': did you mean 'checkup'?"),
        (("count", "a.csv"), "Count has no stream: "),
    ],
)
def test_what_cannot_be_ingested(
    slate: Slate,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "bad.parquet", "bad.arrow"):
        Path(name).write_text("a,b")
    ran = slate("ingest", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert f"slate: {message}" in ran.err


def test_a_full_stream_ends_it_after_a_while(
    slate: Slate, bikes: Deployment, redis: Redis, tmp_path: Path
) -> None:
    source = bikes.registry.sources["checkup"]
    redis.set(Unit("bikes", source, LOG).pending, 1_000_000)
    path = tmp_path / "a.jsonl"
    path.write_text(lines(checkup(1)))
    for wait in ("-1", "nan", "soon"):
        refused = slate("ingest", "checkup", str(path), "--wait", wait)
        assert f"{wait!r} is not a number of seconds: give 0 or more" in refused.err
    ran = slate("ingest", "checkup", str(path), "--wait", "0")
    assert ran.code == 1
    assert "is full: 1,000,000 of its events wait" in ran.err


def test_an_embedded_store_keeps_what_was_ingested(
    slate: Slate, bikes: Deployment, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(checkup(1)))
    assert slate("ingest", "checkup", str(path)).code == 0
    with EmbeddedServer.attach(bikes.data / "redis") as server, connect(server.address) as redis:
        assert ids(redis, bikes) == ["c1"]
