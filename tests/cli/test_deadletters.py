"""`slate deadletters`: listed, as people and programs read them, and written again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis import Redis

from slate.deployment import Deployment
from slate.online import EventWriter
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.online.store.stream_names import StreamNames
from slate.online.stream.archive.log_archive import Archive
from tests.cli.conftest import Slate

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
ARRIVED = round(AT.timestamp()) * 1_000_000


@pytest.fixture
def redis(bikes: Deployment) -> Iterator[Redis]:
    with (
        EmbeddedServer.attach(bikes.data / "redis") as server,
        connect(server.address) as redis,
    ):
        yield redis


@pytest.fixture
def refused(redis: Redis, bikes: Deployment) -> None:
    """Two that can be written by now, one that cannot yet, one late and one unreadable."""
    checkup = bikes.registry.sources["checkup"]
    good = {"event_ts": AT.isoformat(), "bike_id": 1, "fault": False, "charge": 0.5}
    letters = [
        {"reason": "charge: above 0.4", "event": {"checkup_id": "a", **good}},
        {"reason": "charge: above 0.4", "event": {"checkup_id": "b", **good}},
        {"reason": "charge: above 0.4", "event": {"checkup_id": "c", **good, "charge": 2.0}},
    ]
    for letter in letters:
        fields = {**letter, "event": json.dumps(letter["event"]), "arrival": ARRIVED}
        redis.xadd(StreamNames("bikes", checkup).dead, fields)  # type: ignore[arg-type]
    bare = {"reason": "no entry: it is none", "arrival": 0, "raw": "AAAA"}
    redis.xadd(StreamNames("bikes", checkup).dead, bare)  # type: ignore[arg-type]
    move = bikes.registry.sources["move"]
    with EventWriter.connect(bikes, move, now=lambda: ARRIVED) as writer:
        late = {"move_id": 1, "moved_at": "2026-03-01", "station_id": 1, "bike_id": 1}
        rest = {"kind": "take", "electric": True, "free_docks": 1, "celsius": 0.5}
        assert writer.write([late | rest]).written == 1
    assert Archive(redis, bikes, move, now=lambda: ARRIVED).step().late == 1


@pytest.mark.usefixtures("refused")
def test_a_list(slate: Slate) -> None:
    ran = slate("deadletters")
    assert ran.code == 0
    assert ran.err == "checkup: 4 of 4 dead letters\nmove: 1 of 1 dead letters\n"
    lines = ran.out.splitlines()
    assert lines[0].split() == ["arrived", "reason", "not", "written", "again", "as", "checkup"]
    assert lines[1].startswith("2026-03-10 12:00:00 UTC  charge: above 0.4     ")
    assert '"checkup_id": "c"' in lines[3]
    assert lines[4].split("  ")[-1].strip() == "3 bytes"
    assert lines[5].split() == ["arrived", "reason", "not", "written", "again", "as", "move"]
    assert lines[6].startswith("2026-03-10 12:00:00 UTC  late: it arrived 9 days, 12:00:00 after")
    assert "it came too late to be applied, and the archive has it" in lines[6]
    assert '{"move_id": 1, "moved_at": "2026-03-01T00:00:00+00:00"' in lines[6]


@pytest.mark.usefixtures("refused")
def test_a_list_of_some(slate: Slate) -> None:
    ran = slate("deadletters", "checkup", "--limit", "2")
    assert ran.err == "checkup: 2 of 4 dead letters\n"
    events = [json.loads(line[line.index("{") :]) for line in ran.out.splitlines()[1:]]
    assert [event["checkup_id"] for event in events] == ["a", "b"]


@pytest.mark.usefixtures("refused")
def test_json(slate: Slate) -> None:
    ran = slate("deadletters", "--json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [letter["source"] for letter in found] == [*["checkup"] * 4, "move"]
    assert found[0].keys() == {"source", "id", "arrived", "reason", "kept", "event"}
    assert found[0]["arrived"] == AT.isoformat()
    assert found[0]["event"]["checkup_id"] == "a"
    assert found[0]["kept"] is None
    assert found[3]["arrived"] is None
    assert found[3]["raw"] == "AAAA"
    assert found[3]["kept"] == "it is not an event that can be read"


@pytest.mark.usefixtures("refused")
def test_replay(slate: Slate, redis: Redis, bikes: Deployment) -> None:
    ran = slate("deadletters", "--replay")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "checkup: 2 written again, 1 refused again, 1 not to be written again",
        "move: 0 written again, 0 refused again, 1 not to be written again",
    ]
    assert "charge: above 1" in ran.out
    checkup = bikes.registry.sources["checkup"]
    assert redis.xlen(StreamNames("bikes", checkup).dead) == 2
    step = Archive(redis, bikes, checkup, flush=0).step()
    assert (step.events, step.refused) == (2, 0)
    assert slate("deadletters", "move", "--replay", "--json").code == 0


@pytest.mark.usefixtures("refused")
def test_what_was_listed_is_forgotten(slate: Slate, redis: Redis) -> None:
    before = slate("deadletters", "--json").out.splitlines()
    assert len(before) > 2
    ran = slate("deadletters", "--json", "--forget", "--limit", "1")
    assert ran.code == 0
    assert "1 of them deleted" in ran.err
    assert set(slate("deadletters", "--json").out.splitlines()) == set(before) - {
        *ran.out.splitlines()
    }


def test_none(slate: Slate, redis: Redis) -> None:
    ran = slate("deadletters")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "checkup: 0 of 0 dead letters\nmove: 0 of 0 dead letters\n"


def test_wrong_usage(slate: Slate, redis: Redis) -> None:
    assert slate("deadletters", "--limit", "0").code == 2
    assert slate("deadletters", "--limit", "few").code == 2
    unknown = slate("deadletters", "mover")
    assert unknown.code == 1
    assert "there is no source 'mover': did you mean 'move'?" in unknown.err


def test_what_is_written_again_is_not_deleted_too(slate: Slate) -> None:
    refused = slate("deadletters", "--replay", "--forget")
    assert refused.code == 2
    assert "--forget: not allowed with argument --replay" in refused.err
