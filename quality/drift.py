"""How far a view may move from its last good run before somebody is told."""

from collections.abc import Iterator

from slate.features import Aggregated, Feature
from slate.kinds import Kind
from slate.quality.expectations import Expectation, Severity
from slate.quality.limits import Limits
from slate.quality.profiles import DEFAULTS, MEAN, NULLS, ColumnProfile, Profile, told_as_of
from slate.views import FeatureView
from slate.windows import DAY


def drift(view: type[FeatureView], previous: Profile, limits: Limits) -> Iterator[Expectation]:
    """Means and shares of nulls that are far from the last good run's.

    They are warnings, but for a share of nulls that grew by more than the view allows: what was
    known is known no more, and the view is held back.
    """
    for column, feature in view.features.items():
        if column in previous.columns:
            yield from _mean(feature, previous.columns[column], limits.mean)
            yield from _nulls(view, feature, previous, limits.nulls)


def numbers(profile: Profile) -> dict[str, float | None]:
    """What drift is measured on: each column's mean, and its share of nulls and of defaults."""
    defaults = {f"{DEFAULTS}{column}": share for column, share in profile.defaults.items()}
    return defaults | {
        name: value
        for column, item in profile.columns.items()
        for name, value in (
            (f"{MEAN}{column}", item.mean),
            (f"{NULLS}{column}", item.null_share),
        )
    }


# The least share of the values that there were in the last good run that is to be left.
_LEFT = 0.1
# A constant that is not a power of two has a deviation of a rounding error.
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
        yield _between(f"{MEAN}{feature.column}", feature, least, greatest, why)


def _nulls(
    view: type[FeatureView], feature: Feature, previous: Profile, limit: float
) -> Iterator[Expectation]:
    is_list = feature.value_type.length is not None
    if not is_list and feature.default is not None:
        return
    number = f"{NULLS}{feature.column}"
    share = previous.columns[feature.column].null_share
    is_null = f"{feature.column} is {'empty' if is_list else 'null'}"
    was = f"it was in {share:.1%} in {told_as_of(previous)}"
    least, greatest = max(0.0, share - limit), min(1.0, share + limit)
    why = f"{is_null} in {least:.0%} to {greatest:.0%} of the rows: {was}"
    yield _between(number, feature, least, greatest, why)
    most, said = most_nulls(view, feature.column, share)
    if most < 1 and not changes_with_the_hour(view, feature):
        why = f"{is_null} in {most:.0%} of the rows or fewer: {was}, and {said}"
        yield _between(number, feature, 0.0, most, why, "critical")


def most_nulls(view: type[FeatureView], column: str, share: float) -> tuple[float, str]:
    """In which share of rows a feature may have no value, if it had none in some; and who says."""
    allowed = view.gate.of(column).nulls
    said = f"the gate of {view.__name__} allows {100 * (allowed or 0):.3g} points more"
    if allowed is None:
        allowed = view.max_null_shift
        said = f"max_null_shift of {view.__name__} is {allowed:.0%}"
    # Where few have values, too few are left to grow by so many points.
    nearly_all = 1 - (1 - share) * _LEFT
    if allowed < 1 and nearly_all < share + allowed:
        return nearly_all, f"of the values that there were, {_LEFT:.0%} are to be left"
    return share + allowed, said


def changes_with_the_hour(view: type[FeatureView], feature: Feature) -> bool:
    """Whether a feature is of less than a day, and not compared all the same as its gate says."""
    window = feature.window if isinstance(feature, Aggregated) else None
    short = window is not None and window.bounded and window.length < DAY
    return short and feature.column not in view.gate.features


def _between(
    number: str,
    feature: Feature,
    least: float,
    greatest: float,
    why: str,
    severity: Severity = "warning",
) -> Expectation:
    return Expectation(
        "ExpectColumnMaxToBeBetween",
        (feature.column,),
        {"column": number, "min_value": least, "max_value": greatest},
        why,
        subject="profile",
        severity=severity,
        compared=True,
    )
