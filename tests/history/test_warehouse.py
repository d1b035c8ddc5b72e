"""The warehouse that history is read from: if it can be, and if it is of the definitions."""

import fcntl
import subprocess
import sys

import duckdb
import pytest

import slate
from slate.compile.project import model_hashes
from slate.deployment import Deployment
from slate.errors import DataError, RequestError
from slate.offline import warehouse
from tests.history.conftest import Asked, alike

pytestmark = pytest.mark.process


def ask(asked: Asked, deployment: Deployment) -> None:
    found = slate.history("bike_choice", asked.rows, deployment=deployment)
    assert alike(found.select(asked.names), asked.values)


def execute(deployment: Deployment, *queries: str) -> None:
    with duckdb.connect(deployment.warehouse) as connection:
        for query in queries:
            connection.execute(query)


def test_nothing_is_left_behind(asked: Asked, copied: Deployment) -> None:
    before = copied.warehouse.read_bytes()
    ask(asked, copied)
    assert copied.warehouse.read_bytes() == before
    assert {path.name for path in copied.data.iterdir()} == {
        "warehouse.duckdb",
        "warehouse.duckdb.lock",
    }


def test_none_was_built(asked: Asked, copied: Deployment) -> None:
    copied.warehouse.unlink()
    with pytest.raises(DataError, match=r"there is no warehouse .* yet: build it with `slate run`"):
        ask(asked, copied)
    duckdb.connect(copied.warehouse).close()
    with pytest.raises(DataError, match="does not hold what the definitions say"):
        ask(asked, copied)


def test_a_damaged_one(asked: Asked, copied: Deployment) -> None:
    copied.warehouse.write_bytes(b"not a warehouse" * 1_000)
    with pytest.raises(DataError, match="is damaged"):
        ask(asked, copied)


def test_a_run_that_has_it(
    asked: Asked, copied: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "LOCK_SECONDS", 0.0)
    with warehouse.lock_file(copied.warehouse).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match=r"a run has the warehouse .* when it has ended"):
            ask(asked, copied)
    ask(asked, copied)


def test_a_run_waits_for_history_and_history_for_no_other(asked: Asked, copied: Deployment) -> None:
    with warehouse.reading(copied):
        ask(asked, copied)
        with (
            warehouse.lock_file(copied.warehouse).open("w") as run,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(run, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with warehouse.lock_file(copied.warehouse).open("w") as run:
        fcntl.flock(run, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_between_batches_it_is_let_go_of(asked: Asked, copied: Deployment) -> None:
    batches = slate.history_batches("bike_choice", [asked.rows], rows=20, deployment=copied)
    next(batches)
    execute(copied, "create table written as select 1")
    assert sum(batch.num_rows for batch in batches) == asked.rows.num_rows - 20


def test_another_process_that_writes(
    asked: Asked, copied: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "LOCK_SECONDS", 0.0)
    path = str(copied.warehouse)
    code = f"import duckdb\nheld = duckdb.connect({path!r})\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(DataError, match=r"another process has the warehouse .* open"):
            ask(asked, copied)
        other.kill()


def test_a_connection_of_this_process(asked: Asked, copied: Deployment) -> None:
    with (
        duckdb.connect(copied.warehouse),
        pytest.raises(DataError, match=r"this process has the warehouse .* open"),
    ):
        ask(asked, copied)


def test_what_is_known_ends_with_the_clock(asked: Asked, copied: Deployment) -> None:
    execute(copied, "update raw.clock set known_until = timestamp '2026-03-01 05:00:00'")
    with pytest.raises(RequestError, match="after 2026-03-01 05:00 UTC"):
        ask(asked, copied)


def test_what_is_known_ends_before_an_unread_file(asked: Asked, copied: Deployment) -> None:
    execute(
        copied,
        "create or replace table raw.held as "
        "select 'bike_use_current' as model, timestamp '2026-03-01 04:00:00' as until",
    )
    with pytest.raises(RequestError, match="after 2026-03-01 04:00 UTC"):
        ask(asked, copied)
    # What is not made of it goes on.
    rides = copied.registry.views["rider_rides"]
    rows = asked.rows.select(["rider_id", "offered_at"])
    assert slate.history([rides], rows, deployment=copied).num_rows == rows.num_rows


def test_what_is_known_is_what_was_built_whole(asked: Asked, copied: Deployment) -> None:
    execute(
        copied,
        "insert into raw.builds (until, seen, built_at) "
        "values (timestamp '2026-03-02', null, timestamp '2026-03-02')",
    )
    with pytest.raises(DataError, match="never built whole"):
        ask(asked, copied)
    execute(
        copied,
        "insert into raw.builds (until, seen, built_at) "
        "values (timestamp '2026-03-01', timestamp '2026-03-01', timestamp '2026-03-01')",
    )
    with pytest.raises(RequestError, match="after 2026-03-01 00:00 UTC"):
        ask(asked, copied)


def test_definitions_that_changed_since(asked: Asked, copied: Deployment) -> None:
    hashes = model_hashes(copied.registry, copied.dbt_project)
    values = ", ".join(f"('{model}', '{digest}')" for model, digest in hashes.items())
    execute(copied, f"insert into raw.built_models values {values}")
    ask(asked, copied)
    execute(copied, "update raw.built_models set hash = '' where model = 'bike_use_tiles'")
    with pytest.raises(DataError, match="built of other definitions: bike_use_tiles changed"):
        ask(asked, copied)


def test_a_table_that_is_missing(asked: Asked, copied: Deployment) -> None:
    execute(copied, "drop table bike_use_tiles")
    with pytest.raises(DataError, match=r"bike_use_tiles.*`slate compile` and `slate run`"):
        ask(asked, copied)
