"""Subjects: the entities that are to be forgotten, and what tells that something is of one.

A row is of a subject where a column that holds keys of its entity has its key, or where a text is
of it. A text is where it has the key as a word of its own: ``viewer_17`` in "by viewer_17", and not
in ``viewer_170``. A key without a digit may be a word of the language, such as "ann": it counts
between marks alone, as in ``{"guest_id": "ann"}``. A number says nothing by itself: in texts it is
looked for behind its column's name.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from mmap import mmap

from slate.entities import Entity
from slate.errors import ConfigurationError, nearest
from slate.features import Aggregated, Attribute, Feature
from slate.kinds import Kind
from slate.registry import Registry

# What stands for a subject in a text that stays.
FORGOTTEN = "[forgotten]"
# What beside a text keeps it from being a word of its own: in RE2, and of bytes.
_LETTERS, _BYTES = r"\pL\pN_@\-", rb"A-Za-z0-9_@\-\x80-\xff"
# What is beside a key in what programs write, if it is no letter.
_MARKS = r"""\x00-\x1f"'{}()<>\[\]:=,;|`\\/&"""
# Of fewer bytes there are all in any large file.
_LEAST, _WORD = 6, 8
_BESIDE = ((b'"', b'"'), (b"{", b"}"), (b"\n", b"\r\n"))
# Redis' files have the length of a text in front of it, of short ones in one byte.
_SHORT, _LISTED = 64, 0x80


@dataclass(frozen=True)
class Subject:
    """An entity that is to be forgotten.

    Attributes:
        key: the key column that it is known by.
        value: its key.
        columns: the names of all columns and features that hold keys of its entity.
    """

    key: str
    value: str | int
    columns: frozenset[str]

    @classmethod
    def of(cls, registry: Registry, key: str, text: str) -> "Subject":
        """The subject of a key column with a value, as a command line has it.

        Raises:
            ConfigurationError: no entity has the key, or the value is none of its type.
        """
        entities = {name: one for one in registry.entities.values() for name in one.keys}
        if key not in entities:
            raise ConfigurationError(f"no entity has the key {key!r}: {nearest(key, entities)}")
        if not text:
            raise ConfigurationError(f"{key}= names no entity: write {key}=VALUE")
        columns = frozenset(_holding(registry, entities[key], key))
        if entities[key].keys[key] is Kind.STRING:
            return cls(key, text, columns)
        try:
            return cls(key, int(text), columns)
        except ValueError:
            raise ConfigurationError(f"{key}={text}: {key} is a whole number") from None

    @property
    def text(self) -> str:
        """Its key as a text."""
        return str(self.value)

    @property
    def is_no_word(self) -> bool:
        """Whether its key has a digit, as no word of the language has."""
        return any(map(str.isdigit, self.text))

    @property
    def is_short(self) -> bool:
        """Whether bytes that are no text may have its key by chance."""
        return isinstance(self.value, str) and len(self.value.encode()) < _LEAST

    @property
    def forms(self) -> list[str]:
        """How its key is written within a text: as it is, in JSON, and in HTML."""
        text = self.text
        known = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        return list(dict.fromkeys([*known, html.escape(text)]))


@dataclass(frozen=True)
class Subjects:
    """Some subjects that are forgotten together.

    Attributes:
        all: the subjects.

    Examples:
        >>> ann = Subjects((Subject("guest_id", "ann", frozenset({"guest_id"})),))
        >>> ann.in_text(b'{"guest_id": "ann"}'), ann.in_text(b'["anna"], by ann')
        (True, False)
        >>> ann.without('["ann", "anna"]')
        '["[forgotten]", "anna"]'
    """

    all: tuple[Subject, ...]

    @classmethod
    def of(cls, registry: Registry, given: Iterable[tuple[str, Iterable[str]]]) -> "Subjects":
        """The subjects of key columns with values.

        Raises:
            ConfigurationError: as of ``Subject.of``.
        """
        found = [Subject.of(registry, key, text) for key, texts in given for text in texts]
        return cls(tuple(dict.fromkeys(found)))

    @cached_property
    def pattern(self) -> str:
        """The texts that are of one of them, as a regular expression of RE2."""
        return "|".join(map(_pattern, self.all))

    @cached_property
    def _of_bytes(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(map(_pattern_of_bytes, self.all)))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The keys that are texts, in all forms in which they are written."""
        return tuple(form for one in self.all if isinstance(one.value, str) for form in one.forms)

    @cached_property
    def _encoded(self) -> tuple[bytes, ...]:
        return tuple(text.encode() for text in self.texts)

    @cached_property
    def hints(self) -> tuple[str, ...]:
        """What a text has that is of one of them: one without any need not be looked at."""
        numbers = (one.text for one in self.all if isinstance(one.value, int))
        return (*self.texts, *numbers)

    @cached_property
    def inside(self) -> str:
        """The texts that have a key inside of a longer word, as a regular expression of RE2."""
        forms = "|".join(map(re.escape, self.texts))
        before, behind = rf"[{_LETTERS}.]({forms})", rf"({forms})([{_LETTERS}]|\.[\pL\pN])"
        return f"{before}|{behind}" if forms else r"[^\s\S]"

    @cached_property
    def _no_words(self) -> tuple[bytes, ...]:
        forms = (form for one in self.all if one.is_no_word for form in one.forms)
        return tuple(form.encode() for form in forms if form in self.texts)

    def numbers(self, column: str) -> list[int]:
        """The keys that are numbers, of the entities whose keys a column holds."""
        names = {column, column.rpartition(".")[2]}
        return [
            one.value
            for one in self.all
            if isinstance(one.value, int) and not names.isdisjoint(one.columns)
        ]

    def in_text(self, data: bytes | mmap) -> bool:
        """Whether a text, in UTF-8, is of one of them."""
        if not self._has_numbers and all(data.find(one) < 0 for one in self._encoded):
            return False
        return self._of_bytes.search(data) is not None

    @cached_property
    def _has_numbers(self) -> bool:
        return any(isinstance(one.value, int) for one in self.all)

    def in_bytes(self, data: bytes | mmap, *, anywhere: bool) -> bool:
        """Whether bytes that are no text have one of them.

        Args:
            data: the bytes.
            anywhere: whether a key that is no word counts inside of longer ones too. In packed
                rows and files texts lie next to each other, so it has to; unless other keys
                begin or end like one of them. A short one counts where it is as rows have it, or
                between marks, whatever is said here.
        """
        if any(data.find(one) >= 0 for one in self._of_short):
            return True
        known = self._long
        if anywhere and any(data.find(one) >= 0 for one in known._no_words):
            return True
        return known.in_text(data) or any(_with_length(one, data) for one in known._encoded)

    @cached_property
    def short(self) -> tuple[str, ...]:
        """The keys that bytes may have by chance."""
        return tuple(one.text for one in self.all if one.is_short)

    @cached_property
    def _long(self) -> "Subjects":
        return Subjects(tuple(one for one in self.all if not one.is_short))

    @cached_property
    def _of_short(self) -> tuple[bytes, ...]:
        """Short keys with what is beside them: filled up to a word of a row, or between marks."""
        keys = [text.encode() for text in self.short]
        marked = [before + key + behind for key in keys for before, behind in _BESIDE]
        return (*(key.ljust(_WORD, b"\0") for key in keys), *marked)

    def without(self, text: str) -> str:
        """A text with ``FORGOTTEN`` in their place."""
        return self.bytes_without(text.encode()).decode()

    def bytes_without(self, data: bytes) -> bytes:
        """The same of bytes, whether or not all of them are text."""
        return self._of_bytes.sub(FORGOTTEN.encode(), data)

    def __str__(self) -> str:
        return ", ".join(f"{one.key}={one.value}" for one in self.all)


def _holding(registry: Registry, entity: type[Entity], key: str) -> Iterator[str]:
    """The names of the columns and features that hold keys of a key column's entity.

    Args:
        registry: the definitions.
        entity: an entity that has the key; maybe a pair.
        key: the key.
    """
    yield key
    one = entity.parts.get(key, entity)
    for view in registry.views.values():
        for feature in view.features.values():
            if _holds(feature, one, key):
                yield from (feature.column, feature.name)


def _holds(feature: Feature, entity: type[Entity], key: str) -> bool:
    if isinstance(feature, Attribute):
        return feature.key_of is entity
    measure = feature.measure if isinstance(feature, Aggregated) else None
    return measure is not None and measure.column == key and measure.function.picks_values


def _pattern(subject: Subject) -> str:
    """Of RE2, which cannot look around."""
    if isinstance(subject.value, int):
        number = rf"[\"'\\]*\s*[:=]\s*[\"'\\]*{subject.value}"
        return rf"(^|[^\pL\pN_])({_names(subject)}){number}($|[^0-9.])"
    forms = "|".join(map(re.escape, subject.forms))
    if not subject.is_no_word:
        return rf"(^|[{_MARKS}]|\| )({forms})($|[{_MARKS}]| \|)"
    return rf"(^|[^{_LETTERS}.])({forms})($|[^{_LETTERS}.]|\.($|[^\pL\pN]))"


def _pattern_of_bytes(subject: Subject) -> bytes:
    if isinstance(subject.value, int):
        return (
            rf"(?<![A-Za-z0-9_])(?:{_names(subject)})[\"'\\]*\s*[:=]\s*[\"'\\]*"
            rf"{subject.value}(?![0-9.])"
        ).encode()
    forms = b"|".join(re.escape(form.encode()) for form in subject.forms)
    if not subject.is_no_word:
        marks = _MARKS.encode()
        before = rb"(?:(?<![\s\S])|(?<=[" + marks + rb"])|(?<=\| ))"
        return before + b"(?:" + forms + rb")(?=\Z|[" + marks + rb"]| \|)"
    return b"(?<![" + _BYTES + b".])(?:" + forms + b")(?![" + _BYTES + rb"])(?!\.[A-Za-z0-9])"


def _names(subject: Subject) -> str:
    return "|".join(map(re.escape, sorted(subject.columns)))


def _with_length(text: bytes, data: bytes | mmap) -> bool:
    """Whether bytes have a text with its length in front of it."""
    if len(text) >= _SHORT:
        return False
    return any(data.find(bytes([mark | len(text)]) + text) >= 0 for mark in (0, _LISTED))
