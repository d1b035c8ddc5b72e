"""Values by definitions that the warehouse was not built of, or of events that it does not hold."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from slate.deployment import Deployment
from slate.errors import DataError
from slate.features import Computed
from slate.offline.preview import preview
from slate.offline.warehouse import reading
from slate.offline.what_if import Instead, history_if
from tests.deployments.bikes.definitions import Move
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


@pytest.fixture(scope="module")
def moves(asked: Asked) -> pa.Table:
    """All moves of the riders who are asked about."""
    with reading(asked.deployment) as connection:
        query = f"from {Move.model} where rider_id in (select unnest($riders))"
        riders = {"riders": asked.rows["rider_id"].to_pylist()}
        return connection.sql(query, params=riders).to_arrow_table()


def middle(moves: pa.Table) -> Any:
    times = sorted(moves["heard_at"].to_pylist())
    return times[len(times) // 2]


def answered(asked: Asked, since: datetime, events: pa.Table) -> pa.Table:
    riders = pc.unique(asked.rows["rider_id"].combine_chunks())
    instead = Instead(Move, "rider_id", riders, since.replace(tzinfo=UTC), events)
    return history_if(asked.deployment, "bike_choice", asked.rows, "offered_at", instead)


def test_the_same_events_are_the_same_history(asked: Asked, moves: pa.Table) -> None:
    since = middle(moves)
    later = moves.filter(pc.greater_equal(moves["heard_at"], pa.scalar(since)))
    assert 0 < len(later) < len(moves)
    assert alike(answered(asked, since, later), asked.values)


def test_what_did_not_happen_is_missing_for_its_entity_alone(asked: Asked, moves: pa.Table) -> None:
    since = middle(moves)
    found = answered(asked, since, moves.slice(0, 0))
    of_riders = [name for name in asked.names if name.startswith(("rider_rides", "rider_at"))]
    others = [
        name
        for name in asked.names
        if name.startswith(("bike_use", "station_moves", "bike_at", "station_profile"))
    ]
    assert alike(found.select(others), asked.values.select(others))
    assert not alike(found.select(of_riders), asked.values.select(of_riders))
    rides = "rider_rides.rides_30d"
    assert 0 < pc.sum(found[rides]).as_py() < pc.sum(asked.values[rides]).as_py()
