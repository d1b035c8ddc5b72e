"""Stream assets: what comes by the sources' streams, which workers apply and no run makes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from slate.assets.catalogue import asset_tags, schema, source_columns
from slate.assets.failures import explained
from slate.assets.stream_readings import Reading, live_sources, read_streams
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online.store.stream_names import routed_views
from slate.online.stream.workers.status import StreamStatus
from slate.registry import Registry
from slate.sources import Source

GROUP = "stream"
LAG, DEAD_LETTERS = "lag", "dead_letters"


def stream_key(source: type[Source]) -> dg.AssetKey:
    """The asset of a source's stream."""
    return dg.AssetKey([GROUP, source.stream])


def stream_deps(registry: Registry, source: type[Source]) -> list[dg.AssetKey]:
    """The asset of a source's stream, if it is one, for what else comes of its events."""
    return [stream_key(source)] if source in live_sources(registry) else []


def stream_assets(deployment: Deployment) -> list[dg.AssetSpec]:
    """One external asset for each stream that keeps some view fresh."""
    return [_asset(deployment.registry, source) for source in live_sources(deployment.registry)]


def _asset(registry: Registry, source: type[Source]) -> dg.AssetSpec:
    views = [view.name for views in routed_views(registry, source).values() for view in views]
    return dg.AssetSpec(
        stream_key(source),
        description=f"{source.description}\n\nIts present: the stream that `slate ingest` and "
        "`online.EventWriter` write to, and that `slate stream` applies to the online rows of "
        f"{', '.join(views)} and archives in landing files.",
        group_name=GROUP,
        kinds={"redis"},
        owners=[source.owner] if source.owner else None,
        tags=asset_tags(source.tags),
        metadata=schema(source_columns(source, registry)),
    )


@dataclass(frozen=True)
class Limit:
    """Whether a stream keeps one of its definition's limits.

    Attributes:
        check: the check's name.
        passed: whether it is kept.
        severity: how bad it is if not.
        description: how things stand, and what to do.
        metadata: the numbers.
    """

    check: str
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, float]


def limits(reading: Reading) -> Iterator[Limit]:
    """What comes of a stream's checks."""
    source, status = reading.source, reading.status
    late = status.lag > source.max_lag_us / 1_000_000
    told = f"{status.lag:,.1f} s behind, {source.max_lag} is allowed"
    yield Limit(
        LAG,
        not late,
        # What is served is older than was promised.
        dg.AssetCheckSeverity.ERROR,
        f"{told}; {_lag_remedy(status)}" if late else told,
        {"lag_seconds": round(status.lag, 3)},
    )
    letters = status.dead_letters + status.moved_letters
    many = letters > source.max_dead_letters
    told = f"{letters:,} dead letters, {source.max_dead_letters:,} are allowed"
    yield Limit(
        DEAD_LETTERS,
        not many,
        # All other events go on.
        dg.AssetCheckSeverity.WARN,
        f"{told}; {_letters_remedy(source)}" if many else told,
        {"dead_letters": letters},
    )


def _lag_remedy(status: StreamStatus) -> str:
    if not status.held:
        return "no worker holds its partitions: start some with `slate stream`"
    return (
        f"workers hold {status.held} of {status.partitions} partitions and have "
        f"{status.waiting:,} events to go: see what `slate stream` tells, or start more workers"
    )


def _letters_remedy(source: type[Source]) -> str:
    return (
        f"`slate deadletters {source.name}` lists them with the reasons, and with `--replay` "
        "writes those again that are good by now"
    )


def stream_checks(deployment: Deployment) -> list[dg.AssetChecksDefinition]:
    """The checks of each stream: the sensor evaluates them, and so does who runs them by hand."""
    return [_checks(deployment, source) for source in live_sources(deployment.registry)]


def _checks(deployment: Deployment, source: type[Source]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{GROUP}_{source.name}_limits",
        specs=_specs(source),
        can_subset=True,  # or the UI would not offer to run them
    )
    @explained
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        readings = read_streams(deployment)
        if readings is None:
            raise StoreError(
                "the online store does not run, and so no stream does: `slate stream` starts both"
            )
        (reading,) = (one for one in readings if one.source is source)
        asked = {key.name for key in context.selected_asset_check_keys}
        for limit in (one for one in limits(reading) if one.check in asked):
            yield dg.AssetCheckResult(
                asset_key=stream_key(source),
                check_name=limit.check,
                passed=limit.passed,
                severity=limit.severity,
                description=limit.description,
                metadata=limit.metadata,
            )

    return checks


def _specs(source: type[Source]) -> Sequence[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            LAG,
            asset=stream_key(source),
            description=f"No event waits longer than {source.max_lag} for being applied (max_lag "
            f"of {source.__name__}). Where one does, `slate stream` does not run, or not enough "
            "workers.",
        ),
        dg.AssetCheckSpec(
            DEAD_LETTERS,
            asset=stream_key(source),
            description=f"No more than {source.max_dead_letters:,} events were refused after they "
            f"had been written, or came later than the horizon (max_dead_letters of "
            f"{source.__name__}). `slate deadletters {source.name}` lists them with the reasons.",
        ),
    ]
