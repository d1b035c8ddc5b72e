"""Landing files are taken in once each, and what cannot be is kept with the reason."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate import Source
from slate.assets import intake, landed_rows
from slate.assets.file_ledger import new_files
from slate.assets.intake import Intake
from slate.assets.landing_files import LandingFile, LandingFolder, landed
from slate.assets.raw_tables import prepare
from tests.deployments.bikes.definitions import Checkup, Move, Offer
from tests.orchestration.moves import (
    AT,
    HOUR,
    MOVE,
    OFFER,
    Connection,
    Row,
    ids,
    land,
    moves,
    refused,
    take,
)
from tests.parity.landing import landing_table


def found(warehouse: Connection, landing: Path) -> list[LandingFile]:
    return new_files(warehouse, Move, landed(landing, Move).files)


def test_rows_are_taken_in_as_they_are(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, [MOVE])
    assert take(warehouse, tmp_path) == Intake(files=1, known=0, rows=1, quarantined=0)
    (row,) = warehouse.sql("from raw.moves").to_arrow_table().to_pylist()
    plain = {n: v.replace(tzinfo=None) if isinstance(v, datetime) else v for n, v in MOVE.items()}
    assert row == {**plain, "_file": 1, "_row": 0}
    ((ledger),) = warehouse.sql(
        "select source, name, hour, rows, quarantined, replaced from raw.files"
    ).fetchall()
    assert ledger == ("move", "moves/2026-03-10/07.parquet", HOUR, 1, 0, False)


@pytest.mark.parametrize(
    ("source", "wrong", "reason"),
    [
        (Move, {"move_id": None}, "move_id: missing"),
        (Move, {"moved_at": None}, "moved_at: missing"),
        (Move, {"kind": ""}, "kind: empty; kind: not one of 'take', 'return', 'service', "
         "'rider''s swap'"),
        (Move, {"minutes": -0.5}, "minutes: below 0"),
        (Move, {"free_docks": 61}, "free_docks: above 60"),
        (Move, {"celsius": float("nan")}, "celsius: missing"),
        (Move, {"minutes": float("inf")}, "minutes: not within 1e+100 of zero"),
        (Move, {"celsius": -1.1e100}, "celsius: not within 1e+100 of zero"),
        (Move, {"moved_at": AT.replace(year=1969)}, "moved_at: not between 1970 and 2100"),
        (Move, {"heard_at": AT - timedelta(microseconds=1)},
         "heard_at: not in the hour that the file is for"),
        (Move, {"heard_at": AT + timedelta(hours=1)},
         "heard_at: not in the hour that the file is for"),
        (Move, {"station_id": None, "celsius": None}, "station_id: missing; celsius: missing"),
        (Offer, {"purpose": "sport"},
         "purpose: not one of 'commute', 'leisure', 'errand'"),
        (Offer, {"party": 0}, "party: below 1"),
        (Offer, {"rider_id": ""}, "rider_id: empty"),
        (Move, {"rider_id": "é" * 513}, "rider_id: longer than 1,024 bytes"),
        (Move, {"note": "é" * 32_769}, "note: longer than 65,536 bytes"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_kept_with_the_reason(
    warehouse: Connection, tmp_path: Path, source: type[Source], wrong: Row, reason: str
) -> None:
    good = MOVE if source is Move else OFFER
    other = {**good, source.unique_id: 7 if source is Move else "other"}
    land(tmp_path, [good, {**good, **wrong}, other], source=source)
    assert take(warehouse, tmp_path, source) == Intake(1, 0, rows=2, quarantined=1)
    assert refused(warehouse) == [(1, reason)]
    (content,) = warehouse.sql("select content->>'rider_id' from raw.quarantine").fetchall()
    assert content == ({**good, **wrong}["rider_id"],)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("minutes", pa.array(["12.5", "twelve"])),
        ("metres", pa.array([900.0, 1e300])),
        ("metres", pa.array([900.0, 900.6])),
        ("metres", pa.array(["900", "900.6"])),
        ("electric", pa.array(["true", "perhaps"])),
        ("heard_at", pa.array(["2026-03-10 07:00:00Z", "soon"])),
        ("minutes", pa.array([[12.5], [1.0, 2.0]])),
        ("minutes", pa.array([{"value": 12.5}, {"value": 1.0}])),
    ],
)
def test_values_of_another_type_are_cast_or_refused(
    warehouse: Connection, tmp_path: Path, column: str, values: pa.Array
) -> None:
    """Beside a file as it should be, which nothing of it touches."""
    rows = landing_table(Move, moves(2, start=10))
    position = rows.column_names.index(column)
    land(tmp_path, rows.set_column(position, column, values), "07-odd")
    land(tmp_path, moves(2))
    done = take(warehouse, tmp_path)
    nested = pa.types.is_nested(values.type)
    assert done == Intake(2, 0, rows=2 if nested else 3, quarantined=2 if nested else 1)
    kind = {"minutes": "float", "metres": "int", "electric": "bool", "heard_at": "datetime"}
    assert refused(warehouse)[-1] == (1, f"{column}: not of type {kind[column]}")
    assert ids(warehouse) == ([1, 2] if nested else [10, 1, 2])


def stored(kind: pa.BaseExtensionType, *values: object) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (stored(pa.json_(), "{bad"), "{bad"),
        (pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())),
         '[["a", 1], ["a", 2]]'),
        (pa.array([[1.5]], pa.list_(pa.float16())), "[1.5]"),
        (pa.array([[Decimal(10) ** 70]], pa.list_(pa.decimal256(76))), f'["1{"0" * 70}"]'),
        (stored(pa.uuid(), b"\0" * 16), "00000000-0000-0000-0000-000000000000"),
        (pa.array([[2**52]], pa.list_(pa.timestamp("ms"))),
         "a value of type list<element: timestamp[ms]>"),
    ],
    ids=["no JSON", "key twice", "halves", "long decimals", "UUID", "time beyond Python"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["celsius", "booked_for"])
def test_values_of_types_that_the_warehouse_lacks_are_refused(
    warehouse: Connection, tmp_path: Path, column: str, values: pa.Array, shown: str
) -> None:
    """However deep they lie, and whatever DuckDB makes of them: files beside it are taken in."""
    land(tmp_path, moves(1), "07-a")
    rows = landing_table(Move, moves(1, start=2))
    land(tmp_path, rows.set_column(rows.column_names.index(column), column, values), "07-b")
    land(tmp_path, moves(1, start=3), "07-c")
    assert take(warehouse, tmp_path) == Intake(3, rows=2, quarantined=1)
    assert sorted(ids(warehouse)) == [1, 3]
    kind = {"celsius": "float", "booked_for": "datetime"}[column]
    assert refused(warehouse) == [(0, f"{column}: not of type {kind}")]
    ((content,),) = warehouse.execute("select content->>? from raw.quarantine", [column]).fetchall()
    assert content == shown


def test_a_text_that_should_be_json_is_a_text(warehouse: Connection, tmp_path: Path) -> None:
    rows = landing_table(Move, moves(2))
    notes = stored(pa.json_(), '{"a": 1}', "{bad")
    land(tmp_path, rows.set_column(rows.column_names.index("note"), "note", notes))
    assert take(warehouse, tmp_path).rows == 2
    assert warehouse.sql("select note from raw.moves order by _row").fetchall() == [
        ('{"a": 1}',),
        ("{bad",),
    ]


def test_an_interrupt_while_rows_are_read_is_none_of_the_files_fault(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB, which asks for the rows, tells of it as an error like any other."""
    land(tmp_path, moves(2), "07-a")
    land(tmp_path, moves(2, start=5), "07-b")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as failing:
        failing.setattr(landed_rows, "_taken", interrupted)
        with pytest.raises(KeyboardInterrupt):
            take(warehouse, tmp_path)
    assert warehouse.sql("from raw.files").fetchall() == []
    assert take(warehouse, tmp_path) == Intake(2, rows=4)


def test_a_time_that_is_a_text_may_name_its_zone(warehouse: Connection, tmp_path: Path) -> None:
    texts = ["2026-03-10T09:15:00+02:00", "2026-03-10 07:15:00Z", "2026-03-10 07:15:00"]
    rows = landing_table(Move, moves(len(texts)))
    position = rows.column_names.index("heard_at")
    land(tmp_path, rows.set_column(position, "heard_at", pa.array(texts)))
    assert take(warehouse, tmp_path).quarantined == 0
    heard = warehouse.execute("select distinct heard_at from raw.moves").fetchall()
    assert heard == [(HOUR + timedelta(minutes=15),)]


def test_a_file_that_is_none_is_refused_as_a_whole(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, moves(3))
    land(tmp_path, [], "07-none").write_bytes(b"no Parquet")
    land(tmp_path, landing_table(Move, moves(3, 10)).drop(["kind", "celsius"]), "07-short")
    assert take(warehouse, tmp_path) == Intake(1, 0, rows=3, quarantined=0, unread=2)
    (unreadable, short) = warehouse.sql(
        "select row, reason, content from raw.quarantine order by file"
    ).fetchall()
    assert unreadable[1].startswith("the file is not readable as Parquet: ")
    assert unreadable[2] == "moves/2026-03-10/07-none.parquet"
    assert short == (
        None,
        "the file has no column kind, celsius",
        "moves/2026-03-10/07-short.parquet",
    )


def test_a_column_that_may_be_null_may_be_missing(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, landing_table(Move, moves(1)).drop(["minutes", "note"]), "07-old")
    assert take(warehouse, tmp_path) == Intake(1, 0, rows=1, quarantined=0)
    land(tmp_path, moves(1, start=2), "07-new")
    assert take(warehouse, tmp_path) == Intake(1, 1, rows=1, quarantined=0)
    assert warehouse.sql("select minutes, note from raw.moves order by move_id").fetchall() == [
        (None, None),
        (12.5, "it's"),
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["weather's"],
        ["filename"],
        ["file_row_number"],
        ['a"b'],
        [""],
        ["Minutes"],
        ["MINUTES", "Note"],
        ["other", "other"],
        ["minutes.list", "note.text"],
        ["_file", "_row", "_fault", "_reason"],
        ["paths", "landed", "hour", "path", "file"],
        ["ä", "select", "1"],
    ],
    ids=" ".join,
)
def test_columns_that_nobody_defined_are_passed_over(
    warehouse: Connection, tmp_path: Path, names: list[str]
) -> None:
    """Whatever they are called, beside a file without them; also where a row is refused."""
    table = landing_table(Move, [*moves(2), {**MOVE, "metres": -1}])
    for name in names:
        table = table.append_column(name, pa.array([["a"], ["b"], None]))
    land(tmp_path, table.select(range(table.num_columns)[::-1]), "07-odd")
    land(tmp_path, moves(1, start=5))
    assert take(warehouse, tmp_path) == Intake(2, rows=3, quarantined=1)
    assert warehouse.sql("select distinct minutes, note from raw.moves").fetchall() == [
        (12.5, "it's")
    ]
    assert refused(warehouse) == [(2, "metres: below 0")]
    ((content,),) = warehouse.sql("select content->>'metres' from raw.quarantine").fetchall()
    assert content == "-1"


def test_the_same_file_again_changes_nothing(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, [*moves(2), {**MOVE, "kind": "?"}])
    take(warehouse, tmp_path)
    ledger = "select * exclude (changed_at) from raw.files"
    before = warehouse.sql(ledger).fetchall()
    land(tmp_path, [*moves(2), {**MOVE, "kind": "?"}])
    assert take(warehouse, tmp_path) == Intake(0, known=1, rows=0, quarantined=0)
    assert (ids(warehouse), len(refused(warehouse))) == ([1, 2], 1)
    assert warehouse.sql(ledger).fetchall() == before


def test_a_changed_file_takes_the_place_of_what_it_held(
    warehouse: Connection, tmp_path: Path
) -> None:
    land(tmp_path, [*moves(2), {**MOVE, "kind": "?"}])
    land(tmp_path, moves(2, start=5), "07z")
    take(warehouse, tmp_path)
    land(tmp_path, [*moves(1, start=9), {**MOVE, "party": 0, "metres": -1}])
    assert take(warehouse, tmp_path) == Intake(1, known=1, rows=1, quarantined=1)
    assert ids(warehouse) == [9, 5, 6], "in the load order that it had"
    assert refused(warehouse) == [(1, "metres: below 0")]
    assert warehouse.sql("select rows, quarantined, replaced from raw.files order by file") \
        .fetchall() == [(1, 1, True), (2, 0, False)]  # fmt: skip


def test_a_file_that_is_mended_is_taken_in(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, []).write_bytes(b"no Parquet")
    assert take(warehouse, tmp_path) == Intake(unread=1)
    land(tmp_path, moves(2))
    assert take(warehouse, tmp_path) == Intake(1, 0, rows=2, quarantined=0)
    assert refused(warehouse) == []


def test_files_are_loaded_in_the_order_of_hour_and_name(
    warehouse: Connection, tmp_path: Path
) -> None:
    for name, start in (("07-b", 20), ("07", 10), ("07-a", 30)):
        land(tmp_path, moves(2, start), name)
    take(warehouse, tmp_path)
    assert ids(warehouse) == [30, 31, 20, 21, 10, 11]
    land(tmp_path, moves(2, 40), "07-0")
    take(warehouse, tmp_path)
    assert ids(warehouse)[-2:] == [40, 41], "what comes later is loaded later"


def test_many_files_are_taken_in_batch_by_batch(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "ROWS_AT_ONCE", 5)
    for number in range(7):
        land(tmp_path, moves(2, number * 2), f"07-{number}")
    assert take(warehouse, tmp_path) == Intake(7, 0, rows=14, quarantined=0)
    assert ids(warehouse) == list(range(14))


def test_a_failure_leaves_everything_as_it_was(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path, moves(2))
    take(warehouse, tmp_path)
    before = warehouse.sql("from raw.files").fetchall()
    land(tmp_path, moves(1, start=7))

    def fail(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as failing:
        failing.setattr(intake, "_insert_rows", fail)
        with pytest.raises(InterruptedError):
            take(warehouse, tmp_path)
    assert (ids(warehouse), warehouse.sql("from raw.files").fetchall()) == ([1, 2], before)
    assert take(warehouse, tmp_path).rows == 1
    assert ids(warehouse) == [7]


def test_a_source_that_gets_a_column(warehouse: Connection, tmp_path: Path) -> None:
    warehouse.execute("alter table raw.moves drop column note")
    prepare(warehouse, [Move])
    land(tmp_path, [MOVE])
    take(warehouse, tmp_path)
    assert warehouse.sql("select note from raw.moves").fetchall() == [("it's",)]


def test_sources_do_not_know_of_each_other(warehouse: Connection, tmp_path: Path) -> None:
    land(tmp_path, moves(1))
    land(tmp_path, [OFFER], source=Offer)
    take(warehouse, tmp_path)
    assert take(warehouse, tmp_path, Offer) == Intake(1, 0, rows=1, quarantined=0)
    assert warehouse.sql("select file, source from raw.files order by 1").fetchall() == [
        (1, "move"),
        (2, "offer"),
    ]


def test_only_what_is_complete_has_landed(tmp_path: Path) -> None:
    land(tmp_path, moves(1), "07-late")
    land(tmp_path, moves(1), ".07")
    land(tmp_path, moves(1), "seven")
    land(tmp_path, moves(1), "09").rename(tmp_path / "moves/2026-03-10/09.parquet.tmp")
    (file,) = landed(tmp_path, Move).files
    assert (file.name, file.hour) == ("moves/2026-03-10/07-late.parquet", HOUR)
    assert landed(tmp_path, Checkup) == LandingFolder([], [])


@pytest.mark.parametrize(
    ("happens", "new"),
    [
        (lambda file: None, []),
        (lambda file: pq.write_table(landing_table(Move, moves(3)), file), ["07"]),
        (lambda file: file.with_name("07-other").rename(file), ["07"]),
        (lambda file: land(file.parents[2], moves(1), "07-late"), ["07-late"]),
    ],
    ids=["nothing", "written again", "another put in its place", "a late one"],
)
def test_new_files_are_those_that_came_or_changed(
    warehouse: Connection, tmp_path: Path, happens: Callable[[Path], Any], new: list[str]
) -> None:
    file = land(tmp_path, moves(1))
    land(tmp_path, moves(2), "07-other").rename(file.with_name("07-other"))
    assert [f.path for f in found(warehouse, tmp_path)] == [file]
    take(warehouse, tmp_path)
    happens(file)
    assert [f.path.stem for f in found(warehouse, tmp_path)] == new


def test_the_quarantine_keeps_nothing_personal(
    warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Move.columns["rider_id"], "tags", ("pii",))
    monkeypatch.setattr(Move.columns["note"], "tags", ("pii",))
    rows = [{**MOVE, "kind": "", "rider_id": "known to all", "note": None}]
    land(tmp_path, rows)
    take(warehouse, tmp_path)
    ((content,),) = warehouse.sql("select content from raw.quarantine").fetchall()
    kept = json.loads(content)
    assert (kept["rider_id"], kept["note"], kept["kind"]) == ("[pii]", None, "")
    assert "known to all" not in content
