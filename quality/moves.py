"""Moves: how far a view's values are from those of its last good run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slate.features import Aggregated, Feature
from slate.quality.distributions import Distribution, again, ks, psi
from slate.quality.drift import changes_with_the_hour, most_nulls
from slate.quality.expectations import Expectation, Severity
from slate.quality.profiles import DEFAULTS, KS, PSI, Profile, told_as_of
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb

# What the literature calls a significant shift.
SIGNIFICANT = 0.25


@dataclass(frozen=True)
class Move:
    """How a feature's values moved.

    Attributes:
        column: the feature's column.
        before: how they were spread in the last good run.
        now: how they are, over the same parts.
        psi: the population stability index.
        ks: the Kolmogorov-Smirnov distance; None of categories.
    """

    column: str
    before: Distribution
    now: Distribution
    psi: float
    ks: float | None


def moves(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    previous: Profile,
    known_since: datetime | None = None,
    mistyped: frozenset[str] = frozenset(),
) -> dict[str, Move]:
    """How far features moved that can be compared, by column.

    Args:
        view: the view.
        connection: to the warehouse.
        previous: the profile of the last good run.
        known_since: when the first of the source's events arrived, in UTC.
        mistyped: columns of another type than declared, which are left out.
    """
    found = {}
    for column, before in previous.distributions.items():
        feature = view.features[column]
        if (
            column in mistyped
            or before.values < max(1, view.gate.least_rows)
            or not settled(view, feature, previous, known_since)
        ):
            continue
        now = again(view, connection, feature, before)
        if now is not None and now.values >= max(1, view.gate.least_rows):
            distance = ks(before, now) if before.numeric else None
            found[column] = Move(column, before, now, psi(before, now), distance)
    return found


def settled(
    view: type[FeatureView], feature: Feature, previous: Profile, known_since: datetime | None
) -> bool:
    """Whether a feature's values were not still growing, and do not change with the hour."""
    if not isinstance(feature, Aggregated):
        return True
    window = feature.window
    if window is None or not window.bounded:
        return feature.column in view.gate.features
    if known_since is None or previous.as_of is None or changes_with_the_hour(view, feature):
        return False
    began = datetime.fromisoformat(previous.as_of) - timedelta(microseconds=window.length)
    return known_since.replace(tzinfo=None) <= began


def move_expectations(
    view: type[FeatureView], found: dict[str, Move], previous: Profile
) -> Iterator[Expectation]:
    """What must hold of moves: no further than the view's gate allows."""
    for column, move in found.items():
        allowed, was = view.gate.of(column), f"as in {told_as_of(previous)}"
        of = f"the gate of {view.__name__} allows"
        if allowed.psi is not None:
            index = "a population stability index of"
            why = f"{column} is spread {was}: {index} {allowed.psi:.4g} or less, as {of}"
            yield _at_most(f"{PSI}{column}", column, allowed.psi, why)
            if allowed.psi > SIGNIFICANT:
                why = f"{column} is spread {was}: {index} {SIGNIFICANT} or less"
                yield _at_most(f"{PSI}{column}", column, SIGNIFICANT, why, "warning")
        if allowed.ks is not None and move.ks is not None:
            why = (
                f"{column} is spread {was}: a Kolmogorov-Smirnov distance of {allowed.ks:.4g} or "
                f"less, as {of}"
            )
            yield _at_most(f"{KS}{column}", column, allowed.ks, why)


def default_expectations(
    view: type[FeatureView],
    profile: Profile,
    previous: Profile,
    known_since: datetime | None = None,
) -> Iterator[Expectation]:
    """No feature fell back to its default in many more rows than before."""
    if min(profile.rows, previous.rows) < view.gate.least_rows:
        return
    for column, share in previous.defaults.items():
        feature = view.features[column]
        most, said = most_nulls(view, column, share)
        if most < 1 and settled(view, feature, previous, known_since):
            why = (
                f"{column} is {feature.default!r}, its default, in {most:.0%} of the rows or "
                f"fewer: it was in {share:.1%} in {told_as_of(previous)}, and {said}"
            )
            yield _at_most(f"{DEFAULTS}{column}", column, most, why)


def move_numbers(found: dict[str, Move]) -> dict[str, float | None]:
    """What this is measured on."""
    return {
        name: value
        for column, move in found.items()
        for name, value in ((f"{PSI}{column}", move.psi), (f"{KS}{column}", move.ks))
    }


def _at_most(
    number: str, column: str, most: float, why: str, severity: Severity = "critical"
) -> Expectation:
    return Expectation(
        "ExpectColumnMaxToBeBetween",
        (column,),
        {"column": number, "max_value": most},
        why,
        subject="profile",
        severity=severity,
        compared=True,
    )
