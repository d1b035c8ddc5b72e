"""Tables that are not there, lack something or are empty are told of in words."""

from pathlib import Path

import duckdb
import pytest

from slate.errors import DataError
from slate.quality.failures import failing_rows
from slate.quality.page import page
from slate.quality.validations import validate
from tests.quality.library import MemberBranchLoans, MemberLoans, MemberProfile
from tests.quality.warehouse import AS_OF, write


def test_no_table() -> None:
    with (
        duckdb.connect() as connection,
        pytest.raises(DataError, match=r"no table 'member_loans_current': build .*slate compile"),
    ):
        validate(MemberLoans, connection)


def test_no_column(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("alter table member_loans_current drop loans_1d")
    warehouse.execute("alter table member_loans_current drop last_branch")
    message = "member_loans_current lacks the columns loans_1d, last_branch of MemberLoans"
    with pytest.raises(DataError, match=f"{message}.*`slate compile` and build"):
        validate(MemberLoans, warehouse)


def test_no_row(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Nothing may have happened yet; but what was there does not go away."""
    before = validate(MemberLoans, warehouse, as_of=AS_OF)
    with duckdb.connect() as connection:
        write(connection, MemberLoans, [])
        first = validate(MemberLoans, connection, as_of=AS_OF)
        again = validate(MemberLoans, connection, as_of=AS_OF, previous=first.profile)
        gone = validate(MemberLoans, connection, as_of=AS_OF, previous=before.profile)
    assert first.success
    assert again.success
    assert first.profile.rows == 0
    assert "there are 6 rows or more" in {one.expectation.why[:24] for one in gone.failed}
    assert not gone.success
    then = validate(MemberLoans, warehouse, as_of=AS_OF, previous=first.profile)
    assert then.success


def test_every_column_of_another_type() -> None:
    with duckdb.connect() as connection:
        write(connection, MemberBranchLoans, [{"member_id": 1, "branch_id": "a"}])
        for column in ("member_id", "branch_id", "event_ts", "as_of", "loans_1h", "loans_1d"):
            connection.execute(
                f"alter table member_branch_loans_current alter {column} type blob using 'a'::blob"
            )
        validation = validate(MemberBranchLoans, connection)
        assert len(validation.failed) == 6
        assert failing_rows(MemberBranchLoans, connection, validation).num_rows == 0
    assert "member_id is a bigint" in page(validation)


def test_a_warehouse_file_that_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        write(connection, MemberBranchLoans, [])
    with duckdb.connect(path, read_only=True) as connection:
        assert validate(MemberBranchLoans, connection).success


def test_failing_rows_are_whole_and_say_why(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("update member_profile_current set fines = -1 where member_id in (3, 7)")
    warehouse.execute("update member_profile_current set books = 99 where member_id = 7")
    warehouse.execute("update member_profile_current set active = null where member_id = 2")
    validation = validate(MemberProfile, warehouse)
    rows = failing_rows(MemberProfile, warehouse, validation).to_pylist()
    assert [row["member_id"] for row in rows] == [3, 7, 2]
    assert rows[1]["failed_because"] == (
        "fines is at least 0 and at most 1000: as declared; books is at most 40: as declared"
    )
    assert (rows[1]["nickname"], rows[1]["fines"], rows[1]["books"]) == ("member 7", -1, 99)
    assert failing_rows(MemberProfile, warehouse, validation, limit=2).num_rows == 2


def test_failing_rows_of_a_pair_with_a_null(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute(
        "update member_branch_loans_current set branch_id = null "
        "where member_id = 3 and branch_id = 'north'"
    )
    validation = validate(MemberBranchLoans, warehouse)
    (row,) = failing_rows(MemberBranchLoans, warehouse, validation).to_pylist()
    assert (row["member_id"], row["branch_id"]) == (3, None)


def test_failing_rows_of_a_key_that_is_twice(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("update member_loans_current set member_id = 1 where member_id = 2")
    validation = validate(MemberLoans, warehouse)
    rows = failing_rows(MemberLoans, warehouse, validation).to_pylist()
    assert [row["loans_1h"] for row in rows] == [1, 2]
