"""What distinct, top, share and quantile cost beside counts and sums, published and served.

Run it with ``python -m benchmarks.value_counts``.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    Source,
    arrival_time,
    count,
    distinct,
    event_time,
    mean,
    quantile,
    share,
    sum,
    top,
    unique_id,
)
from slate.aggregates import codes
from slate.deployment import Deployment
from slate.kinds import Kind
from slate.online import FeatureClient, Publisher, Rows
from slate.online.rows.instants import microseconds

SHOWS, ASKED, REQUESTS, WARM = 20_000, 2_000, 200, 10
# In each hour of a day so many of a show's values occur.
VALUES = {"seller_id": 6, "category": 4, "price": 12}
HOURS = 24
AS_OF = datetime(2026, 11, 1, 20, tzinfo=UTC)


class Show(Entity):
    """What is watched."""

    show_id: str


class Event(Source):
    """Something that happened in a show."""

    model, landing = "stg_events", "events"
    event_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    show_id: str
    seller_id: str
    category: str
    price: float


class ShowTotals(FeatureView):
    """What is counted of all events alike."""

    entity, source = Show, Event
    events = count(over="1d/1h")
    spend = sum(Event.price, over="1d/1h")
    usual = mean(Event.price, over="1d/1h")


class ShowValues(FeatureView):
    """What is counted by value."""

    entity, source = Show, Event
    sellers = distinct(Event.seller_id, over="1d/1h")
    categories = top(Event.category, 3, over="1d/1h")
    most = share(Event.category, over="1d/1h")
    median = quantile(Event.price, 0.5, over="1d/1h")


totals = FeatureService("totals", version=1, keys=[Show], spine=Event, features=[ShowTotals])
values = FeatureService("values", version=1, keys=[Show], spine=Event, features=[ShowValues])


def tiles(view: type[FeatureView], random: np.random.Generator) -> Rows:
    """Tiles of a day for each show."""
    rows = SHOWS * HOURS
    columns: dict[str, Any] = {
        "row": np.repeat(np.arange(SHOWS), HOURS),
        "hop": np.full(rows, 3_600),
        "tile": np.tile(microseconds(AS_OF) // 3_600_000_000 - HOURS + np.arange(HOURS), SHOWS),
    }
    for measure in view.measures.values():
        for partial in measure.partials:
            name = measure.tile_column(partial.part)
            if partial.part in ("values", "codes"):
                assert measure.column is not None
                assert measure.column_kind is not None
                valued = partial.part == "values"
                columns[name] = _lists(measure.column, measure.column_kind, rows, valued, random)
            elif partial.part == "n":
                columns[name] = np.full(rows, VALUES["price"])
            else:
                columns[name] = random.random(rows) * 100
    heads = {
        "show_id": [f"show_{number:07d}" for number in range(SHOWS)],
        "event_ts": pa.array(np.full(SHOWS, microseconds(AS_OF) - 1), pa.timestamp("us")),
    }
    return Rows(pa.table(heads), pa.table(columns))


def _lists(
    column: str, kind: Kind, rows: int, valued: bool, random: np.random.Generator
) -> pa.Array:
    """Value counts of each tile."""
    number = VALUES[column]
    found = random.integers(0, 5 * number, rows * number)
    values = pa.array(found / 4) if kind is Kind.FLOAT else pa.array(found.astype(str))
    fields = {"code": pa.array(codes(values, kind))}
    if valued:
        fields["value"] = values
    fields["n"] = pa.array(random.integers(1, 9, rows * number))
    entries = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * number, entries)


def run() -> None:
    """Print what was measured."""
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        deployment = Deployment("values", __spec__.name, path, path, path / "data")
        sys.modules[__spec__.name] = sys.modules[run.__module__]
        with (
            Publisher.connect(deployment) as publisher,
            FeatureClient.connect(deployment, timeout=60) as client,
        ):
            for view in (ShowTotals, ShowValues):
                rows = tiles(view, random)
                began = time.perf_counter()
                found = publisher.publish(view, [rows], AS_OF)
                seconds = time.perf_counter() - began
                print(
                    f"{view.name}: {SHOWS:,} rows of {HOURS} hours published, "
                    f"{SHOWS / seconds:,.0f}/s, {found.size / SHOWS:,.0f} bytes each"
                )
            shows = [f"show_{number:07d}" for number in random.integers(0, SHOWS, ASKED)]
            took: dict[str, list[float]] = {"totals": [], "values": []}
            for turn in range(WARM + REQUESTS):
                for service, times in took.items():
                    began = time.perf_counter()
                    answer = client.get(service, at=AS_OF + timedelta(seconds=45), show_id=shows)
                    if turn >= WARM:
                        times.append(time.perf_counter() - began)
                    assert not answer.errors, answer.errors
            for service, times in took.items():
                p50, p99 = np.percentile(times, (50, 99)) * 1e3
                print(f"{service}: {ASKED:,} shows, half within {p50:.1f} ms, 99 % in {p99:.1f} ms")


if __name__ == "__main__":
    run()
