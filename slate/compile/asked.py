"""Values as of the instants that a spine asks about: history without blow-up.

A window is paid for in the largest coins: its closed hops, then the smaller hops that closed since
in the open one, then those of the open hop of these, and at last the single events of the smallest
open hop. Each part is one equality join of tiles with the hops that are asked about, so a key with
a twentieth of all events costs no more than the rest.

A tile counts from the hop after the one in which it became known. A part of size ``h``, asked in
the hop ``T``, takes for a window of its own hop the tiles ``[T - n, T)`` known before ``T``; for a
window with larger hops, what became known before ``T`` in the open hop of the next size.
"""

from itertools import pairwise

from slate.compile.attributes import RECEIVED_AT, attribute, latest_row
from slate.compile.names import asked_model, header, level_name, listed, seconds, tiles_model
from slate.compile.partials import Part, all_parts, finished, finishing_ctes
from slate.compile.sequences import closed_cte, closed_name, earlier_ctes
from slate.features import Aggregated, Attribute, Feature
from slate.filters import literal
from slate.plans import Plan, Read
from slate.views import FeatureView


def asked_sql(plan: Plan, read: Read) -> str:
    """The model of one view's values at the instants that a service's spine asks about."""
    if read.view.windowed:
        return _windowed(plan, read)
    return _attributes(plan, read)


def spine_sql(
    plan: Plan, columns: dict[str, str | Attribute], indent: int
) -> tuple[list[str], str]:
    """How to come by keys from the spine.

    Args:
        plan: the service's plan.
        columns: for each key column wanted, the spine's column or the attribute that holds it.
        indent: how far the joins are indented.

    Returns:
        The key expressions in order, and the from clause with the joins that they need.
    """
    joins: list[str] = []
    expressions = []

    def source(way: str | Attribute) -> str:
        if isinstance(way, str):
            return f"spine.{way}"
        view = way.view
        assert isinstance(view, type)
        assert issubclass(view, FeatureView)
        model = asked_model(plan.service, view)
        read = next(r for r in plan.reads if r.view is view)
        conditions = [f"{view.name}.{key} = {source(w)}" for key, w in read.keys.items()]
        conditions.append(f"{view.name}.asked_at = spine.{plan.service.spine.event_time}")
        join = f"left join {{{{ ref('{model}') }}}} as {view.name}\n    on " + "\n    and ".join(
            conditions
        )
        if join not in joins:
            joins.append(join)
        found = f"{view.name}.{way.column}"
        # Where there is no key to look up, what an unknown key leads to.
        return found if way.default is None else f"coalesce({found}, {literal(way.default)})"

    for way in columns.values():
        expressions.append(source(way))
    spine = plan.service.spine
    start = f"from {{{{ ref('{spine.model}') }}}} as spine"
    clause = "\n".join([start, *joins]).replace("\n", "\n" + " " * indent)
    return expressions, clause


def asked_cte(plan: Plan, read: Read) -> str:
    """``asked``: each key and instant once, however often the spine asks for it."""
    expressions, clause = spine_sql(plan, read.keys, 4)
    spine = plan.service.spine
    named = [
        expression if expression == f"spine.{key}" else f"{expression} as {key}"
        for key, expression in zip(read.keys, expressions, strict=True)
    ]
    present = [f"and {expression} is not null" for expression in expressions]
    return f"""asked as (
    select distinct
        {listed(named, 8)},
        spine.{spine.event_time} as asked_at
    {clause}
    where {{{{ arrived('spine.{spine.arrival_time}') }}}}
        {(chr(10) + " " * 8).join(present)}
)"""


def _attributes(plan: Plan, read: Read) -> str:
    view, keys = read.view, list(read.keys)
    used = [f for f in read.features if isinstance(f, Attribute)]
    values = [f"{attribute(f, 'asked_at')} as {f.column}" for f in used]
    same = "\n        and ".join(f"asked.{key} = history.{key}" for key in keys)
    # Of a few rows, few histories: what follows costs something for each row of the model.
    names = ", ".join(keys)
    of_asked = f"{f'({names})' if len(keys) > 1 else names} in (select {names} from asked)"
    return f"""{header(f"{view.__name__} and {plan.service!r}")}
{{{{ config(materialized='table') }}}}

with {asked_cte(plan, read)},

history as (
    select
        {listed(keys, 8)},
        {RECEIVED_AT},
        -- Of what had arrived by then, the row of the latest event time.
        max({latest_row(used)}) over (
            partition by {", ".join(keys)}
            order by {RECEIVED_AT}
            range between unbounded preceding and current row
        ) as latest
    from {{{{ ref('{view.model}') }}}}
    where {of_asked}
),

final as (
    select
        {listed([f"asked.{key}" for key in keys], 8)},
        asked.asked_at,
        {listed(values, 8)}
    from asked
    asof left join history
        on {same}
        and asked.asked_at > history.{RECEIVED_AT}
)

select * from final
"""


def _windowed(plan: Plan, read: Read) -> str:
    view, keys = read.view, list(read.keys)
    levels = view.levels
    used = tuple(f for f in read.features if isinstance(f, Aggregated))
    parts = all_parts(used)
    hops = [f"{{{{ hop_number('asked_at', {seconds(h)}) }}}} as {_hop(h)}" for h in levels]
    ctes = [
        asked_cte(plan, read),
        f"""hops as (
    select
        *,
        {listed(hops, 8)}
    from asked
)""",
    ]
    tables: dict[str, list[str]] = {column: [] for column in parts}
    joins: list[str] = []
    for level, above in [*pairwise(levels), (levels[-1], None)]:
        columns = _level_columns(parts, level, above)
        if columns:
            ctes.append(_level(view, keys, level, above, columns, used))
            name = level_name(level)
            joins.append(_join(name, keys, [f"{name}.hop = hops.{_hop(level)}"]))
            for column in columns:
                tables[column].append(name)
    lists = [part for part, _ in parts.values() if part.listed]
    for part in lists:
        for level, above in pairwise(levels):
            name = closed_name(part, level)
            ctes.append(closed_cte(view, keys, part, level, above, _hop(level)))
            joins.append(_join(name, keys, [f"{name}.hop = hops.{_hop(level)}"]))
            tables[part.column].append(name)
    running = [part for part, _ in parts.values() if part.running]
    earlier: dict[str, list[Part]] = {}
    if single := [part for part in running if part not in lists]:
        ctes.append(_earlier(view, keys, levels[-1], single))
        earlier["earlier"] = single
    for part in lists:
        for name, cte in earlier_ctes(view, keys, part, levels[-1]).items():
            ctes.append(cte)
            earlier[name] = [part]
    for name, held in earlier.items():
        joins.append(_join(name, keys, [f"hops.{_hop(levels[-1])} > {name}.arrived"], "asof "))
        for part in held:
            tables[part.column].append(name)
    ctes.append(_head(view, keys, levels[0], parts))
    joins.append(_join("head", keys, ["head.asked_at = hops.asked_at"]))
    for column in parts:
        tables[column].append("head")
    merged = [f"{part.across(tables[column])} as {column}" for column, (part, _) in parts.items()]
    lines = "\n    ".join(joins)
    ctes.append(f"""merged as (
    select
        {listed([f"hops.{key}" for key in keys], 8)},
        hops.asked_at,
        {listed(merged, 8)}
    from hops
    {lines}
)""")
    values = [f"{finished(f, 'asked_at')} as {f.column}" for f in used]
    windows = [*keys, "asked_at"]
    finishing, found = finishing_ctes(used, windows, "merged", "asked_at")
    ctes += finishing
    ctes.append(f"""final as (
    select
        {listed(windows, 8)},
        {listed(values, 8)}
    from {found}
)""")
    body = ",\n\n".join(ctes)
    return f"""{header(f"{view.__name__} and {plan.service!r}")}
{{{{ config(materialized='table') }}}}

with {body}

select * from final
"""


def _hop(level: int) -> str:
    return f"hop_{seconds(level)}"


def _join(name: str, keys: list[str], conditions: list[str], kind: str = "") -> str:
    terms = [f"{name}.{key} = hops.{key}" for key in keys] + conditions
    return f"{kind}left join {name}\n        on " + "\n        and ".join(terms)


def _level_columns(
    parts: dict[str, tuple[Part, Aggregated]], level: int, above: int | None
) -> dict[str, tuple[Part, Aggregated]]:
    """The parts that tiles of this size pay for: windows of this hop, and of larger ones."""
    return {
        column: (part, feature)
        for column, (part, feature) in parts.items()
        if (part.running and not part.listed and above is not None)
        or (not part.running and feature.window is not None and feature.window.hop >= level)
    }


def _level(
    view: type[FeatureView],
    keys: list[str],
    level: int,
    above: int | None,
    columns: dict[str, tuple[Part, Aggregated]],
    used: tuple[Feature, ...],
) -> str:
    name, hop = level_name(level), _hop(level)
    own = [
        f.window.hops
        for f in used
        if isinstance(f, Aggregated) and f.window is not None and f.window.hop == level
        if not f.measure.lasting
    ]
    ends = [f"tile + {max(own)}"] if own else []
    if above is not None:
        ratio = above // level
        ends.append(f"arrived // {ratio} * {ratio} + {ratio - 1}")
    end = f"greatest({', '.join(ends)})" if len(ends) > 1 else ends[0]
    values = [
        f"{part.over_tiles(_pays(level, above, feature, part))} as {column}"
        for column, (part, feature) in columns.items()
    ]
    same = ", ".join([*keys, "hop"])
    return f"""{name}_known as (
    select * replace (unnest(range(arrived + 1, {end} + 1)) as hop)
    from {{{{ ref('{tiles_model(view)}') }}}}
    where hop = {seconds(level)}
),

{name} as (
    select
        {listed([*keys, "hop"], 8)},
        {listed(values, 8)}
    from (select distinct {", ".join(keys)}, {hop} as hop from hops)
    inner join {name}_known using ({same})
    group by {same}
)"""


def _pays(level: int, above: int | None, feature: Aggregated, part: Part) -> str:
    """Which of the known tiles of this size belong to a window."""
    window = None if part.running else feature.window
    if window is not None and window.hop == level:
        return f"tile >= hop - {window.hops}"
    assert above is not None
    ratio = above // level
    condition = f"arrived // {ratio} = hop // {ratio}"
    if window is None:
        return condition
    steps = window.hop // level
    return f"{condition} and tile >= (hop // {steps} - {window.hops}) * {steps}"


def _earlier(view: type[FeatureView], keys: list[str], level: int, parts: list[Part]) -> str:
    by_key = ", ".join(keys)
    running = [
        f"{part.over_all()} over (partition by {by_key} order by arrived) as {part.column}"
        for part in parts
    ]
    return f"""earlier as (
    -- Of all that was known by the end of each of the largest hops.
    select
        {listed([*keys, "arrived"], 8)},
        {listed(running, 8)}
    from {{{{ ref('{tiles_model(view)}') }}}}
    where hop = {seconds(level)}
    group by {by_key}, arrived
)"""


def _head(
    view: type[FeatureView],
    keys: list[str],
    level: int,
    parts: dict[str, tuple[Part, Aggregated]],
) -> str:
    source = view.source
    values = []
    for column, (part, feature) in parts.items():
        condition = ""
        if feature.window is not None and not part.running:
            length, hop = seconds(feature.window.length), seconds(feature.window.hop)
            start = f"{{{{ window_start('asked_at', {length}, {hop}) }}}}"
            condition = f"{source.event_time} >= {start}"
        values.append(f"{part.over_events(view, condition)} as {column}")
    open_hop = _hop(level)
    same = ", ".join([*keys, open_hop])
    number = f"{{{{ hop_number('{source.arrival_time}', {seconds(level)}) }}}}"
    return f"""head as (
    -- The smallest open hop, event by event.
    select
        {listed([*keys, "asked_at"], 8)},
        {listed(values, 8)}
    from hops
    inner join (
        select *, {number} as {open_hop} from {{{{ ref('{source.model}') }}}}
    ) as events using ({same})
    where {source.arrival_time} < asked_at
    group by {", ".join([*keys, "asked_at"])}
)"""
