"""Profiles: a table in a few numbers."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from slate.compile.model_names import current_model
from slate.features import Feature
from slate.fingerprints import fingerprint
from slate.kinds import Kind
from slate.privacy import is_personal
from slate.quality.distributions import Distribution, distribution_of, distributions
from slate.quality.json_values import json_value
from slate.quality.tables import AS_OF, length_of
from slate.quoting import literal, quoted_name
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb

# A deviation is made of squares, and those of greater numbers are not finite.
_GREATEST = 1e150

# What the numbers that checks and reports have of a profile are called, before a column's name.
MEAN, NULLS, DEFAULTS, PSI, KS = "mean of ", "nulls of ", "defaults of ", "psi of ", "ks of "
# Those that are shares of its rows.
SHARES = (NULLS, DEFAULTS)


@dataclass(frozen=True)
class ColumnProfile:
    """A column in a few numbers; of lists, an empty one has no value, others their length.

    Attributes:
        null_share: the share of rows without a value, from 0 to 1.
        mean: of a number; of a truth, the share of true ones.
        std: the population's standard deviation of a number.
        min: the least number, or time as an ISO string.
        max: the greatest number, or time as an ISO string.
    """

    null_share: float
    mean: float | None = None
    std: float | None = None
    min: float | str | None = None
    max: float | str | None = None


@dataclass(frozen=True)
class Profile:
    """A view's table in a few numbers.

    Attributes:
        view: the view's name.
        definition: the fingerprint of its definition; profiles of two definitions do not compare.
        as_of: the instant that the table was built as of, as an ISO string; None if it is empty.
        rows: how many rows it has.
        columns: each feature's column.
        defaults: of features with a default, the share of rows that have it.
        distributions: how the values of those are spread that can be compared.
    """

    view: str
    definition: str
    as_of: str | None
    rows: int
    columns: dict[str, ColumnProfile]
    defaults: dict[str, float] = field(default_factory=dict)
    distributions: dict[str, Distribution] = field(default_factory=dict)


def measure(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    mistyped: frozenset[str] = frozenset(),
) -> Profile:
    """The profile of a view's table.

    Args:
        view: the view.
        connection: to the warehouse.
        mistyped: columns of another type than declared, which are left out.
    """
    columns = [
        f"{literal(name)}: {_measured(feature)}"
        for name, feature in view.features.items()
        if name not in mistyped
    ]
    as_of = "null" if AS_OF in mistyped else f"max({AS_OF})"
    struct = "{" + ", ".join(columns) + "}" if columns else "null"
    defaults = [
        f"{literal(name)}: coalesce(avg(({quoted_name(name)} = "
        f"{literal(feature.default)})::int), 0)"
        for name, feature in view.features.items()
        if name not in mistyped
        and feature.default is not None
        and feature.value_type.length is None
    ]
    having = "{" + ", ".join(defaults) + "}" if defaults else "null"
    query = (
        f"select count(*) as rows, {as_of} as as_of, {struct} as columns, {having} as defaults "
        f"from {quoted_name(current_model(view))}"
    )
    (found,) = json_value(connection.sql(query).to_arrow_table().to_pylist())
    found["defaults"] = found["defaults"] or {}
    for name, feature in view.features.items():
        if is_personal(feature) and name in (found["columns"] or {}):
            # The least and the greatest value are somebody's.
            found["columns"][name].update(min=None, max=None)
    profile = profile_of({"view": view.name, "definition": fingerprint(view), **found})
    return replace(profile, distributions=distributions(view, connection, mistyped))


def profile_of(found: dict[str, Any]) -> Profile:
    """A profile from what it is as JSON."""
    columns, spread = found["columns"] or {}, found.get("distributions", {})
    parts = {
        "columns": {name: ColumnProfile(**item) for name, item in columns.items()},
        "distributions": {name: distribution_of(item) for name, item in spread.items()},
    }
    return Profile(**{**found, **parts})


def told_as_of(profile: Profile) -> str:
    """Which run a profile is of, in words."""
    return f"the last good run, of {(profile.as_of or '')[:16].replace('T', ' ')}"


def _measured(feature: Feature) -> str:
    """A feature's profile as a SQL struct."""
    if feature.value_type.length is not None:
        return _numbers(f"nullif({length_of(feature.column)}, 0)", Kind.INTEGER)
    return _numbers(quoted_name(feature.column), feature.kind)


def _numbers(column: str, kind: Kind) -> str:
    null = f"{column} is null" + (f" or isnan({column})" if kind is Kind.FLOAT else "")
    terms = {"null_share": f"coalesce(avg(({null})::int), 0)"}
    if kind is Kind.BOOLEAN:
        terms["mean"] = f"avg({column}::int)"
    elif kind in (Kind.INTEGER, Kind.FLOAT):
        functions = {"mean": "avg", "std": "stddev_pop", "min": "min", "max": "max"}
        measured = f"({column}) filter ({column} between -{_GREATEST} and {_GREATEST})"
        terms |= {name: f"{function}{measured}" for name, function in functions.items()}
    elif kind is Kind.TIME:
        terms |= {name: f"{name}({column})" for name in ("min", "max")}
    return "{" + ", ".join(f"'{name}': {sql}" for name, sql in terms.items()) + "}"
