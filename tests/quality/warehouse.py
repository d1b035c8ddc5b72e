"""Good tables of the library, to be spoilt by a test."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import duckdb

from slate.compile.model_names import current_model
from slate.quality.tables import table_columns
from slate.quoting import quoted_name
from slate.views import FeatureView
from tests.quality.library import MemberBranchLoans, MemberLoans, MemberProfile

AS_OF = datetime(2026, 5, 1, 12)
TIMES = {"event_ts": AS_OF - timedelta(hours=1), "as_of": AS_OF}

# One member in four owes what nobody knows, which is as many as may be.
MEMBERS: list[dict[str, Any]] = [
    {
        "member_id": key,
        "nickname": f"member {key}" if key % 2 else None,
        "reader": "child" if key % 3 else "adult",
        "fines": None if key % 4 == 0 else key * 1.5,
        "distance": key * 0.5 if key % 5 else float("nan"),
        "books": key,
        "active": key % 2 == 0,
        "joined_at": datetime(2020, 1, key),
    }
    for key in range(1, 13)
]
LOANS: list[dict[str, Any]] = [
    {
        "member_id": key,
        "loans_1h": key,
        "loans_1d": key * 2,
        "late_1d": key % 2,
        "least_days_1d": key,
        "usual_days_1d": key + 1.5,
        "most_days_1d": key + 3.0,
        "spread_1d": 0.5,
        "last_branch": "north",
        "recent_branches": ["north"] * (key % 4),
        "recent_days": [key + 0.5, 1.0],
    }
    for key in range(1, 11)
] + [
    {"member_id": 11, "loans_1h": 0, "loans_1d": 0, "late_1d": 0, "last_branch": "south",
     "recent_branches": [], "recent_days": []},
]  # fmt: skip
PAIRS: list[dict[str, Any]] = [
    {"member_id": key, "branch_id": branch, "loans_1h": 0, "loans_1d": 3}
    for key in range(1, 5)
    for branch in ("north", "south")
]
GOOD = {MemberProfile: MEMBERS, MemberLoans: LOANS, MemberBranchLoans: PAIRS}


def write(
    connection: duckdb.DuckDBPyConnection,
    view: type[FeatureView],
    rows: Iterable[dict[str, Any]],
) -> None:
    """Make a view's table; what a row does not say of its times is as usual, of the rest null."""
    columns = table_columns(view)
    declared = ", ".join(f"{quoted_name(name)} {type_.sql}" for name, type_ in columns.items())
    connection.execute(f"create table {current_model(view)} ({declared})")
    values = [[{**TIMES, **row}.get(name) for name in columns] for row in rows]
    marks = ", ".join("?" for _ in columns)
    if values:
        connection.executemany(f"insert into {current_model(view)} values ({marks})", values)
