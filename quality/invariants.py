"""What follows from how aggregates are computed, whatever the events were."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from slate.aggregates import Measure
from slate.features import Aggregated
from slate.filters import filter_sql
from slate.kinds import Kind
from slate.quality.expectations import Expectation
from slate.quoting import quoted_name
from slate.views import FeatureView
from slate.windows import Window

# A mean is a rounded sum, divided: of equal values it can exceed their greatest by a little.
_ROUNDING = 1e-9


def invariants(view: type[FeatureView]) -> Iterator[Expectation]:
    """Expectations between the features of a windowed view; none of any other view."""
    features = [f for f in view.features.values() if isinstance(f, Aggregated)]
    yield from _growing(features)
    yield from _averages(features)


def nests(longer: Window, shorter: Window) -> bool:
    """Whether the longer window starts no later than the shorter one, whenever they are asked.

    Its tail moves in hops, so a window that is hardly longer can start later for a while. Both are
    of one view, where the smaller hop divides the larger.
    """
    return longer.length - shorter.length >= max(0, shorter.hop - longer.hop)


def order(
    lower: str, upper: str, reason: str, instead: Mapping[str, str] | None = None
) -> Expectation:
    """Where neither is null, one column is never above another.

    Args:
        lower: the column of the smaller values.
        upper: the column of the greater values.
        reason: why it must be so.
        instead: what is compared in place of a column, as SQL.
    """
    instead = instead or {}
    return Expectation(
        "ExpectColumnPairValuesAToBeGreaterThanB",
        (lower, upper),
        {
            "column_A": instead.get(upper, upper),
            "column_B": instead.get(lower, lower),
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
        f"{lower} is at most {upper}: {reason}",
        computed=tuple(instead.values()),
    )


def in_microseconds(*columns: str) -> dict[str, str]:
    """Times as whole numbers, which Great Expectations compares in pairs without a zone."""
    return {column: f"epoch_us({quoted_name(column)})" for column in columns}


def _growing(features: list[Aggregated]) -> Iterator[Expectation]:
    growing = sorted(
        ((f, f.window) for f in features if f.measure.function.grows and f.window is not None),
        key=lambda pair: pair[1].length,
    )
    for shorter, window in growing:
        longer = (
            f for f, w in growing
            if f.measure is shorter.measure and w.length > window.length and nests(w, window)
        )  # fmt: skip
        nearest = next(longer, None)
        if nearest is not None:
            yield order(shorter.column, nearest.column, "the longer window holds the shorter one")


def _averages(features: list[Aggregated]) -> Iterator[Expectation]:
    groups: dict[object, dict[int, Aggregated]] = {}
    for feature in features:
        rank = feature.measure.function.rank
        if rank is not None:
            # With defaults of their own, an empty window's values need not be in order.
            values = (*_values(feature.measure), feature.window, feature.default)
            groups.setdefault(values, {})[rank] = feature
    for group in groups.values():
        for lower, upper in pairwise(group[rank] for rank in sorted(group)):
            yield order(
                lower.column,
                upper.column,
                "they are the least, mean and greatest of the same values",
                _rounded(lower, "-") | _rounded(upper, "+")
                if lower.kind is not Kind.TIME
                else in_microseconds(lower.column, upper.column),
            )


def _rounded(feature: Aggregated, sign: str) -> dict[str, str]:
    """A mean, with room for its rounding."""
    if not feature.measure.function.rounded:
        return {}
    name = quoted_name(feature.column)
    return {feature.column: f"{name} {sign} {_ROUNDING} * abs({name})"}


def _values(measure: Measure) -> tuple[str | None, str]:
    """Which values a measure is of: their column and filter."""
    where = "" if measure.where is None else filter_sql(measure.name, measure.where)
    return measure.column, where
