"""How often values occur, in rows: the events of each value in each tile.

::

    (code[, value]) of each value, by code | index, tile and number of events of each entry

An entry is one word: the upper 18 bits are the index of its value among the row's, then come 14
bits for its tile, counted from the first that the row keeps, and 32 for the number of its events.
Entries are ordered by value, then by tile, so that a window's are counted without sorting. What is
kept of too many values, ``slate.aggregates.value_counts`` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from slate.aggregates import Counted
from slate.aggregates.value_counts import words as words_of
from slate.errors import DataError
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.rows.arrow_columns import as_numpy
from slate.online.rows.row_format import Words, changes, within
from slate.online.rows.texts import RowTexts, TextColumn
from slate.online.rows.window_layout import CountedColumn

INDEX_BITS, TILE_BITS, NUMBER_BITS = 18, 14, 32
_TILE = (1 << TILE_BITS) - 1
_NUMBER = (1 << NUMBER_BITS) - 1


@dataclass(frozen=True)
class Tallies:
    """The events of each value in each tile, ordered by row, code and tile.

    Attributes:
        row: whose they are.
        tile: the number of the tile.
        code: the code of the value.
        value: the value as a word, or what tells where its text is; anything where it is not kept.
        n: how many events.
    """

    row: Words
    tile: Words
    code: Words
    value: Words
    n: Words

    def take(self, index: Array) -> "Tallies":
        """Some of them, in their order."""
        return Tallies(
            self.row[index], self.tile[index], self.code[index], self.value[index], self.n[index]
        )


@dataclass(frozen=True)
class ValueTallies:
    """The same by value, as rows have them, so that what is of a value is looked up once.

    Attributes:
        row, code, value: of each value of each row, ordered by row and code.
        of: of each entry the position of its value, ascending.
        tile: the number of its tile, ascending for each value.
        n: its number of events.
    """

    row: Words
    code: Words
    value: Words
    of: Words
    tile: Words
    n: Words

    def flat(self) -> Tallies:
        """The entries, each with its value."""
        row, code, value = self.row[self.of], self.code[self.of], self.value[self.of]
        return Tallies(row, self.tile, code, value, self.n)


def by_value(tallies: Tallies) -> ValueTallies:
    """Tallies by value."""
    first = changes(tallies.row, tallies.code)
    at = np.flatnonzero(first)
    row, code, value = tallies.row[at], tallies.code[at], tallies.value[at]
    return ValueTallies(row, code, value, np.cumsum(first) - 1, tallies.tile, tallies.n)


def tallied(parts: Sequence[Tallies], kept: int) -> Tallies:
    """Several as one; they need not be ordered, nor each value be there once.

    Args:
        parts: the parts.
        kept: how many values are kept of each tile.
    """
    row, tile, code, value, n = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("row", "tile", "code", "value", "n")
    )
    in_time = ((row[1:] != row[:-1]) | (tile[1:] >= tile[:-1])).all()
    # The order of tiles that there is stays.
    order = np.lexsort((code, row) if in_time and len(parts) == 1 else (tile, code, row))
    row, tile, code = row[order], tile[order], code[order]
    at = np.flatnonzero(changes(row, code, tile))
    numbers = np.add.reduceat(n[order], at) if len(at) else n
    found = Tallies(row[at], tile[at], code[at], value[order][at], numbers)
    # Only where a row has more entries than that can a tile have more values.
    if not len(at) or np.bincount(found.row).max() <= kept:
        return found
    by_tile = np.lexsort((found.code, found.tile, found.row))
    place = _place(found.row[by_tile], found.tile[by_tile])
    few = np.empty(len(by_tile), np.bool_)
    few[by_tile] = place < kept
    return found if few.all() else found.take(few)


def counted(tallies: ValueTallies, since: int, rows: int, kept: int) -> Counted:
    """How often each value occurs in a window.

    Args:
        tallies: the events.
        since: the window's first tile.
        rows: how many rows there are.
        kept: how many values are kept of a window.
    """
    inside = tallies.tile >= since
    of, n = (tallies.of, tallies.n) if inside.all() else (tallies.of[inside], tallies.n[inside])
    at = np.flatnonzero(changes(of))
    n = np.add.reduceat(n, at) if len(at) else n
    found = of[at]
    row, code, value = tallies.row[found], tallies.code[found], tallies.value[found]
    sizes = np.bincount(row, minlength=rows)
    if sizes.max(initial=0) > kept:
        few = within(sizes) < kept
        row, code, value, n = row[few], code[few], value[few], n[few]
    return Counted(rows, row, code, value, n)


def _place(row: Words, tile: Words) -> Words:
    """The position of each among those of its row and tile, which are next to each other."""
    return within(np.diff(np.append(np.flatnonzero(changes(row, tile)), len(row))))


@dataclass(frozen=True)
class CountedRecords:
    """Tallies as they lie in rows.

    Attributes:
        column: which.
        row: the row of each value.
        code: the codes of the values.
        value: the values, texts or words; None where they are not kept.
        entry_row: the row of each entry.
        entries: the entries.
    """

    column: CountedColumn
    row: Words
    code: Words
    value: Words | TextColumn | None
    entry_row: Words
    entries: Words

    def sizes(self, rows: int) -> tuple[Words, Words]:
        """How many values and how many entries each row has."""
        return (
            np.bincount(self.row, minlength=rows),
            np.bincount(self.entry_row, minlength=rows),
        )

    @property
    def texts(self) -> RowTexts | None:
        """The values, where they are texts."""
        return RowTexts(self.value, self.row) if isinstance(self.value, TextColumn) else None


def records(
    column: CountedColumn, tallies: Tallies, first_tile: Words, texts: TextColumn | None, where: str
) -> CountedRecords:
    """Tallies as they lie in rows.

    Args:
        column: which.
        tallies: the events, of no tile that a row does not keep.
        first_tile: of each row the first tile that it keeps.
        texts: where the values are texts, what ``tallies.value`` are positions in.
        where: what to call the rows in an error.

    Raises:
        DataError: a value has more events in a tile than can be counted.
    """
    if tallies.n.max(initial=0) > _NUMBER:
        raise DataError(f"{where}: a row has more than {_NUMBER} events of one value in a tile")
    values = by_value(tallies)
    index = within(np.bincount(values.row)) if len(values.row) else values.row
    value: Words | TextColumn | None = None
    if column.partial.valued:
        value = values.value if texts is None else texts.take(values.value)
    entries = (
        (index[values.of].astype(np.uint64) << np.uint64(TILE_BITS + NUMBER_BITS)).view(np.int64)
        | (tallies.tile - first_tile[tallies.row]) << NUMBER_BITS
        | tallies.n
    )
    return CountedRecords(column, values.row, values.code, value, tallies.row, entries)


def read_tallies(
    words: Words, begins: Words, sizes: Words, first_tile: Words, column: CountedColumn
) -> ValueTallies:
    """The tallies of rows.

    Args:
        words: all rows.
        begins: the word at which the values of each row begin.
        sizes: the fixed word of each row that tells how many values and entries there are.
        first_tile: of each row the first tile that it keeps.
        column: which column it is.
    """
    values, entries = sizes >> 32, sizes & 0xFFFF_FFFF
    row = np.repeat(np.arange(len(begins)), values)
    at = begins[row] + within(values) * column.width
    code = words[at]
    value = words[at + 1] if column.partial.valued else code
    found = words[np.repeat(begins + values * column.width, entries) + within(entries)]
    index = (found.view(np.uint64) >> np.uint64(TILE_BITS + NUMBER_BITS)).view(np.int64)
    of = index + np.repeat(np.cumsum(values) - values, entries)
    tile = (found >> NUMBER_BITS & _TILE) + np.repeat(first_tile, entries)
    return ValueTallies(row, code, value, of, tile, found & _NUMBER)


def tallies_of_tiles(
    lists: pa.Array, row: Words, tile: Words, column: CountedColumn, where: str
) -> tuple[Tallies, TextColumn | None]:
    """The tallies of tiles as the warehouse has them.

    Args:
        lists: of each tile the values' codes, values and numbers of events.
        row: the row of each tile.
        tile: its number.
        column: which column it is.
        where: what to call the column in an error.

    Returns:
        The tallies, and where the values are texts, what ``value`` are positions in.

    Raises:
        DataError: it holds no such lists.
    """
    partial = column.partial
    if not pa.types.is_list(lists.type) or not pa.types.is_struct(lists.type.value_type):
        raise DataError(f"{where} is a {lists.type}, where a list of structs is wanted")
    sizes = as_numpy(lists.value_lengths(), Kind.INTEGER, where, 0).astype(np.int64)
    entries = lists.flatten()
    code, n = (
        as_numpy(entries.field(name).cast(pa.int64()), Kind.INTEGER, f"{where}: {name}")
        for name in ("code", "n")
    )
    value, texts = code, None
    if partial.valued:
        values = entries.field("value")
        if partial.kind is Kind.STRING:
            value, texts = np.arange(len(values)), values.cast(pa.string())
        else:
            value = words_of(values.cast(_arrow(partial.kind)), partial.kind)
    parts = [Tallies(np.repeat(row, sizes), np.repeat(tile, sizes), code, value, n)]
    found = tallied(parts, partial.kept)
    return found, None if texts is None else TextColumn.of(texts)


def _arrow(kind: Kind) -> pa.DataType:
    return pa.timestamp("us") if kind is Kind.TIME else kind.arrow


def write_counted(words: Words, behind: Words, found: CountedRecords, references: Words) -> Words:
    """Write tallies into rows.

    Args:
        words: all rows.
        behind: the word at which those of each row begin.
        found: the tallies.
        references: where the values are texts, the word that stands for each.

    Returns:
        The word behind them, in each row.
    """
    values, entries = found.sizes(len(behind))
    width = found.column.width
    at = behind[found.row] + within(values) * width
    words[at] = found.code
    if found.value is not None:
        words[at + 1] = references if isinstance(found.value, TextColumn) else found.value
    after = behind + values * width
    words[after[found.entry_row] + within(entries)] = found.entries
    ends: Words = after + entries
    return ends
