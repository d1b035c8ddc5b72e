"""Rows of attribute views: the latest row of a model.

::

    event_ts | a word for each attribute | texts
"""

from collections.abc import Collection, Iterable

import numpy as np
import pyarrow as pa

from slate.expressions import Array
from slate.features import Attribute, Feature
from slate.kinds import Kind
from slate.online.rows.arrow_columns import as_numpy, column, numbers
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.keys import Keys
from slate.online.rows.row_format import NO_TIME, Blobs, Words, from_words, starts_of, to_words
from slate.online.rows.row_tables import Rows
from slate.online.rows.texts import Texts, TextWriter, read_texts
from slate.views import FeatureView


class AttributeRows:
    """How the rows of one attribute view are written, and read back.

    Nulls are written as NumPy's own, or as the attribute's default where it has one.
    """

    def __init__(self, view: type[FeatureView]) -> None:
        self.view = view
        self._place = {name: 1 + position for position, name in enumerate(view.features)}
        nothing = pa.table({f.column: pa.nulls(1, f.kind.arrow) for f in view.features.values()})
        self.empty = self._encode(nothing, np.array([NO_TIME])).split()[0]

    def encode(self, rows: Rows, as_of: int) -> Blobs:
        """Rows from a table of the key columns, event_ts and the attributes by name.

        Raises:
            DataError: a column is missing, of another type, or null where it may not be.
        """
        event_ts = numbers(rows.heads, "event_ts", Kind.TIME, self.view.name)
        return self._encode(rows.heads, event_ts)

    def _encode(self, table: pa.Table, event_ts: Words) -> Blobs:
        rows, fixed = len(event_ts), 1 + len(self._place)
        block = np.empty((fixed, rows), np.int64)
        block[0] = event_ts
        texts: dict[int, pa.Array] = {}
        for name, feature in self.view.features.items():
            values = column(table, name, feature.kind, self.view.name)
            if feature.default is not None and values.null_count:
                values = values.fill_null(
                    pa.scalar(feature.kind.scalar(feature.default)).cast(values.type)
                )
            if feature.kind is Kind.STRING:
                texts[self._place[name]] = values
            else:
                null = np.nan if feature.kind is Kind.FLOAT else NO_TIME
                where = f"{self.view.name}: column {name!r}"
                block[self._place[name]] = to_words(as_numpy(values, feature.kind, where, null))
        writer = TextWriter(texts.values(), rows)
        for place, references in zip(texts, writer.references(np.full(rows, fixed)), strict=True):
            block[place] = references
        starts = starts_of(fixed + writer.sizes)
        words = np.zeros(starts[-1], np.int64)
        words[starts[:-1, None] + np.arange(fixed)] = block.T
        writer.write(words, starts[:-1] + fixed)
        return Blobs(words, starts)

    def reader(
        self, features: Iterable[Feature], leads: Collection[Attribute] = ()
    ) -> "AttributeReader":
        """What reads these features, and as keys those that lead to other entities."""
        return AttributeReader(self.view, self._place, tuple(features), tuple(leads))


class AttributeReader:
    """Reads features of one attribute view from rows."""

    def __init__(
        self,
        view: type[FeatureView],
        place: dict[str, int],
        features: tuple[Feature, ...],
        leads: tuple[Attribute, ...],
    ) -> None:
        self._ttl = view.ttl_us
        self._features = frozenset(features)
        self._leads: dict[Feature, Attribute] = {lead: lead for lead in leads}
        used = dict.fromkeys((*features, *leads))
        # Those that are texts and nothing else come first, to be read together.
        self._texts = tuple(f for f in used if f.kind is Kind.STRING and f not in self._leads)
        self._others = tuple(f for f in used if f.kind is not Kind.STRING or f in self._leads)
        self._used = (*self._texts, *self._others)
        self._places = np.array([place[feature.column] for feature in self._used])[:, None]

    def read(self, words: Words, starts: Words, at: int) -> Decoded:
        """Decode rows.

        Args:
            words: all rows, the empty one first.
            starts: the word at which each row starts.
            at: the instant asked about, in microseconds.
        """
        event_ts = words[starts]
        stale = None
        if self._ttl is not None:
            stale = (event_ts < at - self._ttl) & (event_ts != NO_TIME)
            starts = np.where(stale, 0, starts)
        decoded = Decoded({}, {}, event_ts, stale)
        block, number = self._block(words, starts), len(self._texts)
        if number:
            texts = read_texts(words, np.tile(starts, number), block[:number].ravel())
            values = texts.values(np.nan).reshape(number, -1)
            decoded.values.update(zip(self._texts, values, strict=True))
        for feature, held in zip(self._others, block[number:], strict=True):
            found = _column(feature, words, starts, held)
            if feature in self._features:
                decoded.values[feature] = values_of(found)
            if feature in self._leads:
                decoded.keys[self._leads[feature]] = keys_of(found)
        return decoded

    def columns(self, words: Words, starts: Words) -> dict[Feature, Texts | Array]:
        """What rows hold of each feature, however old they are.

        Args:
            words: all rows, the empty one first.
            starts: the word at which each row starts.
        """
        block = self._block(words, starts)
        return {
            feature: _column(feature, words, starts, held)
            for feature, held in zip(self._used, block, strict=True)
        }

    def _block(self, words: Words, starts: Words) -> Words:
        """The word of each feature, of shape (features, N)."""
        block: Words = words.take(starts + self._places, mode="clip")
        return block


def _column(feature: Feature, words: Words, starts: Words, held: Words) -> Texts | Array:
    """A feature's column, of the words that rows hold of it."""
    if feature.kind is Kind.STRING:
        return read_texts(words, starts, held)
    return from_words(held, feature.kind)


def values_of(column: Texts | Array) -> Array:
    """A column's values."""
    return column.values(np.nan) if isinstance(column, Texts) else column


def keys_of(column: Texts | Array) -> Keys:
    """A column's values as keys."""
    return column.keys() if isinstance(column, Texts) else Keys.of(to_words(column).tolist())
