"""A manifest says in numbers what a column holds, and is read as it was written."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slate.assets.column_statistics import Statistics
from slate.assets.manifests import Manifest, Origin, load_manifest
from slate.assets.training_sets import write_training_set
from slate.errors import DataError
from slate.kinds import Kind
from slate.plans import Plan
from tests.training import delivery

VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: st.text(max_size=3),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.FLOAT: st.floats(-1e9, 1e9) | st.sampled_from([math.inf, -math.inf]),
    Kind.BOOLEAN: st.booleans(),
    Kind.TIME: st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
        lambda value: value.replace(tzinfo=UTC)
    ),
}
PARTS = st.sampled_from(list(Kind)).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.lists(st.lists(st.none() | VALUES[kind], max_size=5), max_size=4)
    )
)


@given(PARTS)
def test_statistics_of_parts_are_those_of_the_whole(drawn: tuple[Kind, list[list[Any]]]) -> None:
    kind, parts = drawn
    got = Statistics.merged(Statistics.of(kind, pa.array(part, kind.arrow)) for part in parts)
    values = [value for part in parts for value in part if value is not None]
    finite = [value for value in values if kind is not Kind.FLOAT or math.isfinite(value)]
    bounded = finite and kind in (Kind.INTEGER, Kind.FLOAT, Kind.TIME)
    assert got.count == len(values)
    assert got.nulls == sum(map(len, parts)) - len(values)
    assert got.infinite == len(values) - len(finite)
    assert got.least == (min(finite) if bounded else None)
    assert got.greatest == (max(finite) if bounded else None)
    if finite and kind in (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN):
        scale = max(abs(float(value)) for value in finite)
        assert got.mean == pytest.approx(fmean(finite), rel=1e-12, abs=1e-12 * scale)
    else:
        assert got.mean is None


def test_statistics_of_lists_are_those_of_the_values_in_them() -> None:
    parts = [[[1.5, 0.5], []], [[4.0]], [[]], [None, [2.0, math.inf]]]
    got = Statistics.merged(
        Statistics.of(Kind.FLOAT, pa.array(part, pa.list_(pa.float64()))) for part in parts
    )
    assert got == Statistics(5, 3, 1, 0.5, 4.0, 2.0)
    texts = pa.array([["a", "b"], []], pa.list_(pa.string()))
    assert Statistics.of(Kind.STRING, texts) == Statistics(2, 1)


def test_json_and_back(warehouse: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> None:
    manifest = write_training_set(warehouse, plan, folder).manifest
    assert Manifest.from_json(manifest.to_json()) == manifest
    kinds = {type(numbers.least) for numbers in manifest.statistics.values()}
    assert kinds == {type(None), int, float, datetime}
    # Exact also where a float is not.
    assert manifest.statistics["courier_trips.trips_1d"].least == 2**53 + 1


def test_of_which_build_a_set_is_goes_with_it(
    warehouse: duckdb.DuckDBPyConnection, plan: Plan, folder: Path
) -> None:
    build = datetime(2026, 3, 4, 12, 0, 0, 1)
    manifest = write_training_set(warehouse, plan, folder, build=build).manifest
    assert Manifest.from_json(manifest.to_json()).build == manifest.build == build
    # A set of before that was kept is read, and its build is not known.
    older = {k: v for k, v in json.loads(manifest.to_json()).items() if k != "build"}
    assert Manifest.from_json(json.dumps(older)) == replace(manifest, build=None)


def test_json_is_readable_without_this_package(
    warehouse: duckdb.DuckDBPyConnection, plan: Plan, folder: Path
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    path = write_training_set(warehouse, plan, folder).path
    raw = json.loads((path / "_manifest.json").read_text(), parse_constant=refuse)
    assert raw["rows"] == 33
    assert raw["first"] == "2026-03-01T00:00:00+00:00"
    assert raw["origin"]["columns"][:2] == [
        {"name": "offer_id", "kind": "str", "length": None},
        {"name": "offered_at", "kind": "datetime", "length": None},
    ]
    assert {"name": "courier_trips.recent", "kind": "float", "length": 3} in (
        raw["origin"]["columns"]
    )
    assert raw["origin"]["features"] == [feature.name for feature in plan.service.features]
    assert raw["statistics"]["offer_request.share"]["infinite"] > 0
    assert [day["day"] for day in raw["days"]] == ["2026-03-01", "2026-03-02", "2026-03-03"]


def test_origin_names_every_definition_that_counts(plan: Plan) -> None:
    origin = Origin.of(plan)
    assert origin.definitions.keys() == {
        "courier_profile",
        "depot_profile",
        "courier_trips",
        "offer_request",
        "offer_outlook",
    }
    other = Origin.of(delivery.plan(6))
    changed = {n for n, digest in other.definitions.items() if digest != origin.definitions[n]}
    assert changed == {"offer_request", "offer_outlook"}
    assert Origin.of(delivery.plan(5, 2)) == replace(origin, version=2)


def test_no_training_set(folder: Path) -> None:
    with pytest.raises(DataError, match="holds no training set"):
        load_manifest(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"origin": {}}'])
def test_what_is_no_manifest_is_said(
    warehouse: duckdb.DuckDBPyConnection, plan: Plan, folder: Path, text: str
) -> None:
    path = write_training_set(warehouse, plan, folder).path
    (path / "_manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"is not a manifest .* remove"):
        write_training_set(warehouse, plan, folder, [])
    (folder / "current").unlink()
    write_training_set(warehouse, plan, folder, [])
    assert load_manifest(folder).rows == 33


def test_times_of_another_zone_are_the_same_instants() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(microseconds=1)
    column = pa.array([at], pa.timestamp("us", tz="UTC"))
    assert Statistics.of(Kind.TIME, column).least == at
