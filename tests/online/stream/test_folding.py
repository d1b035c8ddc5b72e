"""Micro-batches folded one after the other say what the definition says, whatever the cuts."""

from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import live_shopping.definitions
from slate import FeatureView, Registry, Source
from slate.kinds import Kind
from slate.online.rows.codecs import WindowRows
from slate.online.rows.row_format import Blobs, Words
from slate.online.stream.applying.batch_columns import EventColumns
from slate.online.stream.applying.extend import extend
from slate.online.stream.applying.fold import fold
from tests.deployments.bikes import definitions as bikes
from tests.parity.answers import differences, micros
from tests.parity.landing import Row, landing_table
from tests.parity.oracle import Oracle
from tests.parity.scenarios import DAY, HOUR, Scenario, bulk


def accepted(source: type[Source], rows: list[Row]) -> pa.Table:
    """Rows as events: each dated no later than its arrival, times without a zone."""
    cut = [
        {**row, source.event_time: min(row[source.event_time], row[source.arrival_time])}
        for row in rows
    ]
    table = landing_table(source, cut)
    for name, column in source.columns.items():
        if column.kind is Kind.TIME:
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(pa.timestamp("us")))
    return table


def once(source: type[Source], rows: list[Row]) -> list[Row]:
    seen: dict[object, Row] = {}
    for row in rows:
        seen.setdefault(row[source.unique_id], row)
    return list(seen.values())


def streamed(
    view: type[FeatureView], rows: list[Row], cuts: int
) -> tuple[WindowRows, dict[tuple[object, ...], bytes]]:
    """The rows of a view after so many micro-batches."""
    codec = WindowRows(view)
    held: dict[tuple[object, ...], bytes] = {}
    # What arrives at once is in one micro-batch.
    arrivals = np.array([micros(row[view.source.arrival_time]) for row in rows])
    ends = np.searchsorted(arrivals, arrivals[:: max(len(rows) // cuts, 1)][1:], side="right")
    for batch in np.split(np.arange(len(rows)), np.unique(ends)):
        table = accepted(view.source, [rows[i] for i in batch])
        folded = fold(view, codec.layout, EventColumns(view.source, table))
        keys = list(zip(*(column.to_pylist() for column in folded.keys), strict=True))
        laid = Blobs.of([codec.empty, *(held.get(key, codec.empty) for key in keys)])
        words, starts = laid.words, laid.starts[:-1]
        blobs = extend(view, codec.layout, folded, words, starts[1:])
        held |= dict(zip(keys, blobs.split(), strict=True))
    return codec, held


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(bikes, id="bikes"),
        pytest.param(live_shopping.definitions, id="live_shopping", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize("cuts", [1, 2, 30])
def test_rows_after_micro_batches(module: ModuleType, cuts: int) -> None:
    registry = Registry.from_module(module.__name__)
    scenario: Scenario = bulk(registry, cuts, rows=150, instants=4)
    oracle = Oracle(
        registry,
        {n: once(registry.sources[n], rows) for n, rows in scenario.sources.items()},
        {},
    )
    compared = 0
    for view in registry.views.values():
        if not view.windowed:
            continue
        source = view.source
        rows = once(source, scenario.sources[source.name])
        codec, held = streamed(view, rows, cuts)
        laid = Blobs.of([codec.empty, *held.values()])
        words, starts = laid.words, laid.starts[:-1]
        last = max(micros(row[source.arrival_time]) for row in rows) + 1
        for at in (last, last + 1, last + HOUR // 2, last + DAY, last + 35 * DAY):
            decoded = _read(codec, words, starts[1:], at, view)
            for position, key in enumerate(held):
                expected = oracle.read(view, key, at)
                actual = {f.name: decoded[f.name][position] for f in view.features.values()}
                wrong = differences(expected, actual)
                assert not wrong, f"{key} at {at}: {wrong[:5]}"
                compared += len(actual)
    assert compared > 1_000


def _read(
    codec: WindowRows, words: Words, starts: Words, at: int, view: type[FeatureView]
) -> dict[str, Any]:
    reader = codec.reader(view.features.values())
    with np.errstate(all="ignore"):
        decoded = reader.read(words, starts, at)
    return {
        f.name: [row.compressed().tolist() for row in values]
        if isinstance(values := decoded.values[f], np.ma.MaskedArray)
        else values
        for f in view.features.values()
    }
