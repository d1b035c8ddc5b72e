"""What a process's clients know of how views stand, as the store told them: for metrics."""

import time
from collections.abc import Iterable
from weakref import WeakValueDictionary

from slate.online.rows.instants import instant
from slate.online.store.live_generations import LiveViews
from slate.views import FeatureView

# The gauges of a view, all of which begin with `slate_view_`.
GAUGES = {
    "live": "1 if rows are live of the view as it is defined now, else 0.",
    "as_of_timestamp_seconds": "Up to when these rows know all events, in seconds since 1970.",
    "published_timestamp_seconds": "When these rows went live first, in seconds since 1970.",
    "known_until_timestamp_seconds": (
        "Up to when what happened is in what is served, streams included, in seconds since 1970."
    ),
    "fresh_within_seconds": "How long ago that may be: fresh_within of the view, if it says so.",
    "held_back": "1 if the latest run left the view as it was: its check, or its build, failed.",
    "pinned": "1 if a roll back pinned it, so that no publish goes live.",
}
# Those that a view has while something of it is live.
CHANGING = {name for name in GAUGES if name.endswith("_timestamp_seconds")}
# What a client was told longer ago says nothing of now: it asks as long as it is asked itself.
_TRUSTED_SECONDS = 60.0
_all: "WeakValueDictionary[int, KnownViews]" = WeakValueDictionary()


class KnownViews:
    """What one client knows of views.

    Args:
        views: the views.
    """

    def __init__(self, views: Iterable[type[FeatureView]]) -> None:
        self._views = list(views)
        self._known: LiveViews | None = None
        self.at = 0.0
        _all[id(self)] = self

    def take(self, known: LiveViews) -> None:
        """Take in what the store says now."""
        self._known, self.at = known, time.monotonic()

    def close(self) -> None:
        """Tell nothing any more."""
        _all.pop(id(self), None)

    def gauges(self) -> dict[str, dict[str, float]]:
        """The gauges of each view by their names; those that say nothing are not there."""
        return {} if self._known is None else {v.name: _gauges(v, self._known) for v in self._views}


def _gauges(view: type[FeatureView], known: LiveViews) -> dict[str, float]:
    name = view.name
    found = {
        "live": float(name in known.live),
        "held_back": float(name in known.held_back),
        "pinned": float(name in known.pinned),
    }
    if view.fresh_within_us is not None:
        found["fresh_within_seconds"] = view.fresh_within_us / 1e6
    if (live := known.live.get(name)) is not None:
        found["as_of_timestamp_seconds"] = instant(live.as_of).timestamp()
        found["known_until_timestamp_seconds"] = instant(live.known_until).timestamp()
        found["published_timestamp_seconds"] = known.published[name].timestamp()
    return found


def told_last() -> float:
    """When the store told any client of this process something last, on the monotonic clock."""
    return max((one.at for one in _clients()), default=0.0)


def view_gauges() -> dict[str, dict[str, float]]:
    """The gauges of views that clients of this process were told of lately, by view and name."""
    found: dict[str, dict[str, float]] = {}
    trusted = time.monotonic() - _TRUSTED_SECONDS
    for one in sorted(_clients(), key=lambda one: one.at):
        if one.at >= trusted:
            found |= one.gauges()
    return found


def _clients() -> list[KnownViews]:
    # Others may come meanwhile: not every way of going through them bears that.
    return [one for ref in _all.valuerefs() if (one := ref()) is not None]
