"""Sensors: landing files that come after their hour was taken in."""

import json
from datetime import datetime
from typing import Any

import dagster as dg

from assets.hours import partition_key
from assets.intake import landed_hours, landing_files, landing_sources
from assets.landing import raw_key
from slate.deployment import Deployment

# How often the landing folders are looked through.
INTERVAL_SECONDS = 60
MOST_HOURS = 24


def late_files(deployment: Deployment, whole: Any) -> dg.SensorDefinition:
    """Runs the whole chain again for hours whose landing files came, or changed, afterwards.

    An hour that no run has taken in yet is the schedule's; the sensor only looks after the others.
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
        before: dict[str, float] = json.loads(context.cursor or "{}")
        seen: dict[str, float] = {}
        late: dict[datetime, float] = {}
        for source in sources:
            done = set(context.instance.get_materialized_partitions(raw_key(source)))
            hours = sorted(set(landed_hours(deployment.landing, source)))
            for file in landing_files(deployment.landing, source, hours):
                changed = file.path.stat().st_mtime
                seen[file.name] = changed
                known = context.cursor is None or before.get(file.name) == changed
                if not known and partition_key(file.hour) in done:
                    late[file.hour] = max(changed, late.get(file.hour, 0.0))
        if not late:
            context.update_cursor(json.dumps(seen))
            return dg.SkipReason(f"{len(seen)} landing files, none of them late")
        # What is not asked for now stays unseen, and is found again at the next look.
        asked = dict(sorted(late.items())[:MOST_HOURS])
        pending = {hour for hour in late if hour not in asked}
        kept = {name: at for name, at in seen.items() if _hour(name) not in pending}
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=f"{hour:%Y%m%d%H}-{at}", partition_key=partition_key(hour))
                for hour, at in asked.items()
            ],
            cursor=json.dumps(kept),
        )

    return sensor


def _hour(name: str) -> datetime:
    _, day, file = name.split("/")
    return datetime.strptime(f"{day} {file[:2]}", "%Y-%m-%d %H")
