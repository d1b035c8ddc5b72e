"""What the warehouse holds follows from the landing files and the present definition alone."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate import Source, arrival_time, column, event_time, unique_id
from slate.assets.database import Warehouse
from slate.assets.holds import unread
from slate.assets.hours import hourly
from slate.assets.intake import Intake, take_in
from slate.assets.landing import FILES_READ, ROWS, landed_rows, raw_key
from slate.assets.landing_files import landed
from slate.assets.raw_tables import prepare
from slate.assets.rule_changes import require_present_rules
from slate.deployment import Deployment
from slate.errors import DataError
from tests.orchestration import small
from tests.orchestration.moves import AT, Connection, take

WIDE = {"price": float | None, "kind": str | None}
STRICT = {"price": float, "kind": str}


def order(annotations: dict[str, Any] = STRICT, **columns: Any) -> type[Source]:
    """The source, at a time when its columns had some constraints."""
    body = {
        "__annotations__": {
            "order_id": int, "placed_at": datetime, "received_at": datetime, **annotations,
        },
        "__module__": __name__, "__doc__": "An order.",
        "model": "stg_orders", "landing": "orders",
        "order_id": unique_id(), "placed_at": event_time(), "received_at": arrival_time(),
        **columns,
    }  # fmt: skip
    return type("Order", (Source,), body)


@pytest.fixture
def warehouse() -> Iterator[Connection]:
    with duckdb.connect() as connection:
        yield connection


def land(landing: Path, name: str, prices: list[float | None], kinds: list[str | None]) -> Path:
    file = landing / "orders/2026-03-10" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    times = pa.array([AT] * len(prices), pa.timestamp("us", "UTC"))
    pq.write_table(
        pa.table(
            {
                "order_id": range(len(prices)), "placed_at": times, "received_at": times,
                "price": pa.array(prices, pa.float64()), "kind": pa.array(kinds, pa.string()),
            }
        ),
        file,
    )  # fmt: skip
    return file


def take_as(warehouse: Connection, landing: Path, source: type[Source]) -> Intake:
    prepare(warehouse, [source])
    return take(warehouse, landing, source)


def prices(warehouse: Connection) -> list[float | None]:
    found = warehouse.execute("select price from raw.orders order by _file, _row").fetchall()
    return [price for (price,) in found]


def held(warehouse: Connection) -> list[Any]:
    """All that is taken in, and refused, with the reasons."""
    taken = warehouse.sql("select * from raw.orders order by _file, _row").fetchall()
    refused = warehouse.sql(
        "select file, row, reason, content from raw.quarantine order by file, row"
    ).fetchall()
    counts = warehouse.sql("select file, rows, quarantined from raw.files order by file").fetchall()
    return [taken, refused, counts]


@pytest.mark.parametrize(
    ("before", "after", "was", "becomes"),
    [
        (order(), order(WIDE), [1.0, 9.0], [1.0, None, 9.0]),
        (order(price=column(max=5)), order(price=column(max=9)), [1.0], [1.0, 9.0]),
        (order(kind=column(one_of=["a"])), order(), [1.0], [1.0, 9.0]),
        (order(WIDE), order(), [1.0, None, 9.0], [1.0, 9.0]),
        (order(), order(price=column(min=2)), [1.0, 9.0], [9.0]),
    ],
    ids=["may be null", "wider bounds", "any text", "may not be null", "narrower bounds"],
)
def test_rows_are_judged_again_where_the_rules_changed(
    warehouse: Connection, tmp_path: Path, before: type[Source], after: type[Source],
    was: list[Any], becomes: list[Any],
) -> None:  # fmt: skip
    land(tmp_path, "07", [1.0, None, 9.0], ["a", "b", "c"])
    take_as(warehouse, tmp_path, before)
    assert prices(warehouse) == was
    assert take_as(warehouse, tmp_path, after).rows == len(becomes)
    assert prices(warehouse) == becomes
    assert take_as(warehouse, tmp_path, after) == Intake(known=1), "once"


@pytest.mark.parametrize("seed", range(5))
def test_as_if_the_present_definition_had_always_been(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    for name in ("07", "07-b", "07-c", "07-d"):
        rows = range(draw.randint(1, 6))
        of_prices = [draw.choice([None, -1.0, 0.5, 3.0, 7.0]) for _ in rows]
        land(tmp_path, name, of_prices, [draw.choice([None, "", "a", "b"]) for _ in rows])

    def definition() -> type[Source]:
        bounds = {"min": draw.choice([None, 0, 1]), "max": draw.choice([None, 5])}
        allowed = draw.choice([None, ["a"], ["a", "b"]])
        annotations = {**STRICT, "kind": draw.choice([str, str | None])}
        return order(annotations, price=column(**bounds), kind=column(one_of=allowed))

    with closing(duckdb.connect()) as changing, closing(duckdb.connect()) as anew:
        for _ in range(4):
            present = definition()
            take_as(changing, tmp_path, present)
        take_as(anew, tmp_path, present)
        assert held(changing) == held(anew)


def test_only_files_with_such_rows_are_read_again(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, "07", [1.0, 2.0], ["a", "b"])
    land(tmp_path, "07-b", [1.0, None], ["a", "b"])
    take_as(warehouse, tmp_path, order())
    prepare(warehouse, [order(WIDE)])
    told: list[str] = []
    assert take_in(warehouse, tmp_path, order(WIDE), [], told.append) == Intake(1, rows=2)
    assert told == [
        "1 landing files with rows that Order refuses, or refused, are judged again by its present "
        "definition"
    ]


def test_refused_rows_of_files_that_are_gone_stay_refused(
    warehouse: Connection, tmp_path: Path
) -> None:
    file = land(tmp_path, "07", [1.0, None], ["a", "b"])
    take_as(warehouse, tmp_path, order())
    file.unlink()
    told: list[str] = []
    files = landed(tmp_path, order(WIDE)).files
    assert take_in(warehouse, tmp_path, order(WIDE), files, told.append) == Intake()
    assert told[0].endswith("; 1 rows of files that are gone stay refused")
    assert prices(warehouse) == [1.0]


def test_a_file_that_was_damaged_meanwhile_keeps_what_it_held(
    warehouse: Connection, tmp_path: Path
) -> None:
    file = land(tmp_path, "07", [1.0, None], ["a", "b"])
    whole = file.read_bytes()
    take_as(warehouse, tmp_path, order())
    file.write_bytes(whole[:-10])
    assert take_as(warehouse, tmp_path, order(WIDE)) == Intake(unread=1)
    (damaged,) = unread(warehouse, order())
    assert (damaged.held, prices(warehouse)) == (False, [1.0])
    file.write_bytes(whole)
    take_as(warehouse, tmp_path, order(WIDE))
    assert prices(warehouse) == [1.0, None]


def test_nothing_is_built_of_rows_that_other_rules_judged(
    warehouse: Connection, tmp_path: Path
) -> None:
    land(tmp_path, "07", [1.0, None], ["a", "b"])
    require_present_rules(warehouse, [order()])
    take_as(warehouse, tmp_path, order())
    require_present_rules(warehouse, [order()])
    with pytest.raises(DataError, match=r"what Order took before .* materialize raw/orders first"):
        require_present_rules(warehouse, [order(WIDE)])
    take_as(warehouse, tmp_path, order(WIDE))
    require_present_rules(warehouse, [order(WIDE)])


def test_hours_that_are_judged_again_are_told_anew(tmp_path: Path) -> None:
    """What Dagster knows of an hour is what the warehouse has of it, whatever a run was for."""
    deployment = small.place(tmp_path / "small", "views")
    land(deployment.landing, "07", [1.0, None], ["a", "b"])
    told = []
    with dg.DagsterInstance.ephemeral() as instance:
        for source in (order(), order(WIDE)):
            landing = _landing(deployment, source, hourly(deployment))
            found = {"warehouse": Warehouse.of(deployment)}
            assert dg.materialize([landing], instance=instance, resources=found).success
            events = instance.fetch_materializations(
                dg.AssetRecordsFilter(raw_key(source), asset_partitions=["2026-03-10-07:00"]),
                limit=1,
            )
            (event,) = events.records
            assert event.asset_materialization is not None
            metadata = event.asset_materialization.metadata
            told.append([metadata[name].value for name in (ROWS, "quarantined")])
    assert told == [[1, 1], [2, 0]]


def _landing(
    deployment: Deployment, source: type[Source], hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    @dg.asset(
        key=raw_key(source),
        partitions_def=hours,
        check_specs=[dg.AssetCheckSpec(FILES_READ, asset=raw_key(source))],
    )
    def landing(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
        yield from landed_rows(context, warehouse, deployment, source)

    return landing
