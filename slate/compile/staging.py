"""Staging models: a source's events, each once, of landing files or of a table that others fill."""

from slate.compile.model_names import RAW
from slate.compile.model_text import header, listed
from slate.registry import Registry
from slate.sources import Source
from slate.windows import duration_name


def staged(registry: Registry) -> list[type[Source]]:
    """The sources whose staging models are generated; of others the deployment writes them."""
    return [source for source in registry.sources.values() if source.landing or source.table]


def staging_sql(source: type[Source]) -> str:
    """The staging model of a source."""
    return _landed(source) if source.landing else _of_table(source)


def _of_table(source: type[Source]) -> str:
    """The events of a table that others fill, which has each event once."""
    event, arrival = source.event_time, source.arrival_time
    columns = []
    for name, column in source.columns.items():
        value = f"least({event}, {arrival})" if name == event else name
        columns.append(f"cast({value} as {column.kind.sql}) as {name}")
    schema, table = table_of(source)
    what = f"The events of {source.name}, as {source.table} holds them."
    return f"""{header(what, source.__name__)}
{{{{ config(materialized='view') }}}}

select
    {listed(columns, 4)}
from {{{{ source('{schema}', '{table}') }}}}
"""


def table_of(source: type[Source]) -> tuple[str, str]:
    """The schema and the name of the table that a source's events lie in as they come."""
    if source.landing:
        return RAW, source.landing
    schema, table = source.table.split(".")
    return schema, table


def _landed(source: type[Source]) -> str:
    """The accepted events of landing files.

    Of several rows with one id, the first taken in stays; an event dated after its arrival counts
    as of its arrival.
    """
    event, arrival, unique = source.event_time, source.arrival_time, source.unique_id
    columns = [
        f"least(arrived.{event}, arrived.{arrival}) as {event}"
        if name == event
        else f"arrived.{name}"
        for name in source.columns
    ]
    horizon = f"interval '{duration_name(source.horizon)}'".replace("d'", " days'").replace(
        "h'", " hours'"
    )
    return f"""{header(f"The events of {source.name} that landed, each once.", source.__name__)}
{{{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='{arrival}',
    on_schema_change='fail'
) }}}}

with arrived as (
    select * from {{{{ source('{RAW}', '{source.landing}') }}}}
    where {{{{ arrived('{arrival}') }}}}
),

final as (
    select
        {listed(columns, 8)}
    from arrived
    -- A repeat of an id is the same event sent again: the first that was taken in stays.
    where not exists (
        select 1
        from {{{{ source('{RAW}', '{source.landing}') }}}} as earlier
        where earlier.{unique} = arrived.{unique}
            and earlier.{arrival} >= arrived.{arrival} - {horizon}
            and earlier.{arrival} <= arrived.{arrival} + {horizon}
            and (
                earlier._file < arrived._file
                or (earlier._file = arrived._file and earlier.{arrival} < arrived.{arrival})
                or (
                    earlier._file = arrived._file
                    and earlier.{arrival} = arrived.{arrival}
                    and earlier._row < arrived._row
                )
            )
    )
)

select * from final
"""
