"""What is said of values that cannot be read."""

from collections.abc import Mapping, Sequence

from slate.views import FeatureView

NAMED = 3
MEND = "publish the view again (`slate run`)"
STREAM_MEND = (
    "a worker makes them anew from the archive when it next adds to one of them, and a publish "
    "that knows the hour ends it too"
)


def damage(
    view: type[FeatureView],
    what: str,
    keys: Sequence[object],
    damaged: Mapping[int, str],
    mend: str,
) -> str:
    """The error for values that cannot be read.

    Args:
        view: the view.
        what: what the values are.
        keys: the keys that were asked for.
        damaged: by the position of their key, what is wrong.
        mend: what to do.
    """
    named = [f"{keys[place]!r} ({why})" for place, why in list(damaged.items())[:NAMED]]
    if more := len(damaged) - len(named):
        named.append(f"{more:,} more")
    names = ", ".join(view.entity.keys)
    return (
        f"{view.name}: {what} of {names} {', '.join(named)} cannot be read, and nothing is known "
        f"of these keys: {mend}; if it comes again, see to the store's memory and disk, and to who "
        "else writes to it"
    )
