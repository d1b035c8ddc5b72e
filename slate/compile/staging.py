"""Staging models: a source's accepted events, each once."""

from slate.compile.model_names import RAW, header, listed
from slate.sources import Source
from slate.windows import duration_name


def staging_sql(source: type[Source]) -> str:
    """The staging model of a source that is taken in from landing files.

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
