"""A viewer's feed: the shows to choose from, and a stand-in for the model that ranks them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from slate import Array
from slate.errors import DataError
from slate.orders import Features

DAY = timedelta(days=1)
# A show is listed two days ahead at the most, and over within hours.
LISTED = 4 * DAY
# A landing file is named by its day and hour.
_NAME = re.compile(r"\d{4}-\d\d-\d\d/([01]\d|2[0-3])")

# What a show is worth to a viewer where no model is trained yet: the weighted sum of these,
# null counting as 0.
WEIGHTS = {
    "feed_request.is_live": 1.0,
    "feed_request.mood": 2.0,
    "feed_request.taste": 1.5,
    "feed_request.own_language": 0.4,
    "feed_request.heat": 0.2,
    "feed_request.price_gap": -0.3,
    "seller_profile.rating": 0.3,
    "viewer_seller_history.orders_30d": 0.1,
}


@dataclass(frozen=True)
class Catalog:
    """Shows to choose from, in the order of their start.

    Attributes:
        shows: their ids.
        titles: their titles.
    """

    shows: list[str]
    titles: list[str]


def catalog(landing: Path, at: datetime, limit: int) -> Catalog:
    """What a catalogue service would tell: the shows that are live, and those that start next.

    Args:
        landing: the folder of landing files.
        at: the instant that is asked about (UTC).
        limit: how many shows to take at the most.
    """
    found = _query(
        """
        with listings as (
            select * from read_parquet($files)
            where show_id is not null and received_at < $at and event_ts < $at
            qualify row_number() over (
                partition by show_id order by event_ts desc, received_at desc, change_id desc
            ) = 1
        )
        select show_id, title from listings where status in ('live', 'scheduled')
        order by status, scheduled_at, show_id
        limit $limit
        """,
        files=_files(landing / "show_listings", at - LISTED, at),
        at=at,
        limit=limit,
    )
    return Catalog([show for show, _ in found], [title for _, title in found])


def active_viewers(landing: Path, at: datetime, limit: int) -> list[str]:
    """Viewers who tapped on something in the day before an instant, the latest and busiest first.

    Args:
        landing: the folder of landing files.
        at: the instant (UTC).
        limit: how many viewers to take at the most.
    """
    found = _query(
        """
        select viewer_id from read_parquet($files)
        where viewer_id is not null and kind = 'tap'
            and received_at < $at and event_ts between $at - interval 1 day and $at
        group by viewer_id
        order by max(event_ts) >= $at - interval 10 minute desc, count(*) desc, viewer_id
        limit $limit
        """,
        files=_files(landing / "events", at - DAY, at),
        at=at,
        limit=limit,
    )
    return [viewer for (viewer,) in found]


def landed_until(landing: Path) -> datetime | None:
    """The end of the last hour in which events landed (UTC); None if none ever did."""
    hours = [
        datetime.fromisoformat(f"{file.parent.name}T{file.stem[:2]}+00:00")
        for file in (landing / "events").glob("*/*.parquet")
        if _NAME.match(f"{file.parent.name}/{file.stem}")
    ]
    return max(hours) + timedelta(hours=1) if hours else None


def score(features: Features) -> Array:
    """What each show is worth to the viewer without a model, of shape (shows,)."""
    values = [np.nan_to_num(features[name].astype(np.float64)) for name in WEIGHTS]
    worth: Array = np.stack(values, axis=-1) @ np.array(list(WEIGHTS.values()))
    return worth


def _files(folder: Path, since: datetime, until: datetime) -> list[str]:
    days = [f"{since + number * DAY:%Y-%m-%d}" for number in range((until - since) // DAY + 1)]
    return [str(file) for day in days for file in sorted((folder / day).glob("*.parquet"))]


def _query(query: str, files: list[str], **parameters: Any) -> list[tuple[Any, ...]]:
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")

        def found(files: list[str]) -> list[tuple[Any, ...]]:
            return connection.execute(query, {"files": files, **parameters}).fetchall()

        def readable(file: str) -> bool:
            try:
                found([file])
            except duckdb.Error:
                return False
            return True

        try:
            return found(files)
        except duckdb.Error as error:
            # One that is damaged is not to take the others with it; the chain has told of it.
            sound = [*filter(readable, files)]
            if sound == files:
                raise DataError(f"the landing files cannot be read together: {error}") from error
            return found(sound) if sound else []
