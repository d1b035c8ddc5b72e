"""Values as of the instants that a spine asks about: history without blow-up.

This is the point-in-time join of windowed features: ``asked`` are the keys and instants of the
rows that a training set is built for (the spine), each once.

A window is paid for in the largest coins: its closed hops, then the smaller hops that closed since
in the open one, then those of the open hop of these, and at last the single events of the smallest
open hop. Each part is an equality join of the hops that are asked about with the tiles that count
in them: a key with a twentieth of all events costs no more than the rest, and a tile in whose time
nobody asks about its key is read, no more.

A tile counts from the hop after the one in which it became known. A part of size ``h``, asked in
the hop ``T``, takes for a window of its own hop the tiles ``[T - n, T)`` known before ``T``; for a
window with larger hops, what became known before ``T`` in the open hop of the next size.

A model lists what is its own: the parts, what single events add to them, and how features are
finished. The tables for each size of tile, and of what came before, macros/history.sql writes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from slate.aggregates import ValueCounts
from slate.aggregates.kept_events import Latest
from slate.compile.attributes import RECEIVED_AT, attribute, latest_row
from slate.compile.finishing import finished, of_last_events
from slate.compile.model_names import asked_model, level_name, tiles_model
from slate.compile.model_text import header, listed, seconds
from slate.compile.window_parts import Part, all_parts, counted_words
from slate.features import Aggregated, Attribute
from slate.plans import Plan, Read
from slate.quoting import literal
from slate.services import FeatureService
from slate.views import FeatureView


@dataclass(frozen=True)
class AskedView:
    """A view's values at the instants that a spine asks about, for all services that read it so.

    Attributes:
        plan: the plan of one of these services.
        read: how it reads the view, with the features that any of them uses.
        services: the services.
    """

    plan: Plan
    read: Read
    services: tuple[FeatureService, ...]

    @property
    def model(self) -> str:
        """The name of the model that holds the values."""
        return asked_model(self.plan, self.read.view)


def all_asked(plans: Iterable[Plan]) -> list[AskedView]:
    """What services ask of their views; what several ask alike once."""
    found: dict[str, AskedView] = {}
    for plan in plans:
        for read in plan.reads:
            model = asked_model(plan, read.view)
            asked = found.setdefault(model, AskedView(plan, read, ()))
            used = {*asked.read.features, *read.features}
            features = tuple(f for f in read.view.features.values() if f in used)
            found[model] = replace(
                asked,
                read=replace(asked.read, features=features),
                services=(*asked.services, plan.service),
            )
    return list(found.values())


def asked_sql(asked: AskedView) -> str:
    """The model of a view's values at the instants that a spine asks about."""
    return _windowed(asked) if asked.read.view.windowed else _attributes(asked)


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
        model, keys = asked_model(plan, view), plan.read(view).keys
        conditions = [f"{view.name}.{key} = {source(w)}" for key, w in keys.items()]
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


def _header(asked: AskedView) -> str:
    view, names = asked.read.view, [service.full_name for service in asked.services]
    what = f"The values of {view.name} at the instants that {' and '.join(names)} ask about."
    return header(
        what if len(names) > 1 else what.replace(" ask about", " asks about"),
        " and ".join([view.__name__, *map(repr, asked.services)]),
    )


def _attributes(asked: AskedView) -> str:
    read = asked.read
    view, keys = read.view, list(read.keys)
    used = [f for f in read.features if isinstance(f, Attribute)]
    values = [f"{attribute(f, 'asked_at')} as {f.column}" for f in used]
    same = "\n        and ".join(f"asked.{key} = history.{key}" for key in keys)
    # Of a few rows, few histories: what follows costs something for each row of the model.
    names = ", ".join(keys)
    of_asked = f"{f'({names})' if len(keys) > 1 else names} in (select {names} from asked)"
    return f"""{_header(asked)}
{{{{ config(materialized='table') }}}}

with {asked_cte(asked.plan, read)},

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


def _windowed(asked: AskedView) -> str:
    read = asked.read
    view, keys = read.view, list(read.keys)
    source, smallest = view.source, seconds(view.levels[0])
    used = tuple(f for f in read.features if isinstance(f, Aggregated))
    parts = all_parts(used).values()
    levels = {level_name(level): seconds(level) for level in view.levels}
    windows = [*keys, "asked_at"]
    head = [f"{_of_events(view, part)} as {part.column}" for part, _ in parts]
    number = f"{{{{ hop_number('{source.arrival_time}', {smallest}) }}}} as hop_{smallest}"
    values = [f"{finished(f, 'asked_at')} as {f.column}" for f in used]
    last_events, found = of_last_events(used, windows, "merged", "asked_at")
    return f"""{_header(asked)}
{{{{ config(materialized='table') }}}}

{{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}}
{{%- set keys = {keys} %}}
{{%- set levels = {levels} %}}
{{%- set parts = [
    {listed([_row(view, part) for part, _ in parts], 4)},
] %}}

with {asked_cte(asked.plan, read)},

hops as (
    select
        *
        {{%- for level in levels.values() %}},
        {{{{ hop_number('asked_at', level) }}}} as hop_{{{{ level }}}}
        {{%- endfor %}}
    from asked
),

head as (
    -- The smallest open hop, event by event.
    select
        {listed([*windows, *head], 8)}
    from hops
    inner join (
        select *, {number} from {{{{ ref('{source.model}') }}}}
    ) as events using ({", ".join([*keys, f"hop_{smallest}"])})
    where {source.arrival_time} < asked_at
    group by {", ".join(windows)}
),

{{{{ known_parts(ref('{tiles_model(view)}'), keys, levels, parts) }}}}

merged as (
    {{{{ merged_parts(keys, levels, parts) }}}}
),

{last_events}final as (
    select
        {listed([*windows, *values], 8)}
    from {found}
)

select * from final
"""


def _row(view: type[FeatureView], part: Part) -> str:
    """What the macros are told of a part, as a dict of Jinja; macros/history.sql explains it."""
    told: dict[str, object] = {"name": part.column}
    if isinstance(part.partial, ValueCounts):
        told = counted_words(part, part.partial)
    elif part.length is not None:
        told["list"] = part.measure.name
    else:
        told["tiles"] = part.over_tiles("%s")
    if part.window is not None and not part.only_grows:
        told |= {"hop": seconds(part.window.hop), "hops": part.window.hops}
    else:
        # Hops of the largest size are never paid for one by one: what is known of them only grows.
        told["hop"] = seconds(view.levels[-2]) if len(view.levels) > 1 else 0
        if isinstance(part.partial, Latest):
            told["latest"] = part.length or 1
        else:
            told["earlier"] = part.over_all()
    words = [f"'{word}': {value!r}" for word, value in told.items()]
    if "counted" not in told:
        words.append(f"'merged': {part.partial.macro}")
    return "{" + ", ".join(words) + "}"


def _of_events(view: type[FeatureView], part: Part) -> str:
    """A part of the events of the smallest open hop."""
    if part.window is None or part.only_grows:
        return part.over_events(view)
    length, hop = seconds(part.window.length), seconds(part.window.hop)
    start = f"{{{{ window_start('asked_at', {length}, {hop}) }}}}"
    return part.over_events(view, f"{view.source.event_time} >= {start}")
