"""What a view's page has of each of its features."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from slate import descriptions, facts, uses
from slate.assets.catalogue_site import charts
from slate.assets.catalogue_site.known import Known
from slate.assets.catalogue_site.spreads import LEAST_VALUES, Bar, Moment, bars, moments
from slate.assets.column_statistics import Statistics
from slate.features import Feature
from slate.quality.run_reports import Finding, RunReport
from slate.registry import Registry
from slate.views import RequestFeatures

# What a fact is told by elsewhere on the page.
_TOLD = ("view", "owner", "tags", "type", "default", "definition hash", "entity", "source", "model")


@dataclass(frozen=True)
class Promise:
    """That a version of a service is locked with a feature.

    Attributes:
        service: the version.
        kept: whether the feature is what was locked.
    """

    service: str
    kept: bool


@dataclass(frozen=True)
class FeatureRow:
    """A feature, with all that is known of it.

    Attributes:
        feature: the feature.
        type, default: as they are told.
        text: what its author wrote, then what follows from the definition.
        facts: what else there is to tell, by name.
        nulls: the share of rows without a value in the newest run; None where none is known.
        defaults: the share with its default; None where it has none, or none is known.
        bars: how its values are spread in the newest run.
        why_no_bars: why they are not shown, where they are not.
        spark, runs, nulls_by_run, days: pictures; empty where there is nothing to draw.
        moved: how far it moved from the last good run; None where it was not compared.
        findings: what its checks found in the newest run.
        services: the versions of services that use it.
        promises: those that are locked with it.
    """

    feature: Feature
    type: str
    default: str
    text: str
    facts: facts.Facts
    nulls: float | None
    defaults: float | None
    bars: Sequence[Bar]
    why_no_bars: str
    spark: Markup
    runs: Markup
    nulls_by_run: Markup
    days: Markup
    moved: float | None
    findings: Sequence[Finding]
    services: Sequence[str]
    promises: Sequence[Promise]


def feature_row(registry: Registry, known: Known, feature: Feature) -> FeatureRow:
    """What there is to tell of a feature.

    Args:
        registry: the definitions.
        known: what is known besides.
        feature: the feature.
    """
    column, view = feature.column, feature.view.name
    newest, found = known.newest(view), moments(column, known.runs.get(view, ()))
    spread = newest.profile.distributions.get(column) if newest is not None else None
    shown = bars(spread) if spread is not None else []
    return FeatureRow(
        feature,
        feature.value_type.name,
        facts.default(feature),
        descriptions.of_feature(feature),
        [fact for fact in facts.of_feature(registry, feature) if fact[1] and fact[0] not in _TOLD],
        _nulls(newest, column),
        newest.profile.defaults.get(column) if newest is not None else None,
        shown,
        "" if shown else _why_not(feature, newest, found),
        charts.spark(shown),
        charts.over_runs(found),
        charts.nulls_over_runs(found),
        _by_day(known, feature),
        newest.psi.get(column) if newest is not None else None,
        [one for one in newest.findings if column in one.columns] if newest is not None else [],
        list(uses.services(registry, {feature})),
        list(_promises(known, feature)),
    )


def _nulls(newest: RunReport | None, column: str) -> float | None:
    numbers = newest.profile.columns.get(column) if newest is not None else None
    return numbers.null_share if numbers is not None else None


def _why_not(feature: Feature, newest: RunReport | None, found: Sequence[Moment]) -> str:
    if newest is None:
        if issubclass(feature.view, RequestFeatures):
            return "Computed when asked: no run keeps how its values are spread."
        return "Not known yet: no run has looked at it."
    if not found:
        return "Not known yet: the newest run had an older definition, or another type."
    spread = newest.profile.distributions.get(feature.column)
    if spread is None:
        return "How times, lists, keys and texts of many values are spread is not kept."
    return (
        f"{spread.values:,} values: of fewer than {LEAST_VALUES} none are shown, as they could "
        "tell of somebody."
    )


def _by_day(known: Known, feature: Feature) -> Markup:
    """The mean by day, in the training set that has most days of it."""
    found: list[tuple[date, float]] = []
    for manifest in known.training.values():
        days = [
            (day.day, statistics.mean)
            for day in manifest.days
            if (statistics := day.statistics.get(feature.name, Statistics())).mean is not None
            and statistics.count >= LEAST_VALUES
        ]
        if len(days) > len(found):
            found = days
    return charts.by_day([day for day, _ in found], [mean for _, mean in found])


def _promises(known: Known, feature: Feature) -> Sequence[Promise]:
    if known.locks is None:
        return []
    found = []
    for name, contract in known.locks.locked.items():
        if (locked := contract.all_features.get(feature.name)) is None:
            continue
        defined = known.locks.defined.get(name)
        now = defined.all_features.get(feature.name) if defined is not None else None
        kept = now is not None and now.fingerprint == locked.fingerprint
        found.append(Promise(name, kept))
    return found
