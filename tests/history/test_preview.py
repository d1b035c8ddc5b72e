"""Values by definitions that the warehouse was not built of, made of its events alone."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from slate.deployment import Deployment
from slate.errors import DataError
from slate.features import Computed
from slate.offline.preview import preview
from tests.history.conftest import Asked, alike

pytestmark = pytest.mark.process


def test_they_are_those_of_history(asked: Asked, copied: Deployment) -> None:
    """Also where the warehouse has no tiles at all: none are read."""
    with duckdb.connect(copied.warehouse) as connection:
        tiles = "select table_name from duckdb_tables() where table_name like '%_tiles'"
        names = [name for (name,) in connection.execute(tiles).fetchall()]
        assert len(names) > 3
        for name in names:
            connection.execute(f"drop table {name}")
    service = asked.plan.service
    features = list(service.features)
    assert any(isinstance(feature, Computed) for feature in features)
    given = asked.rows.drop_columns(["label"])
    found = preview(copied, features, given, "offered_at")
    assert alike(found, asked.values)


def test_what_is_taken_in_otherwise_is_not_told(asked: Asked, copied: Deployment) -> None:
    with duckdb.connect(copied.warehouse) as connection:
        connection.execute("delete from raw.built_models")
        connection.execute("insert into raw.built_models values ('stg_moves', 'other')")
    feature = copied.registry.features["station_moves.free"]
    with pytest.raises(DataError, match=r"stg_moves.* will itself be built anew"):
        preview(copied, [feature], asked.rows.select(["bike_id", "offered_at"]), "offered_at")


def test_without_a_warehouse_it_says_so(asked: Asked, tmp_path: Path) -> None:
    nowhere = replace(asked.deployment, data=tmp_path)
    feature = nowhere.registry.features["rider_profile.plan"]
    rows = asked.rows.select(["rider_id", "offered_at"])
    assert isinstance(rows, pa.Table)
    with pytest.raises(DataError, match="there is no warehouse"):
        preview(nowhere, [feature], rows, "offered_at")
