"""What the columns of a file may be for: an event's id, its time, its arrival, whose it is."""

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import slate
from slate.assets.column_profiles import ColumnProfile, FileProfile
from slate.assets.event_columns import column_name, column_names
from slate.base import snake_case
from slate.coercion import Form, form_of_type
from slate.errors import DataError, nearest
from slate.identifiers import RAW_TABLES, SQL_WORDS, VIEW_COLUMNS
from slate.kinds import Kind

_IDS = re.compile(r"(^|_)(id|uuid|guid|no|nr|number|key|code|sku|ref)$")
_KEYS = re.compile(r"_(id|key|uuid|guid|no|nr|number|code)$")
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
class Guess:
    """What a file may be: the events of one source, and whose they are.

    Attributes:
        source: the source's class.
        landing: the name of its landing folder.
        columns: its columns, in the file's order.
        passed_over: the names of the columns that no kind takes.
        unique_id, event_time, arrival_time: the columns of these roles; None of those that the
            file does not have.
        key: the column that tells whose the events are.
        entity: the class of these.
        other_keys: columns that may be keys of other things.
        measure: the number that is worth summing, if there is one.
        said: the columns that were said, and not guessed.
    """

    source: str
    landing: str
    columns: tuple[GuessedColumn, ...]
    passed_over: tuple[str, ...]
    unique_id: GuessedColumn | None
    event_time: GuessedColumn
    arrival_time: GuessedColumn | None
    key: GuessedColumn
    entity: str
    other_keys: tuple[GuessedColumn, ...]
    measure: GuessedColumn | None
    said: tuple[GuessedColumn, ...]


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


def guess(stem: str, profile: FileProfile, said: Said) -> Guess:
    """What a file's columns may be for, where it is not said.

    Args:
        stem: the file's name without its ending, which names the source.
        profile: what the file holds.
        said: what is known.

    Raises:
        DataError: a column that is said is not there; or there is none for a role that needs one.
    """
    landing = _landing(column_name(said.source or stem))
    source = class_name(singular(landing))
    usable = [found for found in profile.columns if found.kind is not None]
    named = column_names(snake_case(source), [found.name for found in usable])
    columns = [GuessedColumn(named[found.name], found.name, found) for found in usable]
    _require_one_decimal_point(columns)
    event_time = _event_time(columns, said)
    arrival = _said(columns, said.arrival_time) or _arrival(columns, event_time)
    unique = _said(columns, said.unique_id) or _unique(columns, source)
    _require_id(unique)
    _require_arrival(arrival, event_time)
    keys = list(_keys(columns, event_time, unique))
    key = _said(columns, said.key) or (keys[0] if keys else _no_key(columns, profile))
    _require_key(key)
    entity = class_name(_KEYS.sub("", key.name) or key.name)
    headers = (said.unique_id, said.event_time, said.arrival_time, said.key)
    return Guess(
        source=source,
        landing=landing,
        columns=tuple(columns),
        passed_over=tuple(found.name for found in profile.columns if found.kind is None),
        unique_id=unique,
        event_time=event_time,
        arrival_time=arrival,
        key=key,
        entity=f"{entity}Key" if entity == source else entity,
        other_keys=tuple(k for k in keys if k is not key and _KEYS.search(k.name)),
        measure=_measure(columns, (key, unique, *keys)),
        said=tuple(found for header in headers if (found := _said(columns, header))),
    )


def _require_id(unique: GuessedColumn | None) -> None:
    if unique is not None and (unique.profile.nullable or not _may_tell_apart(unique)):
        raise DataError(
            f"{unique.header!r} cannot be an id, which is a text or a whole number in each row: "
            "say another by --id, or leave --id out"
        )


def _require_arrival(arrival: GuessedColumn | None, event_time: GuessedColumn) -> None:
    if arrival is event_time:
        raise DataError(
            f"{event_time.header!r} cannot be both when an event happened and when it arrived: say "
            "another by --time or --arrival, or leave --arrival out: a rule tells it then"
        )
    if arrival is not None and (arrival.profile.kind is not Kind.TIME or arrival.profile.nullable):
        raise DataError(
            f"{arrival.header!r} does not hold a time in each row: say another by --arrival, or "
            "leave --arrival out"
        )


def _require_key(key: GuessedColumn) -> None:
    if key.name in VIEW_COLUMNS or not _may_tell_apart(key):
        raise DataError(
            f"{key.header!r} cannot be a key, which is a text or a whole number of 64 bits"
            + (f", and not called {key.name!r}" if key.name in VIEW_COLUMNS else "")
            + ": say another by --key"
        )


def _no_key(columns: Sequence[GuessedColumn], profile: FileProfile) -> NoReturn:
    raise DataError(
        "no column tells whose the events are: say one by --key, of whole numbers or texts, in "
        f"each row: {', '.join(found.header for found in columns)}{_left_out(profile)}"
    )


def _require_one_decimal_point(columns: Sequence[GuessedColumn]) -> None:
    """Refuse numbers of both ways: by the rule of the one, 1.234 of the other would be 1234."""
    texts = [
        found
        for found in columns
        if found.profile.kind is Kind.FLOAT and form_of_type(found.profile.type) is Form.TEXT
    ]
    commas = [found.header for found in texts if found.profile.decimal_comma]
    points = [found.header for found in texts if not found.profile.decimal_comma]
    if commas and points:
        raise DataError(
            f"numbers have decimal commas in {', '.join(commas)} and decimal points in "
            f"{', '.join(points)}, and a file is read by one rule: write them alike"
        )


def left_out(headers: Sequence[str]) -> str:
    """What is told of columns that no kind takes, and how to have their parts."""
    return (
        f"{', '.join(headers)}: left out, as lists or structures are in it; to have a part of one, "
        "make it a column of the file first, as by `jq -c '.user_id = .user.id'`"
    )


def _left_out(profile: FileProfile) -> str:
    passed_over = [found.name for found in profile.columns if found.kind is None]
    return f"; {left_out(passed_over)}" if passed_over else ""


def _may_tell_apart(column: GuessedColumn) -> bool:
    return column.profile.kind in (Kind.STRING, Kind.INTEGER)


def camel_case(name: str) -> str:
    """A name as part of a class's.

    Examples:
        >>> camel_case("line_item")
        'LineItem'
    """
    return "".join(part.capitalize() for part in name.split("_"))


def class_name(name: str) -> str:
    """A name as a class has it; not one that definitions use for something else.

    Examples:
        >>> class_name("line_item"), class_name("source")
        ('LineItem', 'SourceRow')
    """
    made = camel_case(name)
    taken = made in slate.__all__ or keyword.iskeyword(made)
    return f"{made}Row" if taken else made


def singular(name: str) -> str:
    """One of what a name names.

    Examples:
        >>> singular("orders"), singular("categories"), singular("boxes"), singular("address")
        ('order', 'category', 'box', 'address')
    """
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name


def _landing(name: str) -> str:
    return f"{name}_rows" if name in RAW_TABLES | SQL_WORDS else name


def _said(columns: Sequence[GuessedColumn], header: str) -> GuessedColumn | None:
    """The column that was named, by its name in the file or in definitions."""
    if not header:
        return None
    for found in columns:
        if header in (found.header, found.name):
            return found
    names = [found.header for found in columns]
    raise DataError(f"the file has no column {header!r}, {nearest(header, names)}")


def _event_time(columns: Sequence[GuessedColumn], said: Said) -> GuessedColumn:
    times = [found for found in columns if found.profile.kind is Kind.TIME]
    if found := _said(columns, said.event_time):
        if found not in times or found.profile.nullable:
            raise DataError(
                f"{found.header!r} does not hold a time in each row, in a usual format, but values "
                f"such as {found.profile.commonest!r}: say the format by --time-format, and what "
                "is null by --null"
            )
        return found
    # What always happened comes first, then what is named like it, then what is first.
    arrived = _said(columns, said.arrival_time)
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


def _arrival(columns: Sequence[GuessedColumn], event_time: GuessedColumn) -> GuessedColumn | None:
    for found in columns:
        likely = found.profile.kind is Kind.TIME and not found.profile.nullable
        if likely and found is not event_time and _named(found, _ARRIVED):
            return found
    return None


def _unique(columns: Sequence[GuessedColumn], source: str) -> GuessedColumn | None:
    """A column with a value of its own in each row; one that is named like an id, if it can be."""
    unique = [
        found
        for found in columns
        if found.profile.unique and _may_tell_apart(found) and _IDS.search(found.name)
    ]
    own = {"id", f"{snake_case(source)}_id"}
    return next((found for found in unique if found.name in own), unique[0] if unique else None)


def _keys(
    columns: Sequence[GuessedColumn],
    event_time: GuessedColumn,
    unique: GuessedColumn | None,
) -> Iterator[GuessedColumn]:
    """What may tell whose an event is, the likeliest first."""
    candidates = [
        found
        for found in columns
        if found not in (event_time, unique)
        and _may_tell_apart(found)
        and not found.profile.nullable
        and found.name not in VIEW_COLUMNS
        and found.profile.distinct > 1
    ]
    by_name = [found for found in candidates if _KEYS.search(found.name)]
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


def _measure(
    columns: Sequence[GuessedColumn], keys: Sequence[GuessedColumn | None]
) -> GuessedColumn | None:
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
