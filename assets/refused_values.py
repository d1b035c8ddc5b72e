"""What may mend the rows of a file that are refused, by the values that they are refused for."""

import shlex
from collections.abc import Collection, Iterator

import duckdb

from slate.assets.staged_events import GIVEN, REASON, STAGED
from slate.kinds import Kind
from slate.privacy import personal_columns
from slate.refusals import Empty, mistyped
from slate.source_columns import Column
from slate.sources import Source

_LONGEST = 40  # of a value that may stand for none


def hints(
    connection: duckdb.DuckDBPyConnection, source: type[Source], given: Collection[str]
) -> Iterator[str]:
    """What is to be said or annotated so that rows are taken, in words, of each column once.

    Args:
        connection: where the file is staged.
        source: whose events they are.
        given: the source's columns that the file has.
    """
    hidden = personal_columns(source)
    roles = (source.unique_id, source.event_time, source.arrival_time)
    for column in source.columns.values():
        # What is made by a rule is null because of the column that it is made of.
        if column.name not in given or column.name in roles:
            continue
        if column.kind is Kind.STRING:
            if not column.is_key and _most(connection, column, Empty().reason) is not None:
                yield (
                    f"{column.name}: an empty text, which `str` does not take: annotate it "
                    "`str | None`"
                )
            continue
        value = _most(connection, column, mistyped(column.kind))
        if value is None or len(value) > _LONGEST or column.name in hidden:
            continue
        told = f"{column.name}: {value!r} is not {column.kind.words}"
        told += f": --null {shlex.quote(value)}, if it stands for no value"
        if not column.nullable:
            told += f", and annotate the column `{column.kind.value} | None`"
        yield told


def _most(connection: duckdb.DuckDBPyConnection, column: Column, reason: str) -> str | None:
    """The value for which most rows are refused for a reason; None if none is."""
    ((value,),) = connection.execute(
        f"""select mode(cast({GIVEN}{column.name} as varchar)) from {STAGED}
        where list_contains(string_split({REASON}, '; '), ?)""",
        [f"{column.name}: {reason}"],
    ).fetchall()
    found: str | None = value
    return found
