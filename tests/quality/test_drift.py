"""A run is compared with the last good one: warned of what moved, held back when rows are lost."""

import json
import math
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slate.errors import DataError
from slate.gates import Allowed, Gate
from slate.quality import last_good_profiles
from slate.quality.limits import Limits
from slate.quality.profiles import Profile, measure
from slate.quality.reports import summary
from slate.quality.suites import suite
from slate.quality.validations import validate
from slate.windows import window
from tests.depth import either
from tests.quality.library import MemberLoans, MemberProfile
from tests.quality.warehouse import LOANS, write


@pytest.fixture
def previous(warehouse: duckdb.DuckDBPyConnection) -> Profile:
    return validate(MemberLoans, warehouse).profile


def test_a_mean_that_moved_is_a_warning(
    warehouse: duckdb.DuckDBPyConnection, previous: Profile
) -> None:
    warehouse.execute("update member_loans_current set loans_1d = loans_1d + 100")
    validation = validate(MemberLoans, warehouse, previous=previous)
    (failed,) = validation.failed
    assert validation.success
    assert failed.expectation.severity == "warning"
    assert failed.expectation.columns == ("loans_1d",)
    assert failed.observed == pytest.approx(110)


@pytest.mark.parametrize(("nulls", "success"), [(4, True), (6, True), (7, False), (11, False)])
def test_a_column_that_is_null_more_often_than_allowed_holds_the_view_back(
    nulls: int, success: bool, warehouse: duckdb.DuckDBPyConnection, previous: Profile
) -> None:
    """One row of eleven was null in the last good run, and half of the rows more may be."""
    null(warehouse, nulls)
    validation = validate(MemberLoans, warehouse, previous=previous)
    assert validation.success == success
    told = [
        f.expectation.why.split(":")[0] for f in validation.failed if "null" in f.expectation.why
    ]
    assert told == [
        *([] if success else ["spread_1d is null in 59% of the rows or fewer"]),
        "spread_1d is null in 0% to 29% of the rows",
    ]
    if nulls == 11:
        first, meant, _ = summary(validation, "member_loans", 5)
        assert first.endswith("max_null_shift of MemberLoans is 50%; found 100% of 11")
        assert meant == "if that is meant: `slate accept member_loans --because '...'`"


def null(warehouse: duckdb.DuckDBPyConnection, rows: int) -> None:
    """So many rows have no spread, the one that never had one among them."""
    warehouse.execute(
        f"update member_loans_current set spread_1d = null where member_id > {11 - rows}"
    )


def test_a_definition_says_how_many_nulls_more_there_may_be(
    warehouse: duckdb.DuckDBPyConnection, previous: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    null(warehouse, 7)
    for allowed, success in ((0.6, True), (0.5, False), (0.0, False), (1.0, True)):
        monkeypatch.setattr(MemberLoans, "max_null_shift", allowed)
        assert validate(MemberLoans, warehouse, previous=previous).success == success


@pytest.mark.parametrize(("left", "success"), [(3, True), (1, True), (0, False)])
def test_what_few_rows_had_is_not_to_be_lost(
    left: int, success: bool, warehouse: duckdb.DuckDBPyConnection
) -> None:
    """Where three of eleven had a value, no share of nulls is half of the rows more."""
    null(warehouse, 8)
    previous = validate(MemberLoans, warehouse).profile
    null(warehouse, 11 - left)
    validation = validate(MemberLoans, warehouse, previous=previous)
    assert validation.success == success
    told = [f.expectation.why for f in validation.failed if f.expectation.severity == "critical"]
    assert [why.partition(", and ")[2] for why in told] == [
        *([] if success else ["of the values that there were, 10% are to be left"])
    ]


def test_a_window_of_hours_that_goes_null_is_a_warning(
    warehouse: duckdb.DuckDBPyConnection, previous: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a quiet hour it has nothing to be the mean of, unless the gate says that it has."""
    monkeypatch.setattr(MemberLoans.features["spread_1d"], "window", window("6h", "over"))
    null(warehouse, 11)
    assert validate(MemberLoans, warehouse, previous=previous).success
    monkeypatch.setattr(MemberLoans, "gate", Gate(features={"spread_1d": Allowed()}))
    assert not validate(MemberLoans, warehouse, previous=previous).success


def test_fewer_nulls_are_never_held_back(warehouse: duckdb.DuckDBPyConnection) -> None:
    null(warehouse, 11)
    previous = validate(MemberLoans, warehouse).profile
    warehouse.execute("update member_loans_current set spread_1d = 0.5")
    validation = validate(MemberLoans, warehouse, previous=previous)
    assert validation.success
    assert len(validation.failed) == 1


def test_lists_that_are_shorter_or_empty_are_a_warning(
    warehouse: duckdb.DuckDBPyConnection, previous: Profile
) -> None:
    assert previous.columns["recent_branches"].null_share == 3 / 11
    assert previous.columns["recent_branches"].mean == 15 / 8
    warehouse.execute("update member_loans_current set recent_branches = recent_branches[:1]")
    warehouse.execute("update member_loans_current set recent_days = [] where member_id <= 5")
    validation = validate(MemberLoans, warehouse, previous=previous)
    assert validation.success
    assert [f.expectation.why.split(":")[0] for f in validation.failed] == [
        "the mean length of recent_branches is from 1.48469 to 2.26531",
        "recent_days is empty in 0% to 29% of the rows",
    ]
    warehouse.execute("update member_loans_current set recent_days = []")
    assert not validate(MemberLoans, warehouse, previous=previous).success


def test_critical_failures_come_first(
    warehouse: duckdb.DuckDBPyConnection, previous: Profile
) -> None:
    warehouse.execute("update member_loans_current set loans_1d = -100")
    validation = validate(MemberLoans, warehouse, previous=previous)
    severities = [failed.expectation.severity for failed in validation.failed]
    assert severities == ["critical", "critical", "warning"]
    assert not validation.success


@pytest.mark.parametrize(("kept", "success"), [(6, True), (5, False)])
def test_rows_must_not_be_lost(
    kept: int, success: bool, warehouse: duckdb.DuckDBPyConnection, previous: Profile
) -> None:
    assert previous.rows == 11
    warehouse.execute(f"delete from member_loans_current where member_id > {kept}")
    generous = Limits(mean=100, nulls=1)
    validation = validate(MemberLoans, warehouse, previous=previous, limits=generous)
    assert validation.success == success
    assert [f.observed for f in validation.failed] == ([] if success else [kept])


def test_how_much_may_be_lost_can_be_said(
    warehouse: duckdb.DuckDBPyConnection, previous: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.execute("delete from member_loans_current where member_id = 1")
    monkeypatch.setattr(MemberLoans, "gate", Gate(fewer_rows=0))
    assert not validate(MemberLoans, warehouse, previous=previous).success


def test_another_definition_is_not_compared(previous: Profile) -> None:
    assert len(suite(MemberLoans, previous=previous)) > len(suite(MemberLoans))
    other = replace(previous, definition="0123456789ab")
    assert suite(MemberLoans, previous=other) == suite(MemberLoans)


def test_the_profile_of_a_good_run_is_kept(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    assert last_good_profiles.load(reports, MemberLoans) is None
    good = validate(MemberLoans, warehouse)
    assert last_good_profiles.save(reports, good)
    assert last_good_profiles.load(reports, MemberLoans) == good.profile
    warehouse.execute("update member_loans_current set late_1d = -1")
    assert not last_good_profiles.save(reports, validate(MemberLoans, warehouse))
    assert last_good_profiles.load(reports, MemberLoans) == good.profile
    names = sorted(path.name for path in reports.iterdir())
    assert names == ["member_loans.profile.json", "member_loans.profiles"]


def test_who_goes_back_is_compared_with_what_was(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    good = validate(MemberLoans, warehouse)
    of = [replace(good.profile, as_of=f"2026-03-{day}T12:00:00", rows=day) for day in (10, 11, 12)]
    for profile in of:
        last_good_profiles.save(tmp_path, replace(good, profile=profile), 2)
    assert last_good_profiles.load(tmp_path, MemberLoans) == of[2]
    live = [(MemberLoans.name, datetime(2026, 3, day, 12, tzinfo=UTC)) for day in (10, 11)]
    assert last_good_profiles.go_back(tmp_path, live[1:]) == []
    assert last_good_profiles.load(tmp_path, MemberLoans) == of[1]
    # Two are kept.
    assert last_good_profiles.go_back(tmp_path, live[:1]) == [MemberLoans.name]
    assert last_good_profiles.load(tmp_path, MemberLoans) == of[1]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"columns": {}}', '{"columns": {"a": {}}}'])
def test_a_spoilt_profile_says_what_to_do(text: str, tmp_path: Path) -> None:
    path = tmp_path / "member_loans.profile.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"member_loans\.profile\.json holds no profile.*delete it"):
        last_good_profiles.load(tmp_path, MemberLoans)


def test_a_profile_of_every_kind(warehouse: duckdb.DuckDBPyConnection) -> None:
    profile = measure(MemberProfile, warehouse)
    assert (profile.rows, profile.as_of) == (12, "2026-05-01T12:00:00")
    assert asdict(profile)["columns"] == {
        "nickname": numbers(0.5),
        "reader": numbers(0.0),
        "fines": numbers(0.25, [k * 1.5 for k in range(1, 13) if k % 4]),
        "distance": numbers(2 / 12, [k * 0.5 for k in range(1, 13) if k % 5]),
        "books": numbers(0.0, list(range(1, 13))),
        "active": {**numbers(0.0), "mean": 0.5},
        "joined_at": {
            **numbers(0.0),
            "min": "2020-01-01T00:00:00",
            "max": "2020-01-12T00:00:00",
        },
    }


def numbers(null_share: float, values: list[float] | None = None) -> dict[str, object]:
    found = None if values is None else np.array(values)
    return {
        "null_share": pytest.approx(null_share),
        "mean": None if found is None else pytest.approx(found.mean()),
        "std": None if found is None else pytest.approx(found.std()),
        "min": None if found is None else found.min(),
        "max": None if found is None else found.max(),
    }


@settings(max_examples=either(15, 50), deadline=None)
@given(st.lists(st.none() | st.floats() | st.sampled_from([math.nan, math.inf, 1e308, 0.0])))
def test_a_profile_is_json_whatever_the_values(values: list[float | None]) -> None:
    with duckdb.connect() as connection:
        rows = [{**LOANS[0], "member_id": key, "spread_1d": v} for key, v in enumerate(values)]
        write(connection, MemberLoans, rows)
        profile = measure(MemberLoans, connection)
    json.dumps(asdict(profile), allow_nan=False)
    spread = profile.columns["spread_1d"]
    present = [v for v in values if v is not None and not math.isnan(v)]
    assert round(spread.null_share * len(values)) == len(values) - len(present)
    usual = [v for v in present if abs(v) <= 1e150]
    assert (spread.min, spread.max) == ((min(usual), max(usual)) if usual else (None, None))
