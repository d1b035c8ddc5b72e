"""Each expectation is met by good tables, and names the rows that have just its defect."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import timedelta

import duckdb
import pytest

from slate.compile.model_names import current_model
from slate.quality.batches import Batch
from slate.quality.expectations import Expectation
from slate.quality.reports import failures
from slate.quality.validations import validate
from slate.views import FeatureView
from tests.quality.defects import BETWEEN, DEFECTS, NOT_NULL
from tests.quality.library import Loan, MemberLoans, MemberProfile
from tests.quality.warehouse import AS_OF, GOOD


@pytest.mark.parametrize("view", GOOD)
def test_good_tables_meet_all(
    view: type[FeatureView], warehouse: duckdb.DuckDBPyConnection
) -> None:
    validation = validate(view, warehouse, as_of=AS_OF)
    assert validation.success
    assert not validation.failed
    again = validate(view, warehouse, previous=validation.profile)
    assert len(again.results) > len(validation.results)
    assert not again.failed


@pytest.mark.parametrize("name", DEFECTS)
def test_one_defect_fails_one_expectation(name: str, warehouse: duckdb.DuckDBPyConnection) -> None:
    view, spoil, kind, columns, keys = DEFECTS[name]
    warehouse.execute(spoil.format(t=current_model(view)))
    validation = validate(view, warehouse)
    (failed,) = validation.failed
    # One key's infinite value is told, and keeps no other key from serving.
    assert validation.success == (name == "infinite")
    assert (failed.expectation.kind, " ".join(failed.expectation.columns)) == (kind, columns)
    told = [tuple(example[key] for key in validation.keys) for example in failed.examples]
    assert Counter(told) == Counter(key if isinstance(key, tuple) else (key,) for key in keys)
    assert failed.unexpected == len(keys)
    json.dumps([asdict(result)["examples"] for result in validation.results], allow_nan=False)


def test_a_defect_is_shown_with_its_values(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("update member_profile_current set distance = 'inf' where member_id = 7")
    (failed,) = validate(MemberProfile, warehouse).failed
    assert failed.examples == ({"member_id": 7, "distance": "inf"},)
    assert failed.share == 1 / 12


def test_large_keys_beside_a_null_are_told_apart(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("update member_profile_current set member_id = member_id + (1::bigint << 60)")
    warehouse.execute("update member_profile_current set member_id = null where books = 4")
    (failed,) = validate(MemberProfile, warehouse).failed
    assert failed.expectation.kind == NOT_NULL


def test_a_mean_may_be_rounded(warehouse: duckdb.DuckDBPyConnection) -> None:
    mean = (0.1 + 0.1 + 0.1) / 3
    assert mean > 0.1
    warehouse.execute(
        f"update member_loans_current set least_days_1d = 0.1, usual_days_1d = {mean!r}, "
        "most_days_1d = 0.1"
    )
    assert validate(MemberLoans, warehouse).success


def test_a_table_of_another_instant_fails(warehouse: duckdb.DuckDBPyConnection) -> None:
    validation = validate(MemberLoans, warehouse, as_of=AS_OF + timedelta(hours=1))
    (failed,) = validation.failed
    assert failed.expectation.columns == ("as_of",)
    assert failed.unexpected == len(GOOD[MemberLoans])


def test_how_old_rows_may_be_is_measured_by_the_clock(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest event is of 11:00, and the table as of 12:00."""
    monkeypatch.setattr(MemberLoans, "fresh_within_us", 7_200_000_000)
    assert validate(MemberLoans, warehouse, now=AS_OF + timedelta(hours=1)).success
    validation = validate(MemberLoans, warehouse, now=AS_OF + timedelta(hours=1, seconds=1))
    (failed,) = validation.failed
    assert failed.observed == "2026-05-01T11:00:00+00:00"
    assert not validation.success


@pytest.mark.parametrize(
    ("taken", "refused", "success"),
    [(0, 0, True), (1, 1, True), (0, 5, False), (1_000, 1_001, False)],
)
def test_a_view_is_held_back_where_most_of_what_landed_was_refused(
    taken: int, refused: int, success: bool, warehouse: duckdb.DuckDBPyConnection
) -> None:
    validation = validate(MemberLoans, warehouse, batches=[Batch(Loan, taken, refused)])
    assert validation.success == success
    if not success:
        (told,) = failures(validation)
        assert told.startswith(
            "50% or fewer of the rows of Loan that landed since the last good run"
        )
        assert "max_refused of Loan" in told


def test_a_definition_says_how_much_may_be_refused(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, success in ((0.0, False), (0.09, False), (0.1, True), (1.0, True)):
        monkeypatch.setattr(Loan, "max_refused", most)
        batches = [Batch(Loan, 9, 1)]
        assert validate(MemberLoans, warehouse, batches=batches).success == success


def test_many_failures_are_counted_and_few_shown(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute(
        "insert into member_profile_current by name "
        "select members.* replace (100 + i as member_id, -1 as fines) "
        "from member_profile_current as members, range(100) t(i) where member_id = 1"
    )
    (failed,) = (
        r for r in validate(MemberProfile, warehouse).failed if r.expectation.kind == BETWEEN
    )
    assert failed.unexpected == 100
    assert [example["member_id"] for example in failed.examples] == list(range(100, 120))


def test_what_cannot_be_evaluated_fails_with_its_reason() -> None:
    import pyarrow as pa

    from slate.quality.engine import run

    table = pa.table({"name": ["a", "b"]})
    expectation = Expectation(BETWEEN, ("name",), {"column": "name", "min_value": 1}, "")
    (outcome,) = run(table, [expectation])
    assert not outcome.success
    assert outcome.observed.startswith("cannot be evaluated: Column values, min_value")
