"""The sensor that shows how the streams stand: workers drive them, Dagster only looks."""

import json
from dataclasses import asdict, dataclass, field

import dagster as dg

from slate.assets.stream_readings import Reading, read_streams
from slate.assets.streams import limits, stream_key
from slate.deployment import Deployment
from slate.windows import SECOND

INTERVAL_SECONDS = 30
# What is as it was is told this seldom, so that Dagster's history stays short.
QUIET_SECONDS = 600

Event = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation


@dataclass(frozen=True)
class LastLook:
    """What the sensor knows of a stream from its last look.

    Attributes:
        total: how many events it had.
        at: when that was, in microseconds; 0 if it never looked.
        told_at: when all of it was told last.
        numbers: what was seen.
        failed: the checks that failed, with the numbers that they failed by.
    """

    total: int = 0
    at: int = 0
    told_at: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    failed: dict[str, dict[str, float]] = field(default_factory=dict)


def streams(deployment: Deployment) -> dg.SensorDefinition:
    """Looks at the streams twice a minute, and evaluates their checks."""

    @dg.sensor(
        name="streams",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows how the streams stand: lag, rate, dead letters; and evaluates the "
        "checks of their limits.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        readings = read_streams(deployment)
        if readings is None:
            return dg.SensorResult(
                skip_reason="the online store does not run: `slate stream` starts it",
                cursor=context.cursor,
            )
        before: dict[str, LastLook] = {
            name: LastLook(**known) for name, known in json.loads(context.cursor or "{}").items()
        }
        events: list[Event] = []
        known: dict[str, LastLook] = {}
        for reading in readings:
            name = reading.source.stream
            told, known[name] = _look(reading, before.get(name, LastLook()))
            events += told
        return dg.SensorResult(
            asset_events=events,
            cursor=json.dumps({name: asdict(one) for name, one in known.items()}),
            skip_reason="; ".join(map(_summary, readings)),
        )

    return sensor


def _look(reading: Reading, last: LastLook) -> tuple[list[Event], LastLook]:
    """What is to be told after a look, and what is known from then on."""
    numbers = reading.numbers(_rate(reading, last))
    everything = reading.at - last.told_at >= QUIET_SECONDS * SECOND
    events: list[Event] = []
    if everything or numbers != last.numbers:
        events.append(_materialization(reading, numbers))
    found = list(limits(reading))
    failed = {one.check: dict(one.metadata) for one in found if not one.passed}
    for limit in found:
        if everything or failed.get(limit.check) != last.failed.get(limit.check):
            events.append(
                dg.AssetCheckEvaluation(
                    asset_key=stream_key(reading.source),
                    check_name=limit.check,
                    passed=limit.passed,
                    severity=limit.severity,
                    description=limit.description,
                    metadata=limit.metadata,
                )
            )
    told_at = reading.at if everything else last.told_at
    return events, LastLook(reading.status.total, reading.at, told_at, numbers, failed)


def _rate(reading: Reading, last: LastLook) -> float | None:
    """The events a second since the last look; None at the first, and after the store was lost."""
    if not last.at or reading.status.total < last.total or reading.at <= last.at:
        return None
    return (reading.status.total - last.total) * SECOND / (reading.at - last.at)


def _materialization(reading: Reading, numbers: dict[str, float]) -> dg.AssetMaterialization:
    # The UI plots observations too, but takes an asset that has no more than these for missing.
    status = reading.status
    metadata: dict[str, float | dg.TextMetadataValue | dg.TimestampMetadataValue] = {
        **numbers,
        "partitions": dg.MetadataValue.text(f"{status.held} of {status.partitions} are held"),
    }
    if status.last_arrival:
        metadata["last_arrival"] = dg.MetadataValue.timestamp(status.last_arrival / SECOND)
    return dg.AssetMaterialization(stream_key(reading.source), metadata=metadata)


def _summary(reading: Reading) -> str:
    status = reading.status
    return (
        f"{reading.source.stream}: {status.waiting:,} waiting, {status.lag:.1f} s behind, "
        f"{status.dead_letters:,} dead letters"
    )
