"""Which generations of views are live, as the store tells clients, and what streams add to them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from slate.errors import RequestError, StoreError
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.instants import instant, microseconds
from slate.online.store.commands import Packed, command, together
from slate.online.store.flows import Flow
from slate.online.store.generations import (
    Generation,
    GenerationNames,
    pointer_field,
    pointers,
    read_pointer,
    stream_field,
    whole_field,
)
from slate.online.store.pointers import held_field, pin_field
from slate.online.store.stream_arrivals import Arrivals
from slate.online.store.stream_names import definition, deltas_prefix
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView
from slate.windows import HOUR


@dataclass(frozen=True)
class Live:
    """The live generation of a view.

    Attributes:
        name: its name.
        prefix: what the names of its rows begin with.
        marker: what holds its name for as long as they may be read.
        as_of: the instant up to which they know all events.
        deltas: what the names of its stream's rows begin with; None if no stream adds to them.
        stream_from: the hour of arrival from which on the stream does.
        known_until: the latest instant up to which all events are known, those of the stream too.
    """

    name: str
    prefix: str
    marker: str
    as_of: int
    deltas: str | None
    stream_from: int
    # It grows while the same generation is live.
    known_until: int = field(compare=False)


@dataclass(frozen=True)
class LiveViews:
    """What is known of views, by their names.

    Attributes:
        live: their live generations.
        unknown: of the others, why none is known.
        published: when each live generation went live first (UTC).
        held_back: those whose latest run was held back.
        pinned: those that no publish goes live of.
    """

    live: dict[str, Live]
    unknown: dict[str, AnswerError]
    published: dict[str, datetime] = field(default_factory=dict)
    held_back: set[str] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)


NOTHING = LiveViews({}, {})


class LiveGenerations:
    """Asks which generations of some views are live.

    Args:
        deployment: the deployment's name.
        registry: the definitions.
        views: the views; by default all.
    """

    def __init__(
        self, deployment: str, registry: Registry, views: Sequence[type[FeatureView]] | None = None
    ) -> None:
        self._deployment = deployment
        self._views = list(registry.views.values()) if views is None else list(views)
        self._arrivals = Arrivals(deployment, registry)
        self._streams = self._arrivals.sources
        fields = [pointer_field(view) for view in self._views]
        fields += [stream_field(source) for source in self._streams]
        fields += [whole_field(definition(view)) for view in self._views]
        fields += [held_field(pointer_field(view)) for view in self._views]
        fields += [pin_field(pointer_field(view)) for view in self._views]
        asked_for = [command("HMGET", pointers(deployment), *fields)]
        if self._streams:
            asked_for.append(self._arrivals.question())
        self.question: Packed = together(asked_for)

    def ask(self) -> Flow[LiveViews]:
        """Ask, and take in what the store says."""
        yield self.question
        replies = []
        for _ in range(self.question.number):
            replies.append((yield None))
        return self.take(replies)

    def take(self, replies: Sequence[Any]) -> LiveViews:
        """Take in the replies to ``question``."""
        reply = replies[0]
        # Each time: what a stream has brought by now counts as much as what is published.
        self._arrivals.take(replies[1] if self._streams else [])
        views, streamed = len(self._views), len(self._streams)
        used, beside = reply[views : views + streamed], reply[views + streamed :]
        whole, held, pins = beside[:views], beside[views : 2 * views], beside[2 * views :]
        streams = {
            source for source, one in zip(self._streams, used, strict=True) if one is not None
        }
        known = LiveViews(
            {},
            {},
            held_back=_named(self._views, held),
            pinned=_named(self._views, pins),
        )
        for view, pointer, all_there in zip(self._views, reply[:views], whole, strict=True):
            try:
                found = _found(view, pointer)
                if all_there is None:
                    self._require_nothing_streamed(view, found, streams)
            except StoreError as error:
                known.unknown[view.name] = AnswerError(str(error), [view.name])
                continue
            names, as_of = GenerationNames(self._deployment, view.name), microseconds(found.as_of)
            deltas, known_until = None, as_of
            if view.windowed and view.source in streams:
                deltas = deltas_prefix(self._deployment, view)
                known_until = self._arrivals.known(view.source, as_of)
            known.published[view.name] = found.published_at
            known.live[view.name] = Live(
                found.name,
                names.prefix(found.name),
                names.marker(found.name),
                as_of,
                deltas,
                found.first_hour,
                known_until,
            )
        return known

    def _require_nothing_streamed(
        self, view: type[FeatureView], live: Generation, streams: Collection[type[Source]]
    ) -> None:
        """Refuse a view to which a stream adds what is not there, and may never have been."""
        since = live.stream_from
        if since is None:
            # It was published before its stream brought anything. Once workers apply that, those
            # of another definition may be the only ones.
            if not view.windowed or view.source not in streams:
                return
            since = instant(live.first_hour * HOUR)
        arrived = self._arrivals.latest.get(view.source)
        # A store that lost all says of no stream that it ever brought anything.
        lost = arrived is None and live.stream_from is not None
        if lost or (arrived is not None and arrived >= microseconds(since)):
            raise StoreError(
                f"{view.name}: what its stream brought since {since:%Y-%m-%d %H:%M} UTC "
                "is not in the store, which lost it or has a new definition: a worker "
                "rebuilds it from the archive (`slate stream`, or `slate rebuild`)"
            )


def _named(views: Sequence[type[FeatureView]], found: Sequence[bytes | None]) -> set[str]:
    """The names of views of which the store says something."""
    return {view.name for view, one in zip(views, found, strict=True) if one is not None}


def _found(view: type[FeatureView], pointer: bytes | None) -> Generation:
    if pointer is None:
        raise StoreError(
            f"{view.name}: nothing is published under the present definition, or the store lost "
            "it: run `slate run`, or `slate rebuild` for a store that lost its data"
        )
    return read_pointer(view.name, pointer)


def require_not_before(view: type[FeatureView], at: int, live: Live) -> None:
    """Refuse an instant that a generation can tell nothing of.

    Args:
        view: the view.
        at: the instant that is asked about, in microseconds.
        live: the view's live generation.

    Raises:
        RequestError: it lies before what is published.
    """
    if at < live.as_of:
        raise RequestError(
            f"{view.name} is published as of {instant(live.as_of)}, and cannot tell what was "
            f"before that, at {instant(at)}: ask about a later instant, or read history from a "
            "training set"
        )


def without_those_ahead(views: Iterable[type[FeatureView]], at: int, known: LiveViews) -> LiveViews:
    """What is known by a clock that was set back: no view that is published as of later.

    What such a view was before cannot be told, so its rows are missing, and an error says why.

    Args:
        views: those that are asked for.
        at: the instant that the clock says, in microseconds.
        known: what is known of views.
    """
    ahead = {
        view.name: AnswerError.of_views(
            [view.name],
            f"it is published as of {instant(found.as_of)}, and the clock here says {instant(at)}: "
            "set this machine's clock right, or `clock` of slate.toml",
        )
        for view in views
        if (found := known.live.get(view.name)) is not None and at < found.as_of
    }
    if not ahead:
        return known
    live = {view: found for view, found in known.live.items() if view not in ahead}
    return replace(known, live=live, unknown=known.unknown | ahead)
