"""What a file may be, by its columns: the events of one source, and whose they are."""

import keyword
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import slate
from slate.assets.column_profiles import FileProfile
from slate.assets.event_columns import column_name, column_names
from slate.base import snake_case
from slate.cli.column_roles import (
    KEY_ENDINGS,
    GuessedColumn,
    Said,
    arrival_column,
    event_time_column,
    id_column,
    key_columns,
    may_tell_apart,
    measure_column,
    said_column,
)
from slate.coercion import Form, form_of_type
from slate.errors import DataError
from slate.identifiers import RAW_TABLES, SQL_WORDS, VIEW_COLUMNS
from slate.kinds import Kind


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
    event_time = event_time_column(columns, said)
    arrival = said_column(columns, said.arrival_time) or arrival_column(columns, event_time)
    unique = said_column(columns, said.unique_id) or id_column(columns, source)
    _require_id(unique)
    _require_arrival(arrival, event_time)
    keys = list(key_columns(columns, event_time, unique))
    key = said_column(columns, said.key) or (keys[0] if keys else _no_key(columns, profile))
    _require_key(key)
    entity = class_name(KEY_ENDINGS.sub("", key.name) or key.name)
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
        other_keys=tuple(k for k in keys if k is not key and KEY_ENDINGS.search(k.name)),
        measure=measure_column(columns, (key, unique, *keys)),
        said=tuple(found for header in headers if (found := said_column(columns, header))),
    )


def _require_id(unique: GuessedColumn | None) -> None:
    if unique is not None and (unique.profile.nullable or not may_tell_apart(unique)):
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
    if key.name in VIEW_COLUMNS or not may_tell_apart(key):
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
