"""`slate init`: a deployment from a file of events, whatever the file's format and its names."""

import csv
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate.deployment import load
from slate.errors import DataError
from slate.kinds import Kind
from slate.sources import Source
from tests.cli.conftest import Slate

START = datetime(2024, 2, 28, 22, 30)
Row = Mapping[str, Any]


def orders(number: int = 60) -> list[dict[str, Any]]:
    """Orders of seven customers, half an hour apart; every fourth has no coupon."""
    return [
        {
            "order_id": f"o{place:03}",
            "placed_at": START + place * timedelta(minutes=30),
            "customer_id": place % 7,
            "amount": place * 1.25,
            "gift": place % 2 == 0,
            "coupon": None if place % 4 == 0 else "SPRING",
        }
        for place in range(number)
    ]


def write_csv(path: Path, rows: Sequence[Row], delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json_lines(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(dict(row), default=str) + "\n" for row in rows))
    return path


def write_parquet(path: Path, rows: Sequence[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return path


def write_duckdb(path: Path, rows: Sequence[Row]) -> Path:
    landed = pa.Table.from_pylist([dict(row) for row in rows])  # noqa: F841 (read by name)
    with duckdb.connect(path) as connection:
        connection.execute("create table orders as from landed")
    return path


FORMATS: dict[str, Callable[[Path, Sequence[Row]], Path]] = {
    "orders.csv": write_csv,
    "orders.tsv": lambda path, rows: write_csv(path, rows, "\t"),
    "orders.jsonl": write_json_lines,
    "orders.parquet": write_parquet,
    "orders.duckdb": write_duckdb,
}


def source_of(folder: Path, name: str) -> type[Source]:
    return load(folder / "slate.toml").registry.sources[name]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_any_format_makes_the_same_deployment(
    empty_folder: Path, slate_here: Slate, name: str
) -> None:
    file = FORMATS[name](empty_folder.parent / name, orders())
    made = slate_here("init", "my_shop", "--from", str(file))
    assert made.code == 0, made.err
    assert slate_here("check").code == 0
    source = source_of(empty_folder, "order")
    assert {c.name: (c.kind, c.nullable) for c in source.columns.values()} == {
        "order_id": (Kind.STRING, False),
        "placed_at": (Kind.TIME, False),
        "received_at": (Kind.TIME, False),
        "customer_id": (Kind.INTEGER, False),
        "amount": (Kind.FLOAT, False),
        "gift": (Kind.BOOLEAN, False),
        "coupon": (Kind.STRING, True),
    }
    roles = (source.unique_id, source.event_time, source.arrival_time)
    assert roles == ("order_id", "placed_at", "received_at")
    registry = load().registry
    assert set(registry.entities["customer"].keys) == {"customer_id"}
    assert set(registry.views["customer_orders"].features) == {
        "orders_1d",
        "orders_30d",
        "amount_sum_1d",
        "amount_sum_30d",
        "last_order",
    }
    assert f"slate load order {file} --arrival 'placed_at + 5m'" in made.err
    assert "slate query customer_features customer_id=" in made.err


def test_the_clock_is_set_where_data_are_of_the_past(empty_folder: Path, slate_here: Slate) -> None:
    """The last order is of 04:00, known at 04:05, and its hour is over at 05:00."""
    file = write_csv(empty_folder / "orders.csv", orders())
    assert slate_here("init", "shop_of_the_past", "--from", str(file)).code == 0
    clock = load().clock
    assert clock is not None
    assert clock.replace(tzinfo=None) == datetime(2024, 3, 1, 5)


def test_the_clock_is_the_machines_where_data_are_of_now(
    empty_folder: Path, slate_here: Slate
) -> None:
    late = datetime.now().replace(microsecond=0) - timedelta(days=1)
    rows = [row | {"placed_at": late} for row in orders()]
    file = write_csv(empty_folder / "orders.csv", rows)
    assert slate_here("init", "shop_of_now", "--from", str(file)).code == 0
    assert load().clock is None


@pytest.mark.parametrize("never", [datetime(9999, 12, 31, 23, 59, 59), datetime(2099, 12, 31)])
def test_dates_that_stand_for_never_do_not_set_the_clock(
    empty_folder: Path, slate_here: Slate, never: datetime
) -> None:
    """It stands after the newest of the others, at 03:30 of which all is known at 03:35."""
    rows = orders()
    rows[-1]["placed_at"] = rows[7]["placed_at"] = never
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_of_ever", "--from", str(file))
    assert made.code == 0, made.err
    clock = load().clock
    assert clock is not None
    assert clock.replace(tzinfo=None) == datetime(2024, 3, 1, 4)
    assert f"By placed_at 2 rows are of the future, up to {never}, and left out of that" in made.err


def test_where_all_dates_stand_for_never_the_clock_is_the_machines(
    empty_folder: Path, slate_here: Slate
) -> None:
    rows = [row | {"placed_at": datetime(9999, 12, 31, 23, 59, 59)} for row in orders()]
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_of_never", "--from", str(file))
    assert made.code == 0, made.err
    assert load().clock is None


def test_what_a_file_has_is_not_made_up(empty_folder: Path, slate_here: Slate) -> None:
    rows = [row | {"received_at": row["placed_at"] + timedelta(minutes=2)} for row in orders()]
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_with_arrivals", "--from", str(file))
    assert "--arrival" not in made.err
    assert source_of(empty_folder, "order").arrival_time == "received_at"


def test_a_column_with_empty_texts_takes_them(empty_folder: Path, slate_here: Slate) -> None:
    """What is written refuses no row of the file that it is written of."""
    notes = [
        {"id": n, "guest": f"g{n % 3}", "said": "hi" * (n % 2), "at": f"2026-03-0{n}"}
        for n in range(1, 9)
    ]
    (empty_folder / "notes.jsonl").write_text("\n".join(map(json.dumps, notes)))
    assert slate_here("init", "notes", "--from", "notes.jsonl").code == 0
    assert "said: str | None" in (empty_folder / "notes/definitions.py").read_text()
    loaded = slate_here("load", "note", "notes.jsonl", "--arrival", "note_at + 5m")
    assert "8 rows landed" in loaded.out + loaded.err


def test_names_that_definitions_cannot_have_are_others(
    empty_folder: Path, slate_here: Slate
) -> None:
    names = {
        "order_id": "Order ID",
        "placed_at": "datetime",
        "customer_id": "Größe (cm)",
        "amount": "select",
        "gift": "class",
        "coupon": 'model "x"',
    }
    rows = [{names[name]: value for name, value in row.items()} for row in orders()]
    rows = [row | {"day": 1, "asked_at": "x", "name": "y"} for row in rows]
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_of_names", "--from", str(file), "--key", "Größe (cm)")
    assert made.code == 0, made.err
    assert [*source_of(empty_folder, "order").columns] == [
        "order_id",
        "order_datetime",
        "received_at",
        "grosse_cm",
        "order_select",
        "order_class",
        "model_x",
        "order_day",
        "order_asked_at",
        "order_name",
    ]
    assert "# 'Order ID' in the file; guessed:" in Path("shop_of_names/definitions.py").read_text()


def test_words_for_null_and_other_times_are_found(empty_folder: Path, slate_here: Slate) -> None:
    rows = [
        row
        | {
            "placed_at": row["placed_at"].strftime("%d.%m.%Y %H:%M"),
            "amount": row["amount"] if place else "NA",
            "zip": f"0{place}",
        }
        for place, row in enumerate(orders())
    ]
    file = write_csv(empty_folder / "orders.csv", rows, delimiter=";")
    made = slate_here("init", "shop_of_words", "--from", str(file))
    columns = source_of(empty_folder, "order").columns
    assert (columns["amount"].kind, columns["amount"].nullable) == (Kind.FLOAT, True)
    assert columns["zip"].kind is Kind.STRING
    assert columns["placed_at"].kind is Kind.TIME
    assert "--null NA --time-format '%d.%m.%Y %H:%M'" in made.err


def test_which_of_day_and_month_comes_first_is_told_or_asked_for(
    empty_folder: Path, slate_here: Slate
) -> None:
    rows = [row | {"placed_at": f"0{1 + place % 9}/02/2026"} for place, row in enumerate(orders())]
    file = write_csv(empty_folder / "orders.csv", rows)
    refused = slate_here("init", "shop_of_days", "--from", str(file))
    assert refused.code == 1
    assert (
        "column 'placed_at': whether '01/02/2026' has the day or the month first is not told by "
        "any of its values: say it by --time-format '%m/%d/%Y' or '%d/%m/%Y'"
    ) in refused.err
    made = slate_here("init", "shop_of_days", "--from", str(file), "--time-format", "%d/%m/%Y")
    assert made.code == 0, made.err
    assert "--time-format %d/%m/%Y" in made.err


def test_a_row_without_an_id_has_one_of_its_content(empty_folder: Path, slate_here: Slate) -> None:
    rows = [{k: v for k, v in row.items() if k != "order_id"} for row in orders()]
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_without_ids", "--from", str(file))
    assert source_of(empty_folder, "order").unique_id == "row_id"
    assert "--id content" in made.err


def test_a_key_that_some_rows_lack_may_be_said(empty_folder: Path, slate_here: Slate) -> None:
    file = write_csv(empty_folder / "orders.csv", orders())
    made = slate_here("init", "shop_of_coupons", "--from", str(file), "--key", "coupon")
    assert made.code == 0, made.err
    assert source_of(empty_folder, "order").columns["coupon"].nullable
    assert load().registry.entities["coupon"].keys == {"coupon": Kind.STRING}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["numpy", "--from", "orders.csv"], "'numpy' is the name of a package that is installed"),
        (["My Shop", "--from", "orders.csv"], "'My Shop' is not a name for a Python package"),
        (["shop", "--from", "none.csv"], "none.csv is not a file"),
        (["shop", "--from", "orders.xlsx"], "the format .xlsx is unknown"),
        (["shop", "--from", "orders.csv", "--key", "custmer_id"], "did you mean 'customer_id'?"),
        (["shop", "--from", "orders.csv", "--time", "amount"], "'amount' does not hold a time"),
        (
            ["shop", "--from", "orders.csv", "--arrival", "placed_at", "--time", "placed_at"],
            "'placed_at' cannot be both when an event happened and when it arrived",
        ),
        (["shop", "--from", "orders.csv", "--key", "amount"], "'amount' cannot be a key"),
        (["shop", "--from", "orders.csv", "--id", "coupon"], "'coupon' cannot be an id"),
        (["shop", "--from", "orders.csv", "--arrival", "gift"], "'gift' does not hold a time"),
        (["shop", "--from", "timeless.csv"], "no column tells when the events happened"),
        (["shop", "--from", "keyless.csv"], "no column tells whose the events are"),
        (["shop", "--from", "twice.csv"], "two columns are named 'a'"),
        (["shop", "--from", "empty.csv"], "is empty: it has neither"),
        (["shop", "--from", "head.csv"], "no column tells when the events happened"),
        (["shop", "--from", "orders.csv", "--table", "orders"], "has no tables"),
        (["shop", "--from", "orders.csv", "--time-format", "dd.mm"], "'dd.mm' is none"),
        (["shop", "--from", "array.json"], "array.json holds no JSON objects, one a line"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_written(
    empty_folder: Path, slate_here: Slate, arguments: list[str], says: str
) -> None:
    write_csv(empty_folder / "orders.csv", orders())
    write_csv(empty_folder / "orders.xlsx", orders())
    write_csv(empty_folder / "timeless.csv", [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}])
    write_csv(empty_folder / "keyless.csv", [{"at": "2024-01-01", "b": 1.5}] * 3)
    (empty_folder / "twice.csv").write_text("a,A\n1,2\n")
    (empty_folder / "empty.csv").write_text("")
    (empty_folder / "head.csv").write_text("a,at\n")
    (empty_folder / "array.json").write_text('[{"a": 1}]\n')
    before = sorted(empty_folder.iterdir())
    refused = slate_here("init", *arguments)
    assert refused.code == 1
    assert says in refused.err
    assert sorted(empty_folder.iterdir()) == before


def test_what_was_there_before_stays_where_it_fails(
    empty_folder: Path, slate_here: Slate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DataError("it cannot be compiled")

    monkeypatch.setattr("slate.cli.init.write", fail)
    (empty_folder / ".gitignore").write_text("mine\n")
    file = write_csv(empty_folder / "orders.csv", orders())
    assert slate_here("init", "failed_shop", "--from", str(file)).code == 1
    assert (empty_folder / ".gitignore").read_text() == "mine\n"
    assert not (empty_folder / "slate.toml").exists()


def test_what_cannot_be_loaded_is_not_in_the_way_of_another_try(
    empty_folder: Path, slate_here: Slate, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_csv(empty_folder / "orders.csv", orders())
    monkeypatch.setenv("SLATE_CLOCK", "yesterday")
    assert slate_here("init", "shop_of_tries", "--from", str(file)).code == 1
    assert not (empty_folder / "slate.toml").exists()
    monkeypatch.delenv("SLATE_CLOCK")
    assert slate_here("init", "shop_of_tries", "--from", str(file)).code == 0


def test_a_deployment_is_not_overwritten(empty_folder: Path, slate_here: Slate) -> None:
    file = write_csv(empty_folder / "orders.csv", orders())
    assert slate_here("init", "first_shop", "--from", str(file)).code == 0
    definitions = Path("first_shop/definitions.py").read_text()
    assert "has a slate.toml" in slate_here("init", "second_shop", "--from", str(file)).err
    Path("slate.toml").unlink()
    again = slate_here("init", "first_shop", "--from", str(file))
    assert "first_shop/definitions.py, dbt_project/dbt_project.yml" in again.err
    assert Path("first_shop/definitions.py").read_text() == definitions


def test_of_several_tables_one_is_said(empty_folder: Path, slate_here: Slate) -> None:
    file = write_duckdb(empty_folder / "shop.duckdb", orders())
    with duckdb.connect(file) as connection:
        connection.execute("create table others as select 1 as a")
    assert "holds the tables orders, others" in slate_here("init", "shop", "--from", str(file)).err
    made = slate_here("init", "shop_of_tables", "--from", str(file), "--table", "orders")
    assert made.code == 0, made.err
    assert "--table orders" in made.err


def test_a_few_mistakes_make_no_text_of_a_time(empty_folder: Path, slate_here: Slate) -> None:
    rows = [
        row | {"seen_at": "2024-02-28" if place else "soon"} for place, row in enumerate(orders())
    ]
    rows[7]["placed_at"] = "yesterday"
    rows[8]["amount"] = "12a"
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_with_mistakes", "--from", str(file))
    assert made.code == 0, made.err
    columns = source_of(empty_folder, "order").columns
    assert [columns[name].kind for name in ("placed_at", "seen_at")] == [Kind.TIME] * 2
    assert columns["amount"].kind is Kind.STRING, "which may be a code"
    text = Path("shop_with_mistakes/definitions.py").read_text()
    assert "guessed: when it happened; 1 is no time, and refused" in text


def test_times_of_the_epoch_are_found_with_a_mistake_among_them(
    empty_folder: Path, slate_here: Slate
) -> None:
    rows = [row | {"placed_at": 1_709_000_000 + 60 * place} for place, row in enumerate(orders())]
    rows[7]["placed_at"] = "yesterday"
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_of_seconds", "--from", str(file))
    assert made.code == 0, made.err
    assert "--time-format epoch_s" in made.err
    assert source_of(empty_folder, "order").event_time == "placed_at"


def test_decimal_commas_beside_decimal_points_are_asked_about(
    empty_folder: Path, slate_here: Slate
) -> None:
    """What is 1.234 in the one would be 1234, without a word, by the rule of the other."""
    rows = [row | {"amount": f"{n},25", "weight": f"1.{n:03}"} for n, row in enumerate(orders(9))]
    file = write_csv(empty_folder / "orders.csv", rows, delimiter=";")
    made = slate_here("init", "shop", "--from", str(file))
    assert made.code != 0
    assert "decimal commas in amount and decimal points in weight" in made.err
    assert "write them alike" in made.err


def test_numbers_with_decimal_commas_are_told_and_loaded(
    empty_folder: Path, slate_here: Slate
) -> None:
    """Where commas do not part the values; codes stay texts."""
    rows = [
        row | {"amount": f"1.{place:03}" if place % 2 else f"{place},25", "code": f"0{place},5"}
        for place, row in enumerate(orders(9))
    ]
    file = write_csv(empty_folder / "orders.csv", rows, delimiter=";")
    made = slate_here("init", "shop_of_commas", "--from", str(file))
    assert made.code == 0, made.err
    columns = source_of(empty_folder, "order").columns
    assert (columns["amount"].kind, columns["code"].kind) == (Kind.FLOAT, Kind.STRING)
    assert "guessed: commas are decimal points" in Path("shop_of_commas/definitions.py").read_text()
    (load_it,) = (line for line in made.err.splitlines() if line.startswith("  slate load"))
    loaded = slate_here(*shlex.split(load_it)[1:])
    assert loaded.code == 0, loaded.out
    with duckdb.connect() as connection:
        landed = f"{empty_folder}/data/landing/orders/*/*.parquet"
        amounts = f"select amount from read_parquet('{landed}') order by order_id"
        found = [amount for (amount,) in connection.execute(amounts).fetchall()]
    assert found == [0.25, 1001.0, 2.25, 1003.0, 4.25, 1005.0, 6.25, 1007.0, 8.25]


def test_lists_and_structures_of_json_are_left_out(empty_folder: Path, slate_here: Slate) -> None:
    """Not taken for keys by their text."""
    rows = [row | {"buyer": {"id": 1}, "tags": [], "name": "a, b"} for row in orders()]
    file = write_json_lines(empty_folder / "orders.jsonl", rows)
    made = slate_here("init", "shop_of_parts", "--from", str(file))
    assert made.code == 0, made.err
    assert not {"buyer", "tags"} & source_of(empty_folder, "order").columns.keys()
    assert "# 'buyer' is left out" in Path("shop_of_parts/definitions.py").read_text()
    assert "buyer, tags: left out, as lists or structures are in it; to have a part" in made.err


def test_the_example_is_a_key_that_a_command_can_name(
    empty_folder: Path, slate_here: Slate
) -> None:
    """A comma parts several keys."""
    rows = [
        {**row, "customer_id": "Doe, Jane" if place % 3 else f"c{place % 2}"}
        for place, row in enumerate(orders())
    ]
    file = write_csv(empty_folder / "orders.csv", rows)
    made = slate_here("init", "shop_of_people", "--from", str(file))
    assert made.err.splitlines()[-1] in {
        f"  slate query customer_features customer_id=c{number}" for number in (0, 1)
    }
