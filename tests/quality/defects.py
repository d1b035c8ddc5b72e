"""What can be wrong with a table, one thing at a time."""

from typing import Any, NamedTuple

from slate.views import FeatureView
from tests.quality.library import MemberBranchLoans, MemberLoans, MemberProfile

TYPE = "ExpectColumnTypeToBe"
NOT_NULL = "ExpectColumnValuesToNotBeNull"
BETWEEN = "ExpectColumnValuesToBeBetween"
ORDER = "ExpectColumnPairValuesAToBeGreaterThanB"
IN_SET = "ExpectColumnValuesToBeInSet"


class Defect(NamedTuple):
    """A way to spoil a good table.

    Attributes:
        view: whose table it is.
        spoil: the SQL that spoils it.
        kind: the expectation that is then not met.
        columns: what that looks at.
        keys: the keys that it tells.
    """

    view: type[FeatureView]
    spoil: str
    kind: str
    columns: str
    keys: list[Any]


DEFECTS: dict[str, Defect] = {
    "unique": Defect(
        MemberProfile, "insert into {t} select * from {t} where member_id = 5",
        "ExpectColumnValuesToBeUnique", "member_id", [5, 5],
    ),
    "unique pair": Defect(
        MemberBranchLoans, "update {t} set branch_id = 'north' where member_id = 3",
        "ExpectCompoundColumnsToBeUnique", "member_id branch_id", [(3, "north"), (3, "north")],
    ),
    "key": Defect(
        MemberBranchLoans,
        "update {t} set branch_id = null where branch_id = 'north' and member_id = 3",
        NOT_NULL, "branch_id", [(3, None)],
    ),
    "whole number": Defect(
        MemberProfile, "update {t} set books = null where member_id = 7", NOT_NULL, "books", [7],
    ),
    "truth": Defect(
        MemberProfile, "update {t} set active = null where member_id > 10",
        NOT_NULL, "active", [11, 12],
    ),
    "default": Defect(
        MemberProfile, 'update {t} set reader = null where member_id = 7', NOT_NULL, "reader", [7],
    ),
    "event time": Defect(
        MemberLoans, "update {t} set event_ts = null where member_id = 2",
        NOT_NULL, "event_ts", [2],
    ),
    "null share": Defect(
        MemberProfile, "update {t} set fines = null where member_id = 7",
        NOT_NULL, "fines", [4, 7, 8, 12],
    ),
    "least": Defect(
        MemberProfile, "update {t} set fines = -0.5 where member_id = 7", BETWEEN, "fines", [7],
    ),
    "greatest": Defect(
        MemberProfile, "update {t} set books = 41 where member_id = 7", BETWEEN, "books", [7],
    ),
    "least time": Defect(
        MemberProfile,
        "update {t} set joined_at = '2019-12-31 23:59:59.999999' where member_id = 7",
        BETWEEN, "joined_at", [7],
    ),
    "infinite": Defect(
        MemberProfile, "update {t} set distance = '-inf' where member_id = 7",
        BETWEEN, "distance", [7],
    ),
    "infinite, bounded": Defect(
        MemberProfile, "update {t} set fines = 'inf' where member_id = 7", BETWEEN, "fines", [7],
    ),
    "one of": Defect(
        MemberProfile, "update {t} set reader = 'cat' where member_id = 7", IN_SET, "reader", [7],
    ),
    "count": Defect(
        MemberLoans, "update {t} set late_1d = -1 where member_id = 7", BETWEEN, "late_1d", [7],
    ),
    "deviation": Defect(
        MemberLoans, "update {t} set spread_1d = -1e-9 where member_id = 7",
        BETWEEN, "spread_1d", [7],
    ),
    "nested windows": Defect(
        MemberLoans, "update {t} set loans_1h = loans_1d + 1 where member_id in (7, 11)",
        ORDER, "loans_1h loans_1d", [7, 11],
    ),
    "min and mean": Defect(
        MemberLoans, "update {t} set usual_days_1d = least_days_1d - 0.01 where member_id = 7",
        ORDER, "least_days_1d usual_days_1d", [7],
    ),
    "mean and max": Defect(
        MemberLoans, "update {t} set most_days_1d = usual_days_1d - 0.01 where member_id = 7",
        ORDER, "usual_days_1d most_days_1d", [7],
    ),
    "future": Defect(
        MemberLoans, "update {t} set event_ts = as_of + interval 1 microsecond where member_id = 7",
        ORDER, "event_ts as_of", [7],
    ),
    "as of": Defect(
        MemberLoans, "update {t} set as_of = as_of - interval 1 minute where member_id = 7",
        BETWEEN, "as_of", [7],
    ),
    "list": Defect(
        MemberLoans, "update {t} set recent_branches = null where member_id = 7",
        NOT_NULL, "recent_branches", [7],
    ),
    "too long a list": Defect(
        MemberLoans, "update {t} set recent_days = [1, 2, 3] where member_id in (7, 11)",
        BETWEEN, "recent_days", [7, 11],
    ),
    "type of list": Defect(
        MemberLoans, "alter table {t} alter recent_branches type varchar",
        TYPE, "recent_branches", [],
    ),
    "type": Defect(MemberProfile, "alter table {t} alter books type integer", TYPE, "books", []),
    "type of time": Defect(
        MemberLoans, "alter table {t} alter event_ts type timestamp with time zone",
        TYPE, "event_ts", [],
    ),
    "type of key": Defect(
        MemberLoans, "alter table {t} alter member_id type varchar", TYPE, "member_id", [],
    ),
    "type of measure": Defect(
        MemberLoans, "alter table {t} alter usual_days_1d type varchar", TYPE, "usual_days_1d", [],
    ),
    "columns": Defect(
        MemberProfile, "alter table {t} add column extra integer",
        "ExpectTableColumnsToMatchSet", "", [],
    ),
}  # fmt: skip
