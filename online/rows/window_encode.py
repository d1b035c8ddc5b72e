"""Rows of windowed views, written from tiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from slate.errors import DataError
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.arrow_columns import as_numpy, column, fields, named, numbers
from slate.online.rows.latest_values import latest_events
from slate.online.rows.row_format import NO_TIME, Blobs, Words, starts_of, to_words, within
from slate.online.rows.row_tables import Rows
from slate.online.rows.texts import RowTexts, TextColumn, TextWriter
from slate.online.rows.value_counts import CountedRecords, tallies_of_tiles, write_counted
from slate.online.rows.value_counts import records as counted_records
from slate.online.rows.window_layout import BITS, Level, Slot, WindowLayout
from slate.online.rows.window_merge import Columns, merge_newer
from slate.views import FeatureView
from slate.windows import SECOND, duration_name

MOST_EVENTS = np.iinfo(np.uint32).max
NOTHING = np.empty(0, np.int64)


def encode_windows(view: type[FeatureView], layout: WindowLayout, rows: Rows, as_of: int) -> Blobs:
    """Rows from the heads and tiles of a windowed view.

    Args:
        view: the view.
        layout: where things lie in its rows.
        rows: the heads and the tiles. Tiles older than every window are skipped, and so are
            sizes of tile that no window ends on.
        as_of: the instant up to which all events are in the tiles, in microseconds.

    Raises:
        DataError: a column is missing or of another type, or a tile is newer than ``as_of``.
    """
    count = rows.heads.num_rows
    fixed = np.zeros((layout.fixed, count), np.int64)
    fixed[0] = numbers(rows.heads, "event_ts", Kind.TIME, view.name)
    fixed[1] = as_of
    texts = _lasts(view, layout, rows.heads, fixed)
    if rows.tiles is None and (layout.levels or layout.counted):
        raise DataError(f"{view.name}: its rows need tiles, not heads alone")
    levels = _levels(view, layout, rows.tiles, count, as_of)
    counted = _value_counts(view, layout, rows.tiles, count, as_of)
    return assemble(layout, fixed, levels, texts, counted)


@dataclass(frozen=True)
class Records:
    """The records of one level, ordered by row and tile.

    Attributes:
        level: the level.
        row: the row of each.
        bit: the number of its tile in the bitmap.
        words: its words, of shape (records, width).
        per_row: how many each row has.
        texts: the columns of texts, by their place among the words, which are set when they are
            written.
    """

    level: Level
    row: Words
    bit: Words
    words: Words
    per_row: Words
    texts: Mapping[int, TextColumn]


def assemble(
    layout: WindowLayout,
    fixed: Words,
    levels: Sequence[Records],
    texts: Mapping[int, pa.Array | TextColumn],
    counted: Sequence[CountedRecords] = (),
) -> Blobs:
    """Rows from their parts.

    Args:
        layout: where things lie in them.
        fixed: the fixed words, of shape (fixed, N); the bitmaps in them are set here.
        levels: the records of each level.
        texts: the texts by their place among the fixed words.
        counted: what each column of value counts has.
    """
    count = fixed.shape[1]
    sizes = np.full(count, layout.fixed)
    for records, bitmap in zip(levels, layout.bitmaps, strict=True):
        bits = fixed[bitmap : bitmap + records.level.bitmaps].view(np.uint64)
        word, bit = np.divmod(records.bit.view(np.uint64), BITS)
        np.bitwise_or.at(bits, (word, records.row), np.uint64(1) << bit)
        sizes += records.per_row * records.level.width
    for one in counted:
        values, entries = one.sizes(count)
        fixed[one.column.place] = values << 32 | entries
        sizes += values * one.column.width + entries
    several = [RowTexts(found, one.row) for one in levels for found in one.texts.values()]
    several += filter(None, (one.texts for one in counted))
    writer = TextWriter([*texts.values(), *several], count)
    references = iter(writer.references(sizes))
    for place in texts:
        fixed[place] = next(references)
    for records in levels:
        for place in records.texts:
            records.words[:, place] = next(references)
    starts = starts_of(sizes + writer.sizes)
    words = np.zeros(starts[-1], np.int64)
    # A word of all rows at a time: half the work of an index of all words.
    for place, values in enumerate(fixed):
        words[starts[:-1] + place] = values
    behind = starts[:-1] + layout.fixed
    for records in levels:
        width = records.level.width
        at = behind[records.row] + within(records.per_row) * width
        for place, values in enumerate(records.words.T):
            words[at + place] = values
        behind += records.per_row * width
    for one in counted:
        found = next(references) if one.texts else NOTHING
        behind = write_counted(words, behind, one, found)
    writer.write(words, behind)
    return Blobs(words, starts)


def _lasts(
    view: type[FeatureView], layout: WindowLayout, heads: pa.Table, fixed: Words
) -> dict[int, pa.Array]:
    """Write last values and their times; return by place those that are texts."""
    texts = {}
    for measure, place in layout.lasts.items():
        kind = view.measures[measure].column_kind
        assert kind is not None
        name = f"{measure}__last"
        events = latest_events(heads, view.measures[measure], view.name)
        for position, (values, times) in enumerate(events):
            at = place + 2 * position
            fixed[at + 1] = as_numpy(times, Kind.TIME, name, NO_TIME)
            if kind is Kind.STRING:
                texts[at] = values
            else:
                fixed[at] = to_words(as_numpy(values, kind, name, 0))
    return texts


def _levels(
    view: type[FeatureView], layout: WindowLayout, tiles: pa.Table | None, count: int, as_of: int
) -> list[Records]:
    """The records of all levels, of so many rows."""
    if not layout.levels or tiles is None:
        return []
    where = f"{view.name} tiles"
    row, hop, tile = (numbers(tiles, c, Kind.INTEGER, where) for c in ("row", "hop", "tile"))
    slots = {slot for level in layout.levels for slot in level.wide + level.counts}
    partials = {slot: _partial(tiles, slot, where) for slot in slots}
    found = []
    for level in layout.levels:
        bit = tile - level.first(as_of)
        chosen = np.flatnonzero((hop == level.hop // SECOND) & (bit >= 0))
        order = row[chosen] * level.tiles + bit[chosen]
        if (order[1:] < order[:-1]).any():
            chosen = chosen[np.argsort(order, kind="stable")]
        if (bit[chosen] >= level.tiles).any():
            raise _too_new(where, level.hop, as_of)
        columns = [partials[slot][chosen] for slot in level.wide + level.counts]
        found.append(_records(level, row[chosen], bit[chosen], columns, count, where))
    return found


def _too_new(where: str, hop: int, as_of: int) -> DataError:
    return DataError(
        f"{where}: a tile of {duration_name(hop)} begins after the publish's as_of, "
        f"{np.datetime64(as_of, 'us')}: give the instant that its events end at"
    )


def _value_counts(
    view: type[FeatureView], layout: WindowLayout, tiles: pa.Table | None, count: int, as_of: int
) -> list[CountedRecords]:
    """What each column of value counts has, of so many rows."""
    if not layout.counted or tiles is None:
        return []
    where = f"{view.name} tiles"
    row, hop, tile = (numbers(tiles, c, Kind.INTEGER, where) for c in ("row", "hop", "tile"))
    found = []
    for wanted in layout.counted:
        first = wanted.first(as_of)
        chosen = np.flatnonzero((hop == wanted.hop // SECOND) & (tile >= first))
        if (tile[chosen] - first > wanted.length // wanted.hop).any():
            raise _too_new(where, wanted.hop, as_of)
        lists = named(tiles, wanted.name, where).take(pa.array(chosen))
        place = f"{where}: column {wanted.name!r}"
        tallies, texts = tallies_of_tiles(lists, row[chosen], tile[chosen], wanted, place)
        found.append(counted_records(wanted, tallies, np.full(count, first), texts, where))
    return found


def _records(
    level: Level, row: Words, bit: Words, columns: list[Array], count: int, where: str
) -> Records:
    tiles = np.bincount(row, minlength=count)
    merge_newer(level, columns, np.repeat(tiles, tiles) - 1 - within(tiles))
    # What arrived at different times may come as several tiles of one number: the first has all.
    first = np.ones(len(row), np.bool_)
    first[1:] = (row[1:] != row[:-1]) | (bit[1:] != bit[:-1])
    row, bit = row[first], bit[first]
    columns = [values[first] for values in columns]
    words, per_row = record_words(level, columns, where), np.bincount(row, minlength=count)
    return Records(level, row, bit, words, per_row, text_columns(level, columns))


def _partial(tiles: pa.Table, slot: Slot, where: str) -> Array:
    """A column of partial results, of texts as an array of strings."""
    kind, field = slot.column.kind, slot.column.field
    if field is None:
        found = column(tiles, slot.name, kind, where)
    else:
        (found,) = fields(tiles, slot.name, {field: kind}, where)
    if kind is Kind.STRING:
        return kind.from_arrow(found)
    return as_numpy(found, kind, f"{where}: column {slot.name!r}", slot.column.neutral)


def record_words(level: Level, columns: Columns, where: str) -> Words:
    """The words of records, of shape (records, width), from their columns; those of texts are 0.

    Raises:
        DataError: a number of events is too large for its half of a word.
    """
    words, wide = np.zeros((len(columns[0]), level.width), np.int64), len(level.wide)
    for place, values in enumerate(columns[:wide]):
        if place not in level.texts:
            words[:, place] = to_words(values)
    halves = words[:, wide:].view(np.uint32)
    for place, values in enumerate(columns[wide:]):
        if values.max(initial=0) > MOST_EVENTS:
            raise DataError(f"{where}: a row has more than {MOST_EVENTS} events in one window")
        halves[:, place] = values
    return words


def text_columns(level: Level, columns: Columns) -> dict[int, TextColumn]:
    """The columns of texts of records, by their place."""
    return {place: TextColumn.of(Kind.STRING.to_arrow(columns[place])) for place in level.texts}
