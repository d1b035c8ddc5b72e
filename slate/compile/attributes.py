"""Attribute views: the latest row of a hand-written model, now and as of any instant."""

from slate.compile.model_names import current_model
from slate.compile.model_text import as_of, header, listed, seconds
from slate.features import Attribute
from slate.identifiers import MODEL_TIMES, ROW_ID
from slate.kinds import Kind
from slate.quoting import literal
from slate.views import FeatureView

EVENT_TS, RECEIVED_AT = MODEL_TIMES


def latest_row(features: list[Attribute]) -> str:
    """A model's row as a struct whose order is: event time, arrival time, row id."""
    fields = [
        f"event_ts: least({EVENT_TS}, {RECEIVED_AT})",
        f"received_at: {RECEIVED_AT}",
        f"row_id: {ROW_ID}",
        *(f"{f.column}: {f.column}" for f in features),
    ]
    return "{" + ", ".join(fields) + "}"


def attribute(feature: Attribute, at: str) -> str:
    """A feature's value from the latest row, as of an instant (SQL)."""
    view = feature.view
    assert issubclass(view, FeatureView)
    value = f"latest.{feature.column}"
    if feature.kind is Kind.FLOAT:
        # Not a number is null, as it is in NumPy.
        value = f"nullif(cast({value} as double), cast('nan' as double))"
    if view.ttl_us is not None:
        oldest = f"{at} - interval '{seconds(view.ttl_us)} seconds'"
        value = f"case when latest.event_ts >= {oldest} then {value} end"
    if feature.default is not None:
        value = f"coalesce({value}, {literal(feature.default)})"
    return value


def attributes(view: type[FeatureView]) -> list[Attribute]:
    """A view's attributes."""
    return [f for f in view.features.values() if isinstance(f, Attribute)]


def current_sql(view: type[FeatureView]) -> str:
    """The table of an attribute view's values at the end of what is known."""
    keys = list(view.entity.keys)
    features = attributes(view)
    values = [f"{attribute(f, 'as_of')} as {f.column}" for f in features]
    what = f"The values of {view.name} at the end of what is known."
    return f"""{header(what, view.__name__)}
{{{{ config(materialized='table') }}}}

with latest as (
    select
        {listed(keys, 8)},
        any_value(as_of.as_of) as as_of,
        max({latest_row(features)}) as latest
    from {{{{ ref('{view.model}') }}}} as history
    cross join {as_of(current_model(view))} as as_of
    where history.{RECEIVED_AT} < as_of.as_of
    group by {", ".join(keys)}
),

final as (
    select
        {listed(keys, 8)},
        latest.event_ts as event_ts,
        as_of,
        {listed(values, 8)}
    from latest
)

select * from final
"""
