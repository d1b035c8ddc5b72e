"""Jobs and schedules: the whole chain every hour, and each part of it on demand."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

WHOLE = "build_everything"
PARTS: dict[str, tuple[str, list[str]]] = {
    "take_in_landing": ("Take landing files into the warehouse.", ["landing"]),
    "build_warehouse": (
        "Build staging, tiles, current values and training rows with dbt, and check them.",
        ["staging", "features", "tiles", "current", "online_rows", "training_rows"],
    ),
    "write_training_sets": ("Write the training sets as Parquet.", ["training"]),
    "publish_online": ("Publish the views to the online store.", ["online"]),
}
# Landing files of an hour are complete some minutes after it.
MINUTE_OF_HOUR = 5


def jobs() -> Sequence[Any]:
    """The jobs; each runs for an hour or a range of hours."""
    return [
        dg.define_asset_job(
            WHOLE,
            dg.AssetSelection.all(),
            description="From landing files to training sets and the online store.",
        ),
        *(
            dg.define_asset_job(
                name,
                dg.AssetSelection.groups(*groups),
                description=description,
            )
            for name, (description, groups) in PARTS.items()
        ),
    ]


def hourly_schedule(whole: Any) -> Any:
    """The whole chain for the hour that ended, a few minutes after its end."""
    return dg.build_schedule_from_partitioned_job(
        whole,
        name="every_hour",
        minute_of_hour=MINUTE_OF_HOUR,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The whole chain, for the hour that just ended.",
    )
