"""Windows and hops: how far back an aggregate looks, and in which steps its tail moves.

A window ``W`` with hop ``h`` asked at ``t`` covers the event times ``[floor(t - W, h), t)``,
floored from the epoch. Its head is exact to the event; its tail moves in hops.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from slate.errors import DefinitionError

# Lengths of time in microseconds.
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
# From now it ends within the years that instants have.
_LONGEST = 1_000 * 365 * DAY
_NOTHING = re.compile(r"0+[smhd]")
_DURATION = re.compile(r"([1-9]\d*)([smhd])")

# Each step divides the next, so that any two default hops nest.
LADDER = tuple(
    number * _UNITS[unit]
    for number, unit in [
        (1, "s"), (5, "s"), (30, "s"), (1, "m"), (5, "m"), (30, "m"), (1, "h"), (6, "h"), (1, "d"),
    ]
)  # fmt: skip
FEWEST_HOPS = 12
# The open smallest hop is read event by event; a smaller one keeps a busy key from costing more.
GRAIN = 5 * MINUTE
MOST_TILES = 60
# The minutes of a week. A tile is laid out for each hop at which it counts, and DuckDB does so for
# 2,048 tiles at a time, whatever its memory limit: at this bound in 165 MB a thread.
MOST_HOPS = 10_080


# The length of a window without bound: longer than all of time that is counted in microseconds of
# half of 64 bits, so that whatever adds or subtracts it stays within these.
ALL_OF_TIME = 400_000_000_000 * SECOND
FOREVER = "forever"


@dataclass(frozen=True)
class Window:
    """A sliding window, or one without bound: a single hop of all of time, which never ends.

    Attributes:
        name: the length as written, the suffix of the feature's name ("1h", "forever").
        length: the length in microseconds.
        hop: the step of its tail in microseconds; divides the length.
    """

    name: str
    length: int
    hop: int

    @property
    def bounded(self) -> bool:
        """Whether it has a bound."""
        return self.length < ALL_OF_TIME

    @property
    def hops(self) -> int:
        """How many closed hops the window covers, besides the open one."""
        return self.length // self.hop

    def start(self, at: int) -> int:
        """The first instant inside the window asked at ``at`` (microseconds since the epoch)."""
        return (at - self.length) // self.hop * self.hop


def duration(text: str, where: str) -> int:
    """A length of time in microseconds.

    Examples:
        >>> duration("5m", "here")
        300000000

    Raises:
        DefinitionError: not a whole number of s, m, h or d.
    """
    match = _DURATION.fullmatch(str(text))
    if match is None:
        if isinstance(text, str) and _NOTHING.fullmatch(text):
            raise DefinitionError(
                f"{where}: {text!r} is not a duration: it has to be longer than nothing, as in '1h'"
            )
        if str(text).isdigit():
            raise DefinitionError(
                f"{where}: {text!r} is not a duration, as it has no unit: write s, m, h or d "
                "behind it, as in '1h'"
            )
        raise DefinitionError(
            f"{where}: {text!r} is not a duration; write a whole number and s, m, h or d, as in "
            "'1h'"
        )
    found = int(match[1]) * _UNITS[match[2]]
    if found > _LONGEST:
        # Instants that far back, or ahead, cannot be told.
        raise DefinitionError(
            f"{where}: {text!r} is longer than {_LONGEST // _UNITS['d']:,} days, which is the "
            "longest duration"
        )
    return found


def duration_name(microseconds: int) -> str:
    """The shortest way to write a length of time.

    Examples:
        >>> duration_name(300_000_000)
        '5m'
    """
    unit, size = next(
        (unit, size) for unit, size in reversed(_UNITS.items()) if microseconds % size == 0
    )
    return f"{microseconds // size}{unit}"


def window(text: str, where: str) -> Window:
    """A window from ``"1h"`` (default hop), ``"1h/1m"`` (hop said) or ``"forever"``.

    The default hop is the largest usual one that divides the window into at least twelve.

    Examples:
        >>> window("1h", "here")
        Window(name='1h', length=3600000000, hop=300000000)

    Raises:
        DefinitionError: no duration, or a hop that does not divide its window, or is too small.
    """
    if text == FOREVER:
        return Window(FOREVER, ALL_OF_TIME, ALL_OF_TIME)
    name, slash, hop_text = str(text).partition("/")
    length = duration(name, where)
    if slash:
        hop = duration(hop_text, where)
        if length % hop:
            raise DefinitionError(
                f"{where}: the hop {hop_text} does not divide the window {name}; "
                f"{duration_name(_default_hop(length, where))} would"
            )
        if length // hop > MOST_HOPS:
            raise DefinitionError(
                f"{where}: {text} has {length // hop:,} hops, and {MOST_HOPS:,} are the most: "
                f"write {name}/{duration_name(_least_hop(length))}, or a larger hop"
            )
        return Window(name, length, hop)
    hop = _default_hop(length, where)
    if length // hop > MOST_HOPS:
        raise DefinitionError(
            f"{where}: {name} is too long for a usual hop: it would have {length // hop:,}, and "
            f"{MOST_HOPS:,} are the most; say a larger one, as in "
            f"{name}/{duration_name(_least_hop(length))}"
        )
    return Window(name, length, hop)


def _least_hop(length: int) -> int:
    """The smallest hop that a window may have; a usual one, if one is large enough."""
    least = -(-length // MOST_HOPS)
    usual = [hop for hop in LADDER if length % hop == 0 and hop >= least]
    if usual:
        return usual[0]
    return next(
        h for h in range(-(-least // SECOND) * SECOND, length + 1, SECOND) if length % h == 0
    )


def _default_hop(length: int, where: str) -> int:
    fitting = [h for h in LADDER if length % h == 0 and length // h >= FEWEST_HOPS]
    if not fitting:
        raise DefinitionError(
            f"{where}: no usual hop divides {duration_name(length)} into {FEWEST_HOPS} or more; "
            "say one, as in '10s/1s'"
        )
    return fitting[-1]


def levels(windows: set[Window], where: str) -> tuple[int, ...]:
    """The sizes of tile that pay for these windows, smallest first; each divides the next.

    These are the windows' own hops, and between them as many usual ones as keep every step down
    from one level to the next short.

    Raises:
        DefinitionError: two hops of the view do not nest.
    """
    hops = {w.hop for w in windows}
    for small, large in pairwise(sorted(hops)):
        if large % small:
            raise DefinitionError(
                f"{where}: its hops {duration_name(small)} and {duration_name(large)} do not nest; "
                "choose hops so that each divides the next, as in '1h/5m' beside '1d/1h'"
            )
    chosen = set(hops)
    if min(hops) > GRAIN:
        chosen.add(max(h for h in LADDER if h <= GRAIN and min(hops) % h == 0))
    for small, large in pairwise(sorted(chosen)):
        step = small
        while large // step > MOST_TILES:
            nearer = [h for h in LADDER if step < h < large and h % step == 0 and large % h == 0]
            within = [h for h in nearer if h // step <= MOST_TILES]
            if not within:
                break
            step = within[-1]
            chosen.add(step)
    return tuple(sorted(chosen))
