"""Which column of a file is for what, by its name and by what it holds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slate.assets.column_profiles import ColumnProfile
from slate.base import snake_case
from slate.errors import DataError, nearest
from slate.identifiers import VIEW_COLUMNS
from slate.kinds import Kind

_IDS = re.compile(r"(^|_)(id|uuid|guid|no|nr|number|key|code|sku|ref)$")
KEY_ENDINGS = re.compile(r"_(id|key|uuid|guid|no|nr|number|code)$")
_HAPPENED = ("event", "happened", "occurred", "created", "placed", "ordered", "started", "time")
_ARRIVED = ("received", "arrived", "arrival", "ingested", "loaded", "inserted", "logged", "landed")
_MEASURES = ("amount", "price", "total", "value", "revenue", "cost", "spend", "quantity", "qty")
_THINGS = ("user", "customer", "client", "account", "member", "player", "guest", "device")


@dataclass(frozen=True)
class GuessedColumn:
    """A column of a file, as one of a source.

    Attributes:
        name: its name in the definitions.
        header: its name in the file.
        profile: what it holds.
    """

    name: str
    header: str
    profile: ColumnProfile

    @property
    def kind(self) -> Kind:
        """Of which kind it is; columns that no kind takes are none of a source."""
        assert self.profile.kind is not None
        return self.profile.kind


@dataclass(frozen=True)
class Said:
    """What is said of a file and need not be guessed; empty where it is not.

    Attributes:
        source: the name of the source.
        unique_id, event_time, arrival_time, key: names of columns, as in the file.
    """

    source: str = ""
    unique_id: str = ""
    event_time: str = ""
    arrival_time: str = ""
    key: str = ""


def said_column(columns: Sequence[GuessedColumn], header: str) -> GuessedColumn | None:
    """The column that was named, by its name in the file or in definitions; None if none was.

    Raises:
        DataError: the file does not have it.
    """
    if not header:
        return None
    for found in columns:
        if header in (found.header, found.name):
            return found
    names = [found.header for found in columns]
    raise DataError(f"the file has no column {header!r}, {nearest(header, names)}")


def event_time_column(columns: Sequence[GuessedColumn], said: Said) -> GuessedColumn:
    """The column that tells when an event happened.

    Raises:
        DataError: the one that was said cannot, or none can.
    """
    times = [found for found in columns if found.profile.kind is Kind.TIME]
    if found := said_column(columns, said.event_time):
        if found not in times or found.profile.nullable:
            raise DataError(
                f"{found.header!r} does not hold a time in each row, in a usual format, but values "
                f"such as {found.profile.commonest!r}: say the format by --time-format, and what "
                "is null by --null"
            )
        return found
    # What always happened comes first, then what is named like it, then what is first.
    arrived = said_column(columns, said.arrival_time)
    candidates = [found for found in times if not found.profile.nullable]
    candidates = [found for found in candidates if found is not arrived] or candidates
    if not candidates:
        raise DataError(
            "no column tells when the events happened: one has to hold a time in each row. Say one "
            "by --time, or its format by --time-format; the columns are "
            f"{', '.join(found.header for found in columns)}"
        )
    other = [found for found in candidates if not _named(found, _ARRIVED)] or candidates
    return next((found for found in other if _named(found, _HAPPENED)), other[0])


def arrival_column(
    columns: Sequence[GuessedColumn], event_time: GuessedColumn
) -> GuessedColumn | None:
    """The column that tells when an event could be known, if one is named so."""
    for found in columns:
        likely = found.profile.kind is Kind.TIME and not found.profile.nullable
        if likely and found is not event_time and _named(found, _ARRIVED):
            return found
    return None


def id_column(columns: Sequence[GuessedColumn], source: str) -> GuessedColumn | None:
    """A column with a value of its own in each row; one that is named like an id, if it can be."""
    unique = [
        found
        for found in columns
        if found.profile.unique and may_tell_apart(found) and _IDS.search(found.name)
    ]
    own = {"id", f"{snake_case(source)}_id"}
    return next((found for found in unique if found.name in own), unique[0] if unique else None)


def key_columns(
    columns: Sequence[GuessedColumn],
    event_time: GuessedColumn,
    unique: GuessedColumn | None,
) -> Iterator[GuessedColumn]:
    """What may tell whose an event is, the likeliest first."""
    candidates = [
        found
        for found in columns
        if found not in (event_time, unique)
        and may_tell_apart(found)
        and not found.profile.nullable
        and found.name not in VIEW_COLUMNS
        and found.profile.distinct > 1
    ]
    by_name = [found for found in candidates if KEY_ENDINGS.search(found.name)]
    things = [found for found in candidates if _named(found, _THINGS)]
    yield from (found for found in by_name if found in things)
    yield from (found for found in things if found not in by_name)
    yield from (found for found in by_name if found not in things)
    # Else a text that repeats itself, the more of them the better.
    texts = [
        found
        for found in candidates
        if found not in (*by_name, *things)
        and found.profile.kind is Kind.STRING
        and found.profile.distinct <= found.profile.rows / 2
    ]
    yield from sorted(texts, key=lambda found: -found.profile.distinct)


def measure_column(
    columns: Sequence[GuessedColumn], keys: Sequence[GuessedColumn | None]
) -> GuessedColumn | None:
    """The number that is worth summing: one that is named so, else the first with a fraction."""
    numbers = [
        found
        for found in columns
        if found.profile.kind in (Kind.FLOAT, Kind.INTEGER)
        and found not in keys
        and not _IDS.search(found.name)
    ]
    named = [found for word in _MEASURES for found in numbers if word in found.name]
    floats = [found for found in numbers if found.profile.kind is Kind.FLOAT]
    return next(iter([*named, *floats]), None)


def _named(column: GuessedColumn, words: Sequence[str]) -> bool:
    return any(word in column.name for word in words)


def may_tell_apart(column: GuessedColumn) -> bool:
    """Whether its values can be an id or a key."""
    return column.profile.kind in (Kind.STRING, Kind.INTEGER)
