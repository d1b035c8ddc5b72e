"""`slate load`: years of history from files, by the hour of arrival, each row once or refused."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from slate.assets import loading
from slate.assets.intake import Intake, take_in
from slate.assets.landing_files import landed
from slate.assets.raw_tables import prepare
from slate.deployment import load
from slate.sources import Source
from tests.cli.conftest import Slate
from tests.cli.test_init import FORMATS, Row, orders, write_csv, write_parquet

ROOT = Path(__file__).parents[2]
RULE = ("--arrival", "placed_at + 5m")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment made from sixty orders."""
    folder = tmp_path_factory.mktemp("made") / "shop"
    folder.mkdir()
    file = write_csv(folder.parent / "orders.csv", orders())
    run = [sys.executable, "-m", "slate.cli", "init", "my_shop", "--from", str(file)]
    others = {name: value for name, value in os.environ.items() if name[:6] != "SLATE_"}
    subprocess.run(run, cwd=folder, env=others | {"PYTHONPATH": str(ROOT)}, check=True)
    return folder


@pytest.fixture
def shop(empty_folder: Path, made: Path) -> Path:
    """That deployment, of which none is loaded."""
    shutil.copytree(made, empty_folder, dirs_exist_ok=True)
    return empty_folder


def order() -> type[Source]:
    return load().registry.sources["order"]


def taken_in(query: str) -> tuple[Intake, list[tuple[Any, ...]]]:
    """What the intake makes of what has landed, and what a query tells of it then."""
    deployment = load()
    with duckdb.connect() as connection:
        prepare(connection, [order()])
        files = landed(deployment.landing, order())
        assert not files.misnamed
        intake = take_in(connection, deployment.landing, order(), files.files)
        return intake, connection.execute(query).fetchall()


def raw_rows() -> list[dict[str, Any]]:
    columns = ["order_id", "placed_at", "customer_id", "amount", "gift", "coupon", "received_at"]
    intake, found = taken_in(f"select {', '.join(columns)} from raw.orders order by order_id")
    assert (intake.quarantined, intake.unread) == (0, 0)
    return [dict(zip(columns, row, strict=True)) for row in found]


def with_arrivals(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{**row, "received_at": row["placed_at"] + timedelta(minutes=5)} for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_rows_of_any_format_land_in_the_hour_of_their_arrival(
    shop: Path, slate_here: Slate, name: str
) -> None:
    file = FORMATS[name](shop / name, orders())
    loaded = slate_here("load", "order", str(file), *RULE)
    assert (loaded.code, loaded.out) == (0, "")
    assert "60 rows landed in 31 hours, 2024-02-28 22:35 to 2024-03-01 04:05 UTC" in loaded.err
    assert raw_rows() == with_arrivals(orders())


def test_hours_without_rows_have_no_file(shop: Path, slate_here: Slate) -> None:
    """Ten years lie between the two halves."""
    rows = orders(4)
    for row in rows[2:]:
        row["placed_at"] += timedelta(days=3650)
    write_csv(shop / "orders.csv", rows)
    assert slate_here("load", "orders", "orders.csv", *RULE).code == 0
    files = landed(load().landing, order())
    assert [f"{hour:%Y-%m-%d %H}" for hour in files.hours] == [
        "2024-02-28 22",
        "2024-02-28 23",
        "2034-02-25 23",
        "2034-02-26 00",
    ]


def test_refused_rows_are_told_and_quarantined_and_the_others_land(
    shop: Path, slate_here: Slate
) -> None:
    (shop / "orders.csv").write_text(
        "order_id,placed_at,customer_id,amount,gift,coupon\n"
        "o1,2024-02-28 10:00:00,1,2.5,true,\n"
        "o2,yesterday,2,1.0,true,\n"
        "o3,2024-02-28 11:00:00,,1.0,true,\n"
        "o4,2024-02-28 12:00:00,4,dear,maybe,\n"
        "o5,2024-02-28 13:00:00,5\n"
        "o6,2024-02-28 14:00:00,6,3,false,X\n"
    )
    loaded = slate_here("load", "order", "orders.csv", *RULE)
    assert loaded.code == 1
    told = [line.split(": {")[0] for line in loaded.out.splitlines()]
    assert told == [
        "orders.csv: line 3: placed_at: not of type datetime; received_at: missing",
        "orders.csv: line 4: customer_id: missing",
        "orders.csv: line 5: amount: not of type float; gift: not of type bool",
        "orders.csv: line 6: 3 values for 6 columns: o5,2024-02-28 13:00:00,5",
    ]
    assert "2 rows landed in 2 hours" in loaded.err
    assert "3 refused, to be in raw.quarantine; left out: 1 line that is" in loaded.err
    intake, quarantined = taken_in("select reason, content from raw.quarantine order by reason")
    assert (intake.rows, intake.quarantined) == (2, 3)
    assert [reason for reason, _ in quarantined] == [
        "amount: not of type float; gift: not of type bool",
        "customer_id: missing",
        "placed_at: not of type datetime; received_at: missing",
    ]
    assert json.loads(quarantined[0][1])["amount"] == "dear"


def test_rows_that_a_loaded_file_had_refused_are_told_again(shop: Path, slate_here: Slate) -> None:
    rows = [row | {"amount": "dear"} for row in orders(3)] + orders(9)[3:]
    write_csv(shop / "orders.csv", rows)
    assert slate_here("load", "order", "orders.csv", *RULE).code == 1
    again = slate_here("load", "order", "orders.csv", *RULE)
    assert "orders.csv was loaded before: 3 of its rows were refused then" in again.err


def test_what_may_mend_refused_rows_is_told(shop: Path, slate_here: Slate) -> None:
    rows = orders(6)
    values = [("n/a", True, 1), ("n/a", "maybe", 1), (1, True, "x"), ("dear", True, 1)]
    for row, (amount, gift, customer) in zip(rows, values, strict=False):
        row |= {"amount": amount, "gift": gift, "customer_id": customer}
    write_csv(shop / "orders.csv", rows)
    told = slate_here("load", "order", "orders.csv", *RULE).err
    assert "amount: 'n/a' is not a number: --null n/a, if it stands for no value, and" in told
    assert "gift: 'maybe' is not true or false: --null maybe, if it stands for no value" in told
    assert (
        "customer_id: 'x' is not a whole number: --null x, if it stands for no value, and annotate "
        "the column `int | None`"
    ) in told
    # Of what is no CSV an empty text is a text.
    definitions = shop / "my_shop/definitions.py"
    definitions.write_text(definitions.read_text().replace("coupon: str | None", "coupon: str"))
    for name in [name for name in sys.modules if name.startswith("my_shop")]:
        del sys.modules[name]
    row = json.dumps(orders(1)[0] | {"coupon": ""}, default=str)
    (shop / "orders.jsonl").write_text(f"{row}\n")
    told = slate_here("load", "order", "orders.jsonl", *RULE).err
    assert "coupon: an empty text, which `str` does not take: annotate it `str | None`" in told


@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_those_of_an_editor(shop: Path, slate_here: Slate, packed: bool) -> None:
    """Also behind values over several lines, empty lines, and what is no row."""
    text = (
        "\ufefforder_id,placed_at,customer_id,amount,gift,coupon\r\n"  # 1
        'o1,2024-02-28 10:00:00,1,1,true,"two\r\n\r\nlines"\r\n'  # 2 to 4
        "\r\n"
        "o2,yesterday,2,1.0,true,\r\n"  # 6
        "o3,2024-02-28\r\n"  # 7
        'o4,2024-02-28 10:00:00,4,1,true,"a ""quoted"" one\r\nmore"\r\n'  # 8 and 9
        'o5,2024-02-28 10:00:00,5,1,true,"open"ed\r\n'  # 10
        "o6,2024-02-28 10:00:00,6,dear,true,\r\n"  # 11
        "o7,2024-02-28 10:00:00,7,1,true,x,y\r\n"  # 12
    ).encode()
    file = shop / ("orders.csv.gz" if packed else "orders.csv")
    file.write_bytes(gzip.compress(text) if packed else text)
    loaded = slate_here("load", "order", file.name, *RULE)
    assert loaded.code == 1
    assert [line.split(": ")[1:3] for line in loaded.out.splitlines()] == [
        ["line 6", "placed_at"],
        ["line 7", "2 values for 6 columns"],
        ["line 10", "a quote that does not end its value, or does not end at all"],
        ["line 11", "amount"],
        ["line 12", "7 values for 6 columns"],
    ]
    assert "2 rows landed" in loaded.err


def test_rows_of_a_table_have_numbers_of_rows(shop: Path, slate_here: Slate) -> None:
    rows = orders(3)
    rows[1]["customer_id"] = None
    write_parquet(shop / "orders.parquet", rows)
    loaded = slate_here("load", "order", "orders.parquet", *RULE)
    assert loaded.out.startswith("orders.parquet: row 2: customer_id: missing: {")


def test_more_refused_rows_than_can_be_read_are_counted(shop: Path, slate_here: Slate) -> None:
    rows = [row | {"amount": "dear"} for row in orders(50)] + orders(1)
    write_csv(shop / "orders.csv", rows)
    told = slate_here("load", "order", "orders.csv", *RULE).out.splitlines()
    assert len(told) == loading.SHOWN + 1
    assert told[-1] == "orders.csv: and 30 more"


def test_lines_that_are_no_json_are_told(shop: Path, slate_here: Slate) -> None:
    good = json.dumps(orders(1)[0], default=str)
    (shop / "orders.jsonl").write_text(f'{good}\n\n[1]\n{{"order_id": \n')
    loaded = slate_here("load", "order", "orders.jsonl", *RULE)
    assert loaded.code == 1
    assert loaded.out.splitlines() == [
        "orders.jsonl: line 3: not a JSON object: [1]",
        'orders.jsonl: line 4: not a JSON object: {"order_id": ',
    ]
    assert raw_rows() == with_arrivals(orders(1))


def test_a_file_is_loaded_once(shop: Path, slate_here: Slate) -> None:
    write_csv(shop / "orders.csv", orders())
    (shop / "copy.csv").write_bytes((shop / "orders.csv").read_bytes())
    assert slate_here("load", "order", "orders.csv", *RULE).code == 0
    again = slate_here("load", "order", "copy.csv", *RULE)
    assert again.code == 0
    assert "copy.csv was loaded before: nothing is left to do" in again.err
    assert raw_rows() == with_arrivals(orders())
    other = slate_here("load", "order", "orders.csv", "--arrival", "placed_at + 1h")
    assert other.code == 1
    assert "was loaded before, by --arrival 'placed_at + 5m', and" in other.err
    # As a version wrote it that had fewer rules.
    (note,) = (load().landing / "orders" / "_loads").glob("*.json")
    known = json.loads(note.read_text())
    del known["rules"]["decimal_comma"]
    note.write_text(json.dumps(known))
    assert slate_here("load", "order", "orders.csv", *RULE).code == 0
    # What it says to do does it.
    subprocess.run(["sh", "-c", other.err.split("`")[3]], check=True)
    assert landed(load().landing, order()).files == []
    assert slate_here("load", "order", "orders.csv", "--arrival", "placed_at + 1h").code == 0
    assert {row["received_at"] - row["placed_at"] for row in raw_rows()} == {timedelta(hours=1)}


def test_a_file_of_which_no_row_is_taken_may_be_loaded_by_other_rules(
    shop: Path, slate_here: Slate
) -> None:
    rows = [{**row, "placed_at": f"{row['placed_at']:%d.%m.%Y %H:%M}"} for row in orders()]
    write_csv(shop / "orders.csv", rows)
    refused = slate_here("load", "order", "orders.csv", *RULE)
    assert refused.code == 1
    assert f"none of {len(rows)} rows has an arrival that can be read" in refused.err
    assert landed(load().landing, order()).files == []
    again = slate_here("load", "order", "orders.csv", *RULE, "--time-format", "%d.%m.%Y %H:%M")
    assert again.code == 0, again.err
    assert raw_rows() == with_arrivals(orders())


def test_a_load_that_was_killed_leaves_nothing_half(
    shop: Path, slate_here: Slate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the note nothing has landed; after it, the next load brings what is missing."""
    write_csv(shop / "orders.csv", orders())
    top = load().landing / "orders"
    with monkeypatch.context() as killed:
        killed.setattr(loading, "_told", _killed)
        with pytest.raises(_KilledError):
            slate_here("load", "order", "orders.csv", *RULE)
    assert landed(load().landing, order()).files == []

    moved: list[Path] = []

    def half(aside: Path, to: Path) -> None:
        for file in sorted(aside.rglob("*.parquet"))[:10]:
            place = to / file.relative_to(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            moved.append(file.replace(place))
        raise _KilledError

    with monkeypatch.context() as killed:
        killed.setattr(loading, "_move", half)
        with pytest.raises(_KilledError):
            slate_here("load", "order", "orders.csv", *RULE)
    assert len(landed(load().landing, order()).files) == len(moved) == 10
    assert slate_here("load", "order", "orders.csv", *RULE).code == 0
    assert raw_rows() == with_arrivals(orders())
    assert sorted(path.name for path in top.iterdir() if path.name.startswith(".")) == []


class _KilledError(BaseException):
    """As a kill: nothing catches it."""


def _killed(*_: object) -> None:
    raise _KilledError


def test_ids_of_content_tell_repeats_from_rows_that_are_alike(
    shop: Path, slate_here: Slate
) -> None:
    """Two rows that are the same in one file are two; the same rows in another file are repeats."""
    rows = [{k: v for k, v in row.items() if k != "order_id"} for row in orders(3)]
    write_csv(shop / "orders.csv", [*rows, rows[0]])
    write_csv(shop / "more.csv", rows)
    rules = (*RULE, "--id", "content")
    loaded = slate_here("load", "order", "orders.csv", "more.csv", *rules)
    assert loaded.code == 0, loaded.err
    assert "1 row is the same as another in every column, and each" in loaded.err
    _, ((rows_in, ids),) = taken_in("select count(*), count(distinct order_id) from raw.orders")
    assert (rows_in, ids) == (7, 4)
    said = ("--null", "NA", "--time-format", "epoch_ms", "--decimal", ",")
    other = slate_here("load", "order", "more.csv", *rules, *said)
    assert "by --arrival 'placed_at + 5m' --id content, and its rows" in other.err


def test_columns_that_do_not_match_are_told(shop: Path, slate_here: Slate) -> None:
    rows = [{"coupons" if k == "coupon" else k: v for k, v in row.items()} for row in orders()]
    write_csv(shop / "orders.csv", [row | {"Note": "x", "til": 1} for row in rows])
    loaded = slate_here("load", "order", "orders.csv", *RULE)
    assert (loaded.code, loaded.out) == (0, "")
    assert (
        "orders.csv: no column 'coupon': it is null in every row. If 'coupons' is that column, "
        "rename it\n"
    ) in loaded.err
    assert (
        "orders.csv: not taken, as Order has no such columns: 'coupons', 'Note', 'til'\n"
    ) in loaded.err
    assert {row["coupon"] for row in raw_rows()} == {None}


def test_repeats_of_an_id_are_told(shop: Path, slate_here: Slate) -> None:
    write_csv(shop / "orders.csv", [*orders(), *orders(2)])
    assert (
        "2 of the landed rows repeat an id" in slate_here("load", "order", "orders.csv", *RULE).err
    )


def test_rows_beyond_the_clock_wait(shop: Path, slate_here: Slate) -> None:
    write_csv(shop / "orders.csv", orders(80))
    loaded = slate_here("load", "order", "orders.csv", *RULE)
    assert loaded.code == 0
    assert "by `clock` in slate.toml it is 2024-03-01 05:00: they wait" in loaded.err


def test_times_and_nulls_are_read_as_it_is_said(shop: Path, slate_here: Slate) -> None:
    rows = [
        row
        | {
            "placed_at": row["placed_at"].strftime("%d.%m.%Y %H:%M"),
            "coupon": row["coupon"] or "NULL",
        }
        for row in orders()
    ]
    write_csv(shop / "orders.csv", rows)
    said = ("--time-format", "%d.%m.%Y %H:%M", "--null", "NULL")
    assert slate_here("load", "order", "orders.csv", *RULE, *said).code == 0
    assert raw_rows() == with_arrivals(orders())


@pytest.mark.parametrize(("unit", "size"), [("epoch_s", 1), ("epoch_ms", 1_000)])
def test_times_since_the_epoch_are_read(
    shop: Path, slate_here: Slate, unit: str, size: int
) -> None:
    epoch = datetime(1970, 1, 1)
    rows = [
        row | {"placed_at": round((row["placed_at"] - epoch).total_seconds()) * size}
        for row in orders()
    ]
    for file in (
        write_csv(shop / "a.csv", rows[:30]),
        write_parquet(shop / "b.parquet", rows[30:]),
    ):
        loaded = slate_here("load", "order", str(file), *RULE, "--time-format", unit)
        assert loaded.code == 0, loaded.out
    assert raw_rows() == with_arrivals(orders())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ordr", "orders.csv"), "there is no source 'ordr': did you mean 'order'?"),
        (("order", "orders.csv"), "say a rule, as in --arrival 'placed_at + 5m'"),
        (("order", "orders.csv", "--arrival", "soon"), "has no times 'soon'"),
        (("order", "orders.csv", "--arrival", "5m later"), "--arrival '5m later' is not a rule"),
        (("order", "orders.csv", *RULE, "--id", "content"), "leave --id content out"),
        (("order", "less.csv", *RULE), "has no column 'customer_id'"),
        (("order", "none.csv", *RULE), "none.csv cannot be read: No such file"),
        (("order", "orders.csv", *RULE, "--time-format", "%d/%Q"), "as it has %Q, which is no"),
        (("order", "orders.csv", *RULE, "--time-format", "%H%"), "as a % stands alone"),
    ],
)
def test_what_cannot_be_loaded_is_said_and_nothing_lands(
    shop: Path, slate_here: Slate, arguments: tuple[str, ...], says: str
) -> None:
    write_csv(shop / "orders.csv", orders())
    less = [{k: v for k, v in row.items() if k != "customer_id"} for row in orders()]
    write_csv(shop / "less.csv", less)
    refused = slate_here("load", *arguments)
    assert refused.code == 1
    assert says in refused.err
    assert landed(load().landing, order()).files == []


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def damaged(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[: middle - 40] + b"\x07" * 80 + content[middle + 40 :]


def as_parquet(folder: Path) -> bytes:
    return write_parquet(folder / "made.parquet", orders()).read_bytes()


def as_csv(folder: Path) -> bytes:
    return write_csv(folder / "made.csv", orders()).read_bytes()


# A file's name, what is in it, and what is said.
UNREADABLE: list[tuple[str, Callable[[Path], bytes], str]] = [
    ("a.parquet", as_csv, "a.parquet is no Parquet file: it begins with b'order_id"),
    ("a.parquet", lambda folder: cut(as_parquet(folder)), "a.parquet is cut"),
    ("a.parquet", lambda _: b"", "a.parquet is empty"),
    ("a.duckdb", as_csv, "a.duckdb is no DuckDB file"),
    ("a.csv", as_parquet, "a.csv is a Parquet file: let its name end in .parquet"),
    ("a.csv", lambda folder: gzip.compress(as_csv(folder)), "let its name end in .gz"),
    ("a.csv", lambda folder: as_csv(folder).decode().encode("utf-16"), "iconv -f utf-16"),
    ("a.csv", lambda folder: as_csv(folder) + b"\xf6\n", "line 62 is not in UTF-8"),
    ("a.jsonl", lambda _: b'{"a": 1}\n{"a": "\xf6"}\n', "line 2 is not in UTF-8"),
    ("a.json", lambda _: b'[{"a": 1}, {"a": 2}]', "jq -c '.[]'"),
    ("a.csv.gz", as_csv, "a.csv.gz is not compressed by gzip, though its name says so"),
    ("a.csv.gz", lambda folder: cut(gzip.compress(as_csv(folder))), "a.csv.gz is cut"),
    ("a.csv.gz", lambda folder: damaged(gzip.compress(as_csv(folder))), "gz is damaged"),
    ("a.jsonl.gz", lambda _: b'{"a": 1}', "is not compressed by gzip"),
    ("a.csv", lambda _: b"PK\x03\x04" + bytes(99), "a.csv is a zip archive"),
]


@pytest.mark.parametrize("command", ["load", "init"])
def test_a_file_of_another_kind_than_its_name_says_or_a_cut_one_is_told(
    shop: Path, slate_here: Slate, command: str
) -> None:
    given = ("load", "order") if command == "load" else ("init", "another", "--from")
    if command == "init":
        (shop / "slate.toml").unlink()
    for name, content, says in UNREADABLE:
        (shop / name).write_bytes(content(shop.parent))
        refused = slate_here(*given, name, *(RULE if command == "load" else ()))
        assert (refused.code, refused.out) == (1, ""), says
        assert says in refused.err
        # Nothing in DuckDB's own words.
        assert "Error:" not in refused.err
    assert not (shop / "another").exists()


def test_landing_files_hold_the_types_of_the_definition(shop: Path, slate_here: Slate) -> None:
    write_csv(shop / "orders.csv", orders())
    assert slate_here("load", "order", "orders.csv", *RULE).code == 0
    for file in landed(load().landing, order()).files:
        schema = pq.read_schema(file.path)
        assert dict(zip(schema.names, schema.types, strict=True)) == {
            c.name: c.kind.arrow for c in order().columns.values()
        }
