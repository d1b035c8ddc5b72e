"""The table that dbt would have built, and what each of its rows has to become."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from slate.compile.training import training_columns
from slate.kinds import Kind
from slate.plans import Plan
from slate.value_types import ValueType

Row = dict[str, Any]

START = datetime(2026, 3, 1)
DAY = timedelta(days=1)
_NAIVE = {ValueType(Kind.TIME): pa.timestamp("us")}


def offers(days: Sequence[int] = (0, 1, 2), each: int = 11) -> list[Row]:
    """Rows of some days after the first of March; the last of a day ends it, two are at a tie."""
    return [_offer(day, number, each) for day in days for number in range(each)]


def _offer(day: int, number: int, each: int) -> Row:
    seed = day * 100 + number
    step = 0 if number < 2 else number
    offered_at = START + day * DAY + (DAY - timedelta(microseconds=1)) * (step / (each - 1))
    due = offered_at + timedelta(minutes=seed % 50 - 10, microseconds=seed)
    joined_at = datetime(2020, 1, 1, 12, 30, 15, 123456) + seed * DAY

    def unless(divisor: int, value: Any) -> Any:
        return None if seed % divisor == 3 else value

    return {
        # The ids of a tie come in the other order than the rows.
        "offer_id": f"offer-{day}-{each - number:03}",
        "offered_at": offered_at,
        "decided_at": offered_at + timedelta(minutes=3),
        "courier_id": 2**40 + seed % 5,
        "weather": unless(4, "storm" if seed % 2 else "fog ☁"),
        "stops": unless(5, seed % 7),
        "load": unless(6, float(seed % 3)),
        "hurry": unless(7, seed % 3 == 0),
        "due": unless(8, due),
        "taken": seed % 2 == 0,
        "tip": unless(4, seed / 8),
        "courier_profile.depot_id": seed % 3,
        "courier_profile.alias": unless(4, f"é{seed}"),
        "courier_profile.capacity": 20 + seed % 3,
        "courier_profile.rating": math.nan if seed % 9 == 4 else unless(5, seed % 5 / 4),
        "courier_profile.electric": seed % 3 != 0,
        "courier_profile.joined_at": unless(6, joined_at),
        "depot_profile.crew": 1 + seed % 4,
        "courier_trips.trips_1h": seed % 4,
        "courier_trips.trips_1d": 2**53 + 1 + seed,
        "courier_trips.usual_1d": unless(7, seed / 7),
        "courier_trips.recent": [seed / 7, 2.5, 2.5][: seed % 4],
    }


def fill(connection: duckdb.DuckDBPyConnection, plan: Plan, rows: Sequence[Row]) -> None:
    """Make the training table anew, of these rows in any order."""
    types = training_columns(plan)
    columns = ", ".join(f'"{name}" {type_.sql}' for name, type_ in types.items())
    connection.execute(f"create or replace table {plan.service.full_name} ({columns})")
    mixed = [*rows[1::2], *rows[::2]]
    values = {
        name: pa.array([row[name] for row in mixed], _NAIVE.get(type_, type_.arrow))
        for name, type_ in types.items()
    }
    connection.register("mixed", pa.table(values))
    connection.execute(f"insert into {plan.service.full_name} from mixed")
    connection.unregister("mixed")


def expected(row: Row, minutes_a_stop: int = 5) -> Row:
    """A row of the training set, worked out by hand."""

    def default(name: str, value: Any) -> Any:
        return value if row[name] is None else row[name]

    def utc(value: datetime | None) -> datetime | None:
        return value and value.replace(tzinfo=UTC)

    now, due, load = row["offered_at"], row["due"], row["load"]
    trips, stops = row["courier_trips.trips_1h"], default("stops", 1)
    left = None if due is None else (due - now) / timedelta(minutes=1)
    effort = float((stops + trips) * minutes_a_stop)
    rating = row["courier_profile.rating"]
    share = None
    if load is not None and (load or trips):
        share = load / trips if trips else math.inf
    spine = {
        name: utc(value) if isinstance(value, datetime) else value
        for name, value in row.items()
        if "." not in name
    }
    electric = row["courier_profile.electric"]
    return spine | {
        "offer_request.called": row["courier_profile.alias"] if electric else "fuel",
        "courier_trips.usual_1d": row["courier_trips.usual_1d"],
        "courier_trips.recent": row["courier_trips.recent"],
        "offer_request.weather": default("weather", "dry"),
        "courier_profile.alias": row["courier_profile.alias"],
        "courier_profile.capacity": row["courier_profile.capacity"],
        "courier_profile.rating": None if rating is None or math.isnan(rating) else rating,
        "courier_profile.electric": electric,
        "courier_profile.joined_at": utc(row["courier_profile.joined_at"]),
        "depot_profile.crew": row["depot_profile.crew"],
        "courier_trips.trips_1h": trips,
        "courier_trips.trips_1d": row["courier_trips.trips_1d"],
        "offer_request.stops": stops,
        "offer_request.load": load,
        "offer_request.hurry": default("hurry", False),
        "offer_request.due": utc(due),
        "offer_request.work": stops + trips,
        "offer_request.effort": effort,
        "offer_request.rush": default("hurry", False) or row["weather"] == "storm",
        "offer_request.carried": None if load is None else load / row["courier_profile.capacity"],
        "offer_request.share": share,
        "offer_request.time_left": left,
        "offer_request.until": utc(max(due or now, now) + timedelta(minutes=5)),
        "offer_request.calm": None if left is None else max(left - effort, 0.0),
        "offer_outlook.strain": effort / 60,
    }


def ordered(rows: Sequence[Row]) -> list[Row]:
    """As training sets are ordered."""
    return sorted(rows, key=lambda row: (row["offered_at"], row["offer_id"]))
