"""Sensors: landing files that come after their hour was taken in."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from slate.assets.file_ledger import changed_at
from slate.assets.hours import partition_key
from slate.assets.landing import raw_key
from slate.assets.landing_files import landed, landing_sources
from slate.deployment import Deployment

# How often the landing folders are looked through.
INTERVAL_SECONDS = 60
MOST_HOURS = 24
# Until then another may change in the same tick of the file system's clock.
SETTLED = timedelta(seconds=1)


def late_files(deployment: Deployment, whole: Any) -> dg.SensorDefinition:
    """Runs the whole chain again for hours whose landing files came, or changed, afterwards.

    An hour after all that were taken in is the schedule's; the sensor only looks after those
    before. Its cursor is when the last change came that it has dealt with, and of which hour.
    """
    sources = landing_sources(deployment.registry)

    @dg.sensor(
        name="late_files",
        job=whole,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes in landing files that came after their hour was built.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        keys = [context.instance.get_materialized_partitions(raw_key(s)) for s in sources]
        done = max((key for of in keys for key in of), default="")
        files = [file for s in sources for file in landed(deployment.landing, s).files]
        settled = datetime.now(UTC).replace(tzinfo=None) - SETTLED
        changes = sorted(
            {
                (at, file.hour)
                for file in files
                if (at := changed_at(file.path)) is not None and at <= settled
            }
        )
        if not changes:
            return dg.SkipReason("no landing files yet")
        if context.cursor is None:
            context.update_cursor(_cursor(*changes[-1]))
            return dg.SkipReason(f"{len(files)} landing files to begin with")
        since = _position(context.cursor)
        # The newest change of each hour: a run takes in all of an hour's files.
        late = {
            hour: at for at, hour in changes if (at, hour) > since and partition_key(hour) <= done
        }
        asked = sorted((at, hour) for hour, at in late.items())[:MOST_HOURS]
        if not asked:
            context.update_cursor(_cursor(*changes[-1]))
            return dg.SkipReason(f"{len(files)} landing files, none of them late")
        # What is not asked for now is found again at the next look.
        reached = asked[-1] if len(asked) < len(late) else changes[-1]
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=f"{hour:%Y%m%d%H}-{at.isoformat()}", partition_key=partition_key(hour)
                )
                for at, hour in asked
            ],
            cursor=_cursor(*reached),
        )

    return sensor


def _cursor(at: datetime, hour: datetime) -> str:
    return json.dumps([at.isoformat(), hour.isoformat()])


def _position(cursor: str) -> tuple[datetime, datetime]:
    at, hour = map(datetime.fromisoformat, json.loads(cursor))
    return at, hour
