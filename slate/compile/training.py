"""Training sets: a service's spine with every stored feature as of each row's instant."""

from slate.compile.asked import spine_sql
from slate.compile.model_names import asked_model, training_model
from slate.compile.model_text import as_of, header, listed
from slate.features import Feature
from slate.kinds import Kind
from slate.plans import Plan
from slate.quoting import literal
from slate.source_columns import Column
from slate.value_types import ValueType


def training_columns(plan: Plan) -> dict[str, ValueType]:
    """The columns of a service's training model: the spine's, then stored features by full name."""
    columns = {c.name: ValueType(c.kind) for c in plan.service.spine.columns.values()}
    return columns | {f.name: f.value_type for read in plan.reads for f in read.features}


def joined(plan: Plan) -> tuple[list[str], str]:
    """A service's stored features beside its spine.

    Returns:
        The features as items of a select list, by full name, and the from clause that they need, in
        which the spine is called ``spine``.
    """
    spine = plan.service.spine
    values, joins = [], []
    for read in plan.reads:
        name = read.view.name
        values += [f'{_value(name, feature)} as "{feature.name}"' for feature in read.features]
        expressions, _ = spine_sql(plan, read.keys, 4)
        conditions = [
            f"{name}.{key} = {expression}"
            for key, expression in zip(read.keys, expressions, strict=True)
        ]
        conditions.append(f"{name}.asked_at = spine.{spine.event_time}")
        on = "\n        and ".join(conditions)
        model = asked_model(plan, read.view)
        joins.append(f"left join {{{{ ref('{model}') }}}} as {name}\n        on {on}")
    return values, "\n    ".join([f"from {{{{ ref('{spine.model}') }}}} as spine", *joins])


def training_sql(plan: Plan) -> str:
    """The incremental model that joins a service's stored features to its spine."""
    service, spine = plan.service, plan.service.spine
    values, clause = joined(plan)
    what = (
        f"The training rows of {service.full_name}: its spine, with each stored feature as of then."
    )
    return f"""{header(what, repr(service))}
{{{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='{spine.arrival_time}',
    on_schema_change='fail',
    alias='{training_model(service)}'
) }}}}

with final as (
    select
        {listed([*(f"spine.{column}" for column in spine.columns), *values], 8)}
    {clause}
    where {{{{ arrived('spine.{spine.arrival_time}') }}}}
        -- What is asked about later waits until all that it may need is known.
        and spine.{spine.event_time} <= {as_of(training_model(service))}
)

select * from final
"""


def served_value(column: str, feature: Feature | Column) -> str:
    """A column of rows as it is served, as SQL: not a number is null, as it is in NumPy.

    Args:
        column: the column, as SQL.
        feature: whose values it holds.
    """
    is_list = isinstance(feature, Feature) and feature.value_type.length is not None
    return f"nullif({column}, 'nan')" if feature.kind is Kind.FLOAT and not is_list else column


def _value(table: str, feature: Feature) -> str:
    """A stored feature; where there is no key to look up, what an unknown key has."""
    value = f"{table}.{feature.column}"
    if feature.value_type.length is not None:
        return f"coalesce({value}, [])"
    if feature.default is not None:
        value = f"coalesce({value}, {literal(feature.default)})"
    return value
