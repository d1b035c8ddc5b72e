"""Lists of the latest events known at an instant, put together of tiles.

A tile keeps its latest ``n`` events in a list. Lists are large, so they are never copied for each
hop that they count in, nor kept for each hop that a key has lived through:

- Of the hops that closed since, within the open one of the next size, a list is joined with the
  instants that are asked about.
- Of all that was known by the end of one of the largest hops: what arrived in the hop that it
  happened in comes in order of time, so its latest ``n`` lie in the last tiles that hold ``n``
  events between them. What arrived later is in no order; there a running list is kept, which costs
  more, for events that are few.
"""

from slate.aggregates.partials import Latest
from slate.compile.names import level_name, listed, seconds, tiles_model
from slate.compile.partials import Part
from slate.views import FeatureView


def closed_name(part: Part, level: int) -> str:
    """The name of ``closed_cte``."""
    return f"{part.measure.name}_{level_name(level)}"


def closed_cte(
    view: type[FeatureView], keys: list[str], part: Part, level: int, above: int, hop: str
) -> str:
    """The lists of the hops that closed in the open hop of the next size.

    Args:
        view: the view.
        keys: its key columns.
        part: the column of lists.
        level: the size of the closed hops in microseconds.
        above: the next size.
        hop: the column of ``hops`` that numbers the hop asked about.
    """
    column, ratio, latest = part.column, above // level, part.partial
    assert isinstance(latest, Latest)
    same = "\n        and ".join(f"tiles.{key} = wanted.{key}" for key in keys)
    wanted = [f"wanted.{name}" for name in (*keys, "hop")]
    return f"""{closed_name(part, level)} as (
    -- The latest of what arrived in the open hop of the next size, in the hops of it that closed.
    select
        {listed(wanted, 8)},
        {latest.of_lists(f"list(tiles.{column})")} as {column}
    from (select distinct {", ".join(keys)}, {hop} as hop from hops) as wanted
    inner join {{{{ ref('{tiles_model(view)}') }}}} as tiles
        on {same}
        and tiles.arrived // {ratio} = wanted.hop // {ratio}
        and tiles.arrived < wanted.hop
    where tiles.hop = {seconds(level)}
    group by {", ".join(wanted)}
)"""


def earlier_ctes(
    view: type[FeatureView], keys: list[str], part: Part, level: int
) -> dict[str, str]:
    """The lists of all that was known by the end of each of the largest hops, in two parts.

    Args:
        view: the view.
        keys: its key columns.
        part: the column of lists.
        level: the size of the hops in microseconds.

    Returns:
        By name the CTEs, each of the keys, ``arrived`` and the column.
    """
    in_time, late = f"{part.measure.name}_in_time", f"{part.measure.name}_late"
    by_key, column, latest = ", ".join(keys), part.column, part.partial
    assert isinstance(latest, Latest)
    length = latest.column.length
    assert length is not None
    tiles = f"""from {{{{ ref('{tiles_model(view)}') }}}}
        where hop = {seconds(level)}"""
    running = latest.of_lists(f"list({column}) over latest")
    return {
        in_time: f"""{in_time} as (
    -- By the end of each of the largest hops, the latest of what arrived in the hop of its time:
    -- it lies in the last tiles that hold so many events.
    select
        {listed([*keys, "arrived"], 8)},
        {running} as {column}
    from (
        select *, sum(len({column})) over (partition by {by_key} order by arrived) as {column}__n
        {tiles} and tile = arrived and {column} is not null
    )
    window latest as (
        partition by {by_key} order by {column}__n
        range between {length - 1} preceding and current row
    )
)""",
        late: f"""{late} as (
    -- And of what arrived in a later hop.
    select
        {listed([*keys, "arrived"], 8)},
        max({column}, {length}) over (partition by {by_key} order by arrived) as {column}
    from (
        select {by_key}, arrived, unnest({column}) as {column}
        {tiles} and tile < arrived
    )
)""",
    }
