"""What a source refuses: rows that its definition does not allow."""

from collections.abc import Iterator

import pyarrow as pa

from slate.coercion import LandedColumn, landed_column
from slate.quoting import literal
from slate.refusals import MISSING, mistyped, rules
from slate.source_columns import Column
from slate.sources import Source


def null_column(column: Column) -> str:
    """A column that no landed file has."""
    return f"cast(null as {column.kind.sql}) as {column.name}"


def coerced_column(column: Column, given: pa.DataType) -> str:
    """A landed column of some type as its definition's; null where it cannot be."""
    return f"{_landed(column, given).value} as {column.name}"


def reasons(
    source: type[Source], column: Column, given: pa.DataType | None, hour: str = ""
) -> Iterator[str]:
    """SQL that gives, for each way in which a column can be wrong, a reason or null.

    Args:
        source: whose rows they are.
        column: the source's column.
        given: the type that the file says it has; None if it has no such column.
        hour: the hour, as SQL, in which all rows of the file arrived; empty if it may be any.
    """
    if given is None:
        return
    name, found = column.name, _landed(column, given)

    def when(condition: str, reason: str) -> str:
        return f"case when {condition} then {literal(f'{name}: {reason}')} end"

    if not column.nullable:
        yield when(f"not ({found.given})", MISSING)
    yield when(f"{found.given} and ({found.value}) is null", mistyped(column.kind))
    for rule in rules(source, name):
        yield when(rule.sql(f"({found.value})"), rule.reason)
    if hour and name == source.arrival_time:
        yield when(
            f"date_trunc('hour', {found.value}) <> {hour}",
            "not in the hour that the file is for",
        )


def _landed(column: Column, given: pa.DataType) -> LandedColumn:
    return landed_column(column.kind, given, f'landed."{column.name}"')
