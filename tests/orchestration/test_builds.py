"""What a build covers: what is new, what is asked for, and all of it where a model changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from slate.assets import ledger_time, raw_tables
from slate.assets.builds import (
    Build,
    drop_former,
    last_build,
    plan_build,
    record,
    spans_built_since,
)
from slate.assets.hours import Span, span_of
from slate.assets.landing_files import ONE_HOUR
from slate.deployment import Deployment
from slate.kinds import Kind
from tests.deployments.bikes.definitions import Move
from tests.orchestration import small
from tests.orchestration.moves import land, moves, take

Connection = duckdb.DuckDBPyConnection
NOON = datetime(2026, 3, 10, 12)


def hours(start: int, end: int) -> Span:
    """Hours around noon, from and before."""
    return NOON + start * ONE_HOUR, NOON + end * ONE_HOUR


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The bike-share with a project of two models."""
    for name in ("models/generated/tiles.sql", "models/features/profile.sql", "macros/all.sql"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("select 1")
    definitions = "tests.deployments.bikes.definitions"
    data = tmp_path / "data"
    return at(0, Deployment("bikes", definitions, tmp_path, tmp_path, data))


def at(hour: int, deployment: Deployment, minutes: int = 0) -> Deployment:
    """A deployment whose clock stands so long after noon."""
    instant = (NOON + hour * ONE_HOUR).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    return replace(deployment, clock=instant)


@pytest.fixture
def warehouse(deployment: Deployment) -> Iterator[Connection]:
    with duckdb.connect() as connection:
        raw_tables.prepare(connection, list(deployment.registry.sources.values()))
        yield connection


class Clock:
    """When landing files are taken in: each later than the one before."""

    now = datetime(2026, 3, 11)

    def take_in(
        self, warehouse: Connection, *hours: int, replaced: bool = False, source: str = "move"
    ) -> datetime:
        self.now += timedelta(seconds=1)
        for hour in hours:
            warehouse.execute(
                """insert into raw.files (source, hour, replaced, taken_in_at)
                values (?, ?, ?, ?)""",
                [source, NOON + hour * ONE_HOUR, replaced, self.now],
            )
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def built(warehouse: Connection, deployment: Deployment, clock: Clock) -> Connection:
    """A warehouse that was built up to noon."""
    clock.take_in(warehouse, *range(-48, 0))
    record(warehouse, plan_build(warehouse, deployment, None), whole=True)
    return warehouse


def test_the_first_build_is_of_everything(
    warehouse: Connection, deployment: Deployment, clock: Clock
) -> None:
    seen = clock.take_in(warehouse, -2, -1)
    build = plan_build(warehouse, deployment, hours(-1, 0))
    assert (build.span, build.changed, build.seen) == (None, ("profile", "tiles"), seen)


def test_before_anything_landed_everything_is_built(
    warehouse: Connection, deployment: Deployment
) -> None:
    record(warehouse, plan_build(warehouse, deployment, None), whole=True)
    build = plan_build(warehouse, deployment, None)
    assert (build.span, build.changed) == (None, ())


def test_what_is_built_is_told_in_words(
    built: Connection, deployment: Deployment, clock: Clock
) -> None:
    assert str(plan_build(built, deployment, None)).startswith("no hours: nothing came to be known")
    clock.take_in(built, 0, 1)
    told = str(plan_build(built, at(2, deployment, minutes=5), None))
    day = f"{NOON:%Y-%m-%d}"
    assert told == f"{day} 12:00 to {day} 14:00, of what had arrived before {day} 14:00"


def test_new_hours_are_built(built: Connection, deployment: Deployment, clock: Clock) -> None:
    seen = clock.take_in(built, 0, 1)
    build = plan_build(built, at(2, deployment, minutes=5), None)
    assert (build.span, build.changed, build.seen) == (hours(0, 2), (), seen)
    assert build.until == NOON + 2 * ONE_HOUR


def test_hours_that_are_not_over_wait_for_the_clock(
    built: Connection, deployment: Deployment, clock: Clock
) -> None:
    clock.take_in(built, 0, 5)
    early = plan_build(built, at(1, deployment, minutes=59), None)
    assert early.span == hours(0, 1)
    record(built, early, whole=True)
    assert plan_build(built, at(3, deployment), None).span == hours(1, 3)
    record(built, plan_build(built, at(3, deployment), None), whole=True)
    assert plan_build(built, at(6, deployment), None).span == hours(3, 6)


def test_a_clock_that_is_set_back_has_everything_built(
    built: Connection, deployment: Deployment
) -> None:
    """What it does not know any more is in no table."""
    build = plan_build(built, at(-3, deployment), None)
    assert (build.span, build.until) == (None, NOON - 3 * ONE_HOUR)
    record(built, build, whole=True)
    assert plan_build(built, at(-1, deployment), None).span == hours(-3, -1)


def test_what_is_taken_in_after_the_machines_clock_was_set_back_is_built(
    warehouse: Connection, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By minutes, within an hour, as when it is put right."""
    hour = datetime(2026, 3, 10, 7)
    for minutes, name in ((40, "07-a"), (20, "07-late"), (10, "07-later")):
        monkeypatch.setattr(ledger_time, "_now", lambda at=minutes: NOON + timedelta(minutes=at))
        land(tmp_path, moves(1), name)
        assert take(warehouse, tmp_path).files == 1
        build = plan_build(warehouse, deployment, None)
        assert build.span == (None if name == "07-a" else (hour, NOON))
        record(warehouse, build, whole=True)
    assert plan_build(warehouse, at(2, deployment), None).span == hours(0, 2)
    record(warehouse, plan_build(warehouse, at(2, deployment), None), whole=True)
    assert plan_build(warehouse, at(3, deployment), None).span == hours(2, 3)


def test_a_file_that_is_taken_away_after_the_clock_was_set_back_is_built_without(
    warehouse: Connection, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = land(tmp_path, [])
    file.write_bytes(b"no Parquet")
    take(warehouse, tmp_path)
    record(warehouse, plan_build(warehouse, deployment, None), whole=True)
    monkeypatch.setattr(ledger_time, "_now", lambda: datetime(1999, 1, 1))
    file.unlink()
    take(warehouse, tmp_path)
    assert plan_build(warehouse, deployment, None).span == (datetime(2026, 3, 10, 7), NOON)


def test_an_older_warehouse_goes_on_after_all_that_it_noted(
    warehouse: Connection, deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ledgers noted the machine's time, and nothing that only goes forward."""
    seen = clock.take_in(warehouse, -2, -1)
    record(warehouse, plan_build(warehouse, deployment, None), whole=True)
    noted = last_build(warehouse)
    assert noted is not None
    assert noted > seen
    warehouse.execute("drop table raw.ledger_time")
    monkeypatch.setattr(ledger_time, "_now", lambda: seen)
    ledger_time.prepare(warehouse)
    first, second = ledger_time.stamp(warehouse), ledger_time.stamp(warehouse)
    assert noted < first < second


def test_a_late_file_renews_what_came_after_it(
    built: Connection, deployment: Deployment, clock: Clock
) -> None:
    clock.take_in(built, -20)
    assert plan_build(built, deployment, None).span == hours(-20, 0)


def test_a_file_that_was_replaced_renews_what_may_have_repeated_it(
    built: Connection, deployment: Deployment, clock: Clock
) -> None:
    """An id of a move is known for two days."""
    clock.take_in(built, -5, replaced=True)
    assert plan_build(built, deployment, None).span == hours(-53, 0)


def test_the_ledger_may_know_sources_that_are_gone(
    built: Connection, deployment: Deployment, clock: Clock
) -> None:
    clock.take_in(built, -5, replaced=True, source="gone")
    assert plan_build(built, deployment, None).span == hours(-5, 0)


def test_without_news_an_hour_without_arrivals_is_built(
    built: Connection, deployment: Deployment
) -> None:
    span = plan_build(built, at(0, deployment, minutes=59), None).span
    assert span is not None
    assert span[1] == datetime(1970, 1, 1)


@pytest.mark.parametrize(
    ("new", "asked", "span"),
    [
        ([], (-30, -6), (-30, -6)),
        ([0], (-30, -6), (-30, 1)),
        ([-9], (-3, -2), (-9, 0)),
        ([], (0, 4), (0, 1)),
    ],
)
def test_what_is_asked_for_is_built_in_any_case(
    built: Connection, deployment: Deployment, clock: Clock, new: list[int],
    asked: tuple[int, int], span: tuple[int, int],
) -> None:  # fmt: skip
    clock.take_in(built, *new)
    late = at(span[1], deployment) if span[1] > 0 else deployment
    assert plan_build(built, late, hours(*asked)).span == hours(*span)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("models/generated/tiles.sql", ("tiles",)),
        ("models/features/profile.sql", ("profile",)),
        ("models/generated/added.sql", ("added",)),
        ("macros/all.sql", ("profile", "tiles")),
    ],
)
def test_where_a_model_is_new_or_changed_everything_is_built(
    built: Connection, deployment: Deployment, file: str, changed: tuple[str, ...]
) -> None:
    (deployment.dbt_project / file).write_text("select 2")
    build = plan_build(built, deployment, hours(-1, 0))
    assert (build.span, build.changed) == (None, changed)
    record(built, build, whole=True)
    assert plan_build(built, deployment, None).changed == ()


def test_where_a_declared_type_changed_everything_is_built(
    built: Connection, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the SQL of staging stays the same."""
    (deployment.dbt_project / "models/generated/stg_moves.sql").write_text("select 1")
    record(built, plan_build(built, deployment, None), whole=True)
    assert plan_build(built, deployment, None).changed == ()
    monkeypatch.setattr(Move.columns["metres"], "kind", Kind.FLOAT)
    build = plan_build(built, deployment, None)
    assert (build.span, build.changed) == (None, ("stg_moves",))


def test_what_is_no_model_changes_nothing(built: Connection, deployment: Deployment) -> None:
    (deployment.dbt_project / "models/features/_models.yml").write_text("version: 2")
    (deployment.dbt_project / "models/features/profile.sql").unlink()
    assert plan_build(built, deployment, None).changed == ()


def test_a_build_that_was_not_whole_is_covered_again(
    built: Connection, deployment: Deployment, clock: Clock
) -> None:
    clock.take_in(built, -1)
    (deployment.dbt_project / "models/generated/tiles.sql").write_text("select 2")
    build = plan_build(built, deployment, None)
    record(built, build, whole=False)
    assert plan_build(built, deployment, None) == build


def test_without_landing_files_all_is_built_unless_hours_are_asked_for(
    tmp_path: Path, deployment: Deployment
) -> None:
    tables = small.place(tmp_path, "landing")
    with duckdb.connect() as warehouse:
        record(warehouse, plan_build(warehouse, tables, hours(-1, 0)), whole=True)
        assert plan_build(warehouse, tables, None).span is None
        assert plan_build(warehouse, tables, hours(-1, 0)).span == hours(-1, 0)


def test_spans_built_since(
    built: Connection, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spans_built_since(built, None, "any") is None
    before = last_build(built)
    assert before is not None
    assert spans_built_since(built, before, "any") == []
    assert spans_built_since(built, before - timedelta(days=1), "any") is None, (
        "of another warehouse"
    )
    # Whatever becomes of the machine's clock.
    monkeypatch.setattr(ledger_time, "_now", lambda: before - timedelta(minutes=20))
    record(built, plan_build(built, at(1, deployment), None), whole=True)
    record(built, plan_build(built, at(2, deployment), None), whole=False)
    assert spans_built_since(built, before, "any") == [hours(0, 1), hours(1, 2)]
    record(built, Build(hours(2, 3), NOON, {}, (), before, ("other",)), whole=False)
    assert spans_built_since(built, before, "any") == [hours(0, 1), hours(1, 2), hours(2, 3)]
    assert spans_built_since(built, before, "other") is None, "it was built for all hours"
    record(built, Build(None, NOON, {}, (), before), whole=False)
    assert spans_built_since(built, before, "any") is None


@pytest.mark.parametrize(
    ("tags", "span"),
    [
        ({}, None),
        ({"dagster/partition": "2026-03-10-12:00"}, hours(0, 1)),
        (
            {
                "dagster/asset_partition_range_start": "2026-03-10-10:00",
                "dagster/asset_partition_range_end": "2026-03-10-14:00",
            },
            hours(-2, 3),
        ),
    ],
)
def test_hours_that_a_run_asks_for(tags: dict[str, str], span: Span | None) -> None:
    found = []

    @dg.asset
    def asked(context: dg.AssetExecutionContext) -> None:
        found.append(span_of(context))

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([asked], instance=instance, tags=tags)
    assert found == [span]


def tables(warehouse: Connection) -> set[str]:
    found = warehouse.execute("select table_name from information_schema.tables").fetchall()
    return {name for (name,) in found} & {"tiles", "tiles_seen", "profile", "by_hand", "theirs"}


def test_what_is_no_longer_generated_is_dropped_and_nothing_else(
    warehouse: Connection, deployment: Deployment
) -> None:
    generated = deployment.dbt_project / "models/generated"
    for name in ("tiles_seen", "theirs"):
        (generated / f"{name}.sql").write_text("select 1")
    for name in ("tiles", "profile", "by_hand", "theirs"):
        warehouse.execute(f"create table {name} as select 1 as n")
    warehouse.execute("create view tiles_seen as select * from tiles")

    def build() -> list[str]:
        build = plan_build(warehouse, deployment, None)
        record(warehouse, build, whole=True)
        return drop_former(warehouse, deployment, build)

    assert build() == []
    # One that was generated is written by hand now, and one of the project's own is gone.
    (generated / "theirs.sql").rename(deployment.dbt_project / "models/features/theirs.sql")
    (deployment.dbt_project / "models/features/profile.sql").unlink()
    for name in ("tiles", "tiles_seen"):
        (generated / f"{name}.sql").unlink()
    assert build() == ["tiles", "tiles_seen"]
    assert tables(warehouse) == {"profile", "by_hand", "theirs"}
    assert build() == []
    # Where it comes back it is built anew, though its text is what it was.
    (generated / "tiles.sql").write_text("select 1")
    assert "tiles" in plan_build(warehouse, deployment, None).changed
