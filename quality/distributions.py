"""Distributions: how a column's values are spread, in a few counts, and how far two are apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from slate.compile.model_names import current_model
from slate.features import Attribute, Feature
from slate.kinds import Kind
from slate.privacy import is_personal
from slate.quoting import quoted_name
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb

PARTS = 20  # of a number's values, each with as many of them where they differ
MOST_CATEGORIES = 50  # a text with more is a name or a key, and changes as they come and go
# An empty part would make an index of infinity; so much is taken to be there.
_LEAST_SHARE = 0.001


@dataclass(frozen=True)
class Distribution:
    """How many of a column's values are in each part of them; nulls are in none.

    Attributes:
        bounds: the parts: numbers at most this and above the one before, or categories; a last part
            has what is in none of these.
        counts: how many values are in each part, and in the last.
    """

    bounds: tuple[float, ...] | tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def values(self) -> int:
        """How many there are."""
        return sum(self.counts)

    @property
    def numeric(self) -> bool:
        """Whether it is of numbers."""
        return not any(isinstance(bound, str) for bound in self.bounds)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each part, from 0 to 1."""
        total = max(1, self.values)
        return tuple(count / total for count in self.counts)


def distributions(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    mistyped: frozenset[str] = frozenset(),
) -> dict[str, Distribution]:
    """How numbers, truths and categories of a view's table are spread, in parts of their own.

    Times, lists and keys of entities are left out, as they move with time; and what is personal.
    """
    found = {}
    for name, feature in view.features.items():
        if name in mistyped or not comparable(feature):
            continue
        if _is_number(feature):
            values = _numbers(view, connection, feature)
            found[name] = spread(values, bounds_of(values))
        else:
            counts = _first_categories(view, connection, feature)
            if 0 < len(counts) <= MOST_CATEGORIES:
                found[name] = categories(counts, sorted(counts))
    return found


def again(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    feature: Feature,
    before: Distribution,
) -> Distribution | None:
    """A column of a view's table in the parts of an earlier distribution.

    None where it has no values that such parts could be of, or other ones.
    """
    if not comparable(feature):
        return None
    if _is_number(feature) != before.numeric:
        return None
    if before.numeric:
        return spread(_numbers(view, connection, feature), before.bounds)
    names = [str(name) for name in before.bounds]
    column, table = _column(view, feature)
    counts = connection.execute(
        f"""select if(list_contains($1, value), value, null) as value, count(*)
        from (select {column}::varchar as value from {table})
        where value is not null group by all""",
        [names],
    ).fetchall()
    return categories(dict(counts), names)


def bounds_of(values: np.ndarray) -> tuple[float, ...]:
    """Bounds between which numbers lie in equal shares, the first below and the last at all."""
    if not len(values):
        return ()
    levels = np.linspace(0, 1, PARTS + 1)
    inner = np.quantile(values, levels, method="inverted_cdf")
    with np.errstate(over="ignore"):
        # Of the least number there is, the one below is no number.
        below = max(np.nextafter(inner[0], -np.inf), -np.finfo(np.float64).max)
    return tuple(float(one) for one in np.unique([below, *inner[1:]]))


def spread(values: np.ndarray, bounds: Sequence[Any]) -> Distribution:
    """How many numbers are in each part."""
    parts = np.searchsorted(np.asarray(bounds, np.float64), values, side="left")
    counts = np.bincount(parts, minlength=len(bounds) + 1)
    return Distribution(tuple(bounds), tuple(int(count) for count in counts))


def psi(before: Distribution, now: Distribution) -> float:
    """The population stability index of two distributions over the same parts.

    The sum of ``(q - p) * ln(q / p)`` over the parts' shares, as Siddiqi has it in "Credit Risk
    Scorecards" (2006), who calls less than 0.1 no change and more than 0.25 a significant shift;
    its statistics are in Yurdakul, "Statistical Properties of Population Stability Index" (2018).
    It is Jeffreys' divergence. A part with less than a thousandth counts as one with that.
    """
    p = np.maximum(before.shares, _LEAST_SHARE)
    q = np.maximum(now.shares, _LEAST_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


def ks(before: Distribution, now: Distribution) -> float:
    """The Kolmogorov-Smirnov distance of two distributions of numbers over the same parts.

    The greatest difference of the two distribution functions (Smirnov, "Table for Estimating the
    Goodness of Fit of Empirical Distributions", 1948), looked at between parts alone: at most one
    part's share less than the distance of the values themselves.
    """
    return float(np.max(np.abs(np.cumsum(before.shares) - np.cumsum(now.shares))))


def distribution_of(found: dict[str, Any]) -> Distribution:
    """A distribution from what it is as JSON."""
    return Distribution(tuple(found["bounds"]), tuple(found["counts"]))


def comparable(feature: Feature) -> bool:
    """Whether a feature's values are compared: no times, lists or keys, and nothing personal."""
    if feature.value_type.length is not None or feature.kind is Kind.TIME:
        return False
    if is_personal(feature):
        return False
    return not (isinstance(feature, Attribute) and feature.key_of is not None)


def _is_number(feature: Feature) -> bool:
    return feature.kind in (Kind.INTEGER, Kind.FLOAT)


def _column(view: type[FeatureView], feature: Feature) -> tuple[str, str]:
    """A feature's column and its table, as SQL names them."""
    return quoted_name(feature.column), quoted_name(current_model(view))


def _numbers(
    view: type[FeatureView], connection: "duckdb.DuckDBPyConnection", feature: Feature
) -> np.ndarray:
    """A column's finite numbers."""
    column, table = _column(view, feature)
    found = connection.sql(
        f"select {column}::double as value from {table} where isfinite({column}::double)"
    ).fetchnumpy()["value"]
    return np.asarray(found, np.float64)


def _first_categories(
    view: type[FeatureView], connection: "duckdb.DuckDBPyConnection", feature: Feature
) -> dict[str, int]:
    """How often each of a column's categories is there; of too many, one more than may be."""
    column, table = _column(view, feature)
    rows = connection.sql(
        f"select {column}::varchar as value, count(*) from {table} where {column} is not null "
        f"group by all limit {MOST_CATEGORIES + 1}"
    ).fetchall()
    return dict(rows)


def categories(found: Mapping[Any, int], names: Sequence[str]) -> Distribution:
    """How many values are of each category, and in the last part of any other.

    Args:
        found: how often each value is there, of others also by whatever else stands for them.
        names: the categories.
    """
    counts = [found.get(name, 0) for name in names]
    return Distribution(tuple(names), (*counts, sum(found.values()) - sum(counts)))
