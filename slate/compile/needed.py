"""Which tiles and events the values of a few rows need, to be looked up before they are read.

The models join all tiles of the keys that are asked about. Of a few rows that is most of the work:
a busy key has a thousand tiles for each that a row needs.
"""

from itertools import pairwise

from slate.compile.asked import asked_cte
from slate.compile.model_text import listed, seconds
from slate.plans import Plan, Read
from slate.views import FeatureView


def needed_hops(view: type[FeatureView]) -> dict[int, int]:
    """How many hops of arrival before the open one a row may need, at most, of each size.

    Of the largest size a row needs all, so that is not there.
    """
    return {
        level: max(_reach(view, level), above // level) for level, above in pairwise(view.levels)
    }


def needed_sql(plan: Plan, read: Read) -> str:
    """The tiles that a windowed view's values need, for a spine of few rows.

    Of each size that is what arrived in the hops that its windows reach back over, or in the open
    hop of the next size; of the largest, whatever arrived.

    Returns:
        SQL of the view's keys, ``hop`` (the size in seconds) and ``arrived``, which is null where
        all is needed.
    """
    keys, levels = list(read.keys), read.view.levels
    parts = []
    for level, above in pairwise(levels):
        ratio = above // level
        first = f"least(now - {_reach(read.view, level)}, now // {ratio} * {ratio})"
        number = f"{{{{ hop_number('asked_at', {seconds(level)}) }}}}"
        columns = [*keys, f"{seconds(level)} as hop", f"unnest(range({first}, now)) as arrived"]
        parts.append(f"""select
        {listed(columns, 8)}
    from (select distinct {", ".join(keys)}, {number} as now from asked)""")
    columns = [*keys, f"{seconds(levels[-1])} as hop", "null as arrived"]
    parts.append(f"""select distinct
        {listed(columns, 8)}
    from asked""")
    union = "\n    union\n    ".join(parts)
    return f"""with {asked_cte(plan, read)},

needed as (
    {union}
)

select * from needed
"""


def needed_events_sql(plan: Plan, read: Read) -> str:
    """The events that they need: those of the smallest open hop.

    Returns:
        SQL of the view's keys and ``arrived``, the number of the hop of arrival.
    """
    number = f"{{{{ hop_number('asked_at', {seconds(read.view.levels[0])}) }}}}"
    return f"""with {asked_cte(plan, read)}

select distinct
    {listed([*read.keys, f"{number} as arrived"], 4)}
from asked
"""


def _reach(view: type[FeatureView], level: int) -> int:
    """How many hops of this size the longest window covers that moves by it."""
    hops = [w.hops for m in view.measures.values() for w in m.windows if w.hop == level]
    return max(hops, default=0)
