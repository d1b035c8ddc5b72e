"""How far a view may move from its last good run before somebody is told."""

from collections.abc import Iterator

import pyarrow as pa

from quality.expectations import Expectation
from quality.limits import Limits
from quality.profiles import ColumnProfile, Profile
from slate.features import Feature
from slate.kinds import Kind
from slate.views import FeatureView


def drift(view: type[FeatureView], previous: Profile, limits: Limits) -> Iterator[Expectation]:
    """Warnings for means and shares of nulls that are far from the last good run's."""
    for column, feature in view.features.items():
        if column in previous.columns:
            yield from _mean(feature, previous.columns[column], limits.mean)
            yield from _nulls(feature, previous.columns[column], limits.nulls)


def numbers(profile: Profile) -> pa.Table:
    """What drift is measured on: a row of each column's mean and share of nulls."""
    found = {
        name: value
        for column, item in profile.columns.items()
        for name, value in (
            (f"mean of {column}", item.mean),
            (f"nulls of {column}", item.null_share),
        )
    }
    return pa.table({name: pa.array([value], pa.float64()) for name, value in found.items()})


# A constant that is no power of two has a deviation of a rounding error.
_ROUNDING = 1e-9


def _mean(feature: Feature, before: ColumnProfile, limit: float) -> Iterator[Expectation]:
    is_list = feature.value_type.length is not None
    if before.mean is None or not (is_list or feature.kind in (Kind.INTEGER, Kind.FLOAT)):
        return
    size, std = abs(before.mean), before.std or 0.0
    # A column that was zero everywhere says nothing of how far it may move.
    if far := limit * (std if std > _ROUNDING * size else size):
        least, greatest = before.mean - far, before.mean + far
        why = (
            f"the mean {'length ' if is_list else ''}of {feature.column} is from {least:.6g} "
            f"to {greatest:.6g}: "
            f"it was {before.mean:.6g} in the last good run"
        )
        yield _between(f"mean of {feature.column}", feature, least, greatest, why)


def _nulls(feature: Feature, before: ColumnProfile, limit: float) -> Iterator[Expectation]:
    is_list = feature.value_type.length is not None
    if is_list or feature.default is None:
        least, greatest = max(0.0, before.null_share - limit), min(1.0, before.null_share + limit)
        why = (
            f"{feature.column} is {'empty' if is_list else 'null'} in {least:.0%} to "
            f"{greatest:.0%} of the rows: it was in {before.null_share:.1%} in the last good run"
        )
        yield _between(f"nulls of {feature.column}", feature, least, greatest, why)


def _between(number: str, feature: Feature, least: float, greatest: float, why: str) -> Expectation:
    return Expectation(
        "ExpectColumnMaxToBeBetween",
        (feature.column,),
        {"column": number, "min_value": least, "max_value": greatest},
        why,
        subject="profile",
        severity="warning",
    )
