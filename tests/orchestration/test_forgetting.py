"""Rows of somebody go from files and tables, and nobody else's; and what is left is found."""

import json
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate.assets.forgetting import parquet_files, tables, texts
from slate.assets.forgetting.data_folder import DataFolder
from slate.deployment import Deployment, load
from slate.errors import DataError
from slate.online.rows.event_ids import hash_ids
from slate.subjects import Subject, Subjects
from tests.orchestration.bikes import BIKES

SUBJECTS = Subjects(
    (
        Subject("rider_id", "rider_1", frozenset({"rider_id"})),
        Subject("bike_id", 42, frozenset({"bike_id", "view.last_bike"})),
    )
)
ROWS = pa.table(
    {
        "text": ["rider_1", "x", "y", "z", "by rider_1", "rider_17", "42"],
        "bike_id": pa.array([1, 42, 2, 3, 4, 5, 6], pa.int16()),
        "view.last_bike": pa.array([0, 0, 42, 0, 0, 0, None], pa.float64()),
        "listed": [[], None, [], ["a", "rider_1"], [], ["rider_17"], []],
        "nested": [None, None, None, None, None, {"a": "rider_17"}, {"a": "42"}],
        "coded": pa.array(["p", "q", "p", "q", "p", "q", "p"]).dictionary_encode(),
    }
)
KEPT = [5, 6]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    deployment: Deployment = replace(load(BIKES / "slate.toml"), data=tmp_path)
    return DataFolder(deployment, SUBJECTS)


def found(folder: DataFolder) -> dict[str, int]:
    looked = folder.search(anywhere=False)
    assert not [one.unread for one in looked if one.unread]
    return {one.place: one.found for one in looked if one.found}


def test_rows_are_known_by_columns_of_any_type(tmp_path: Path) -> None:
    path = tmp_path / "07.parquet"
    pq.write_table(ROWS, path)
    path.chmod(0o640)
    assert parquet_files.count(path, SUBJECTS) == (7, 5)
    out = parquet_files.take_out(path, SUBJECTS)
    assert out is not None
    assert out.num_rows == 5
    assert pq.read_table(path).equals(ROWS.take(KEPT))
    assert pq.read_schema(path).equals(ROWS.schema)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
    before = path.stat().st_mtime_ns
    assert parquet_files.take_out(path, SUBJECTS) is None
    assert path.stat().st_mtime_ns == before


def test_every_file_is_looked_into(folder: DataFolder, tmp_path: Path) -> None:
    """Also one that was set aside, and the bytes that a database has freed."""
    day = tmp_path / "landing/moves/2026-03-10"
    day.mkdir(parents=True)
    for name in ("07.parquet", "08.parquet.bad"):
        pq.write_table(ROWS, day / name)
    theirs = day / ".09.parquet.tmp"
    theirs.write_text("of another writer")
    (day / f".09-stream.{'0' * 32}.tmp").write_text("of an archive that was killed")
    letters = tmp_path / "stream/moves/dead_letters/1-0.jsonl"
    letters.parent.mkdir(parents=True)
    lines = [json.dumps({"event": {"rider_id": f"rider_{n}", "bike_id": 41}}) for n in (1, 17)]
    lines.append(json.dumps({"event": {"rider_id": "x", "bike_id": 42}}))
    letters.write_text("\n".join(lines) + "\n")
    report = tmp_path / "reports/rides.html"
    report.parent.mkdir()
    report.write_text("<td>rider_1</td><td>rider_17</td>")
    history = tmp_path / "dagster/history/runs.db"
    history.parent.mkdir(parents=True)
    with sqlite3.connect(history) as database:
        database.execute("create table events (id integer primary key, told text, raw blob)")
        database.execute("insert into events values (1, 'rider_id=rider_1', 'of rider_1')")
        database.execute("insert into events values (2, 'rider_17', null)")
    database.close()
    assert found(folder) == {
        "files: landing/moves": 10,
        "files: stream/moves": 2,
        "files: reports": 1,
        "files: dagster/history": 1,
    }
    folder.remove_unfinished()
    folder.take_out()
    folder.blot_out()
    assert found(folder) == {}
    assert sorted(path.name for path in day.iterdir()) == [
        ".09.parquet.tmp", "07.parquet", "08.parquet.bad"
    ]  # fmt: skip
    assert letters.read_text() == lines[1] + "\n"
    assert report.read_text() == "<td>[forgotten]</td><td>rider_17</td>"
    with sqlite3.connect(history) as database:
        rows = database.execute("select * from events").fetchall()
    database.close()
    assert rows == [
        (1, "rider_id=[forgotten]", "of [forgotten]"),
        (2, "rider_17", None),
    ]
    assert b"rider_1'" not in history.read_bytes()


def test_what_dagster_has_packed_is_looked_into(tmp_path: Path) -> None:
    """And not taken for text: a short key is in packed bytes by chance."""
    short = Subjects((Subject("guest_id", "b", frozenset({"guest_id"})),))
    snapshot = json.dumps({"told": [f"n{n}" for n in range(99)], "of": ["b", "c"]}).encode()
    path = tmp_path / "runs.db"
    by_chance = next(
        packed
        for n in range(100_000)
        if short.in_text(packed := zlib.compress(str(n).encode() * 9 + b"of nobody"))
    )
    with sqlite3.connect(path) as database:
        database.execute("create table snapshots (id integer primary key, body blob)")
        bodies = [zlib.compress(snapshot), by_chance]
        database.executemany("insert into snapshots (body) values (?)", [(one,) for one in bodies])
    database.close()
    assert texts.rows(path, short) == (2, 1)
    texts.blot_out_rows(path, short)
    with sqlite3.connect(path) as database:
        found = [body for (body,) in database.execute("select body from snapshots order by id")]
    database.close()
    assert json.loads(zlib.decompress(found[0]))["of"] == ["[forgotten]", "c"]
    assert found[1] == by_chance
    assert texts.rows(path, short) == (2, 0)


def test_ids_are_theirs_alone_and_of_their_source(tmp_path: Path) -> None:
    """An id that another row repeats, or that another source has too, is not theirs."""
    deployment: Deployment = replace(load(BIKES / "slate.toml"), data=tmp_path)
    folder = DataFolder(deployment, Subjects.of(deployment.registry, [("rider_id", ["rider_1"])]))
    day = tmp_path / "landing/moves/2026-03-10"
    day.mkdir(parents=True)
    hers = {"move_id": ["m1", "m2", "m3"], "rider_id": ["rider_1"] * 3}
    pq.write_table(pa.table(hers), day / "07.parquet")
    pq.write_table(pa.table({"move_id": ["m2"], "rider_id": ["rider_2"]}), day / "08.parquet")
    folder.take_out()
    found = folder.forgotten_ids()
    assert {name: sorted(ids) for name, ids in found.items()} == {
        "moves": sorted(hash_ids(pa.array(["m1", "m3"])).to_pylist())
    }


def test_links_are_followed(folder: DataFolder, tmp_path: Path) -> None:
    """Landing files on another disk are forgotten there, and each file is looked at once."""
    data, disk = tmp_path / "data", tmp_path / "disk"
    folder = replace(folder, deployment=replace(folder.deployment, data=data))
    (disk / "2026-03-10").mkdir(parents=True)
    pq.write_table(ROWS, disk / "2026-03-10" / "07.parquet")
    pq.write_table(ROWS, disk / "08.parquet")
    (disk / "round").symlink_to(disk)
    (disk / "note.txt").write_text("of rider_1")
    day = data / "landing/moves/2026-03-11"
    day.mkdir(parents=True)
    (data / "landing/moves/2026-03-10").symlink_to(disk / "2026-03-10")
    (day / "08.parquet").symlink_to(disk / "08.parquet")
    (day / "again.parquet").symlink_to(disk / "08.parquet")
    (data / "landing/old").symlink_to(disk)
    (data / "note.txt").symlink_to(disk / "note.txt")
    assert sum(one.found for one in folder.search(anywhere=False)) == 11
    folder.take_out()
    folder.blot_out()
    assert found(folder) == {}
    assert (day / "08.parquet").is_symlink()
    assert pq.read_table(disk / "08.parquet").num_rows == 2
    assert (disk / "note.txt").read_text() == "of [forgotten]"


def test_what_a_link_lacks_is_told(folder: DataFolder, tmp_path: Path) -> None:
    """A disk that is not mounted is nothing that was searched."""
    (tmp_path / "landing").symlink_to(tmp_path / "unmounted")
    (looked,) = folder.search(anywhere=False)
    assert "landing leads to" in looked.unread[0]
    with pytest.raises(DataError, match="where nothing is: mount that"):
        folder.take_out()


def test_what_cannot_be_read_is_told(folder: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(b"PAR1...")
    (looked,) = folder.search(anywhere=False)
    assert "cut.parquet cannot be read as Parquet" in looked.unread[0]
    (tmp_path / "cut.parquet").unlink()
    (tmp_path / "odd").write_bytes(b"\xff\xfe rider_1 ")
    with pytest.raises(DataError, match="is no text of UTF-8, and names what is to be forgotten"):
        folder.blot_out()


def test_nothing_is_left_in_the_warehouses_file(tmp_path: Path) -> None:
    """Of what is anew nothing stays, of others' tables what is theirs."""
    warehouse = tmp_path / "warehouse.duckdb"
    manifest = tmp_path / "manifest.json"
    node = {"resource_type": "model", "schema": "main", "config": {}}
    nodes = [
        {**node, "alias": "built"},
        {**node, "alias": "kept", "config": {"full_refresh": False}},
    ]
    manifest.write_text(json.dumps({"nodes": dict(enumerate(nodes))}))
    with duckdb.connect(warehouse) as connection:
        connection.execute("create schema shop")
        for name in ("built", "kept", "shop.orders"):
            connection.register("rows", ROWS)
            connection.execute(f"create table {name} as from rows")
        connection.execute("create view seen as from built")
        connection.execute("create table texts as select 'rider_1 and rider_' || i as t "
                           "from range(2000) as r(i)")  # fmt: skip
    with tables.opened(warehouse) as connection:
        before = {one.place: one.found for one in tables.search(connection, SUBJECTS)}
        assert before["warehouse: main.kept"] == before["warehouse: shop.orders"] == 5
        assert before["warehouse: main.texts"] == 2000
        tables.delete(connection, SUBJECTS, manifest, [])
    tables.compact(warehouse)
    with tables.opened(warehouse) as connection:
        looked = list(tables.search(connection, SUBJECTS))
        assert [one.place for one in looked if one.found] == []
        numbers = {one.place: one.number for one in looked}
        assert numbers["warehouse: main.kept"] == numbers["warehouse: shop.orders"] == 2
        assert "warehouse: main.built" not in numbers
        assert tables.has_longer(connection, SUBJECTS)
        names = connection.execute("select view_name from duckdb_views() where not internal")
        assert names.fetchall() == [("seen",)]
    # Nor in its bytes: what stays there is rider_17.
    assert b"rider_1 " not in warehouse.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "warehouse.duckdb"]
