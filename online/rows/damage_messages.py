"""What is said of values that cannot be read, or not as of the instant asked about."""

from collections.abc import Mapping, Sequence

from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.instants import instant
from slate.views import FeatureView

NAMED = 3
MEND = "publish the view again (`slate run`)"
STREAM_MEND = (
    "a worker rebuilds them from the archive when it next adds to one of them, and a publish "
    "that knows the hour ends it too"
)


def damage(
    view: type[FeatureView],
    what: str,
    keys: Sequence[object],
    damaged: Mapping[int, str],
    mend: str,
) -> AnswerError:
    """The error for values that cannot be read.

    Args:
        view: the view.
        what: what the values are.
        keys: the keys that were asked for.
        damaged: by the position of their key, what is wrong.
        mend: what to do.
    """
    return AnswerError.of_views(
        [view.name],
        f"{what} of {_named(view, keys, damaged)} cannot be read, and nothing is "
        f"known of these keys: {mend}; if it happens again, check the store's memory and disk, and "
        "who else writes to it",
    )


def unread(view: type[FeatureView], keys: Sequence[object], why: Mapping[int, str]) -> AnswerError:
    """The error for values that lie on a node of the store which did not answer.

    Args:
        view: the view.
        keys: the keys that were asked for.
        why: by the position of their key, why it did not.
    """
    return AnswerError.of_views(
        [view.name],
        f"nothing is known of {_named(view, keys, why)}, as the node of the online "
        "store that has them did not answer",
    )


def past(
    view: type[FeatureView], keys: Sequence[object], later: Mapping[int, int], at: int
) -> AnswerError:
    """The error for rows that cannot be told as of an instant, as later events are in them.

    Args:
        view: the view.
        keys: the keys that were asked for.
        later: by the position of their key, up to when events are in them, in microseconds.
        at: the instant asked about, in microseconds.
    """
    until = {place: f"up to {instant(known)}" for place, known in later.items()}
    return AnswerError.of_views(
        [view.name],
        f"its stream added events that arrived after {instant(at)}, the instant asked "
        f"about, to the rows of {_named(view, keys, until)}, which cannot be told without them: "
        "ask about now, or read history from a training set; where this was asked about now, the "
        "machine's clock is behind the store's",
    )


def _named(view: type[FeatureView], keys: Sequence[object], said: Mapping[int, str]) -> str:
    """The first of some keys, each with what is said of it."""
    named = [f"{keys[place]!r} ({what})" for place, what in list(said.items())[:NAMED]]
    if more := len(said) - len(named):
        named.append(f"{more:,} more")
    return f"{', '.join(view.entity.keys)} {', '.join(named)}"
