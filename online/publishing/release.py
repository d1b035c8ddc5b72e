"""A release: generations of some views, written beside the live ones, that go live together.

All pointers of a deployment lie in one hash of the store. So its views change by one transaction,
on one server and on a cluster, and who asks which generations are live is told of all from before
it, or of all from after it. Who is killed before leaves what was live as it was.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from slate.online import spans
from slate.online.publishing.encoding import encode
from slate.online.publishing.store_errors import store_errors
from slate.online.publishing.sweeping import sweep
from slate.online.publishing.writing import GenerationWriter, overtaken
from slate.online.rows.instants import instant, microseconds
from slate.online.rows.row_tables import Rows
from slate.online.store.cluster_client import clustered
from slate.online.store.generations import (
    Generation,
    GenerationNames,
    new_name,
    pointer_field,
    pointers,
)
from slate.online.store.landed_ids import LandedFiles, tell
from slate.online.store.pointers import Pointers, held_field, pin_field
from slate.views import FeatureView

Progress = Callable[[int], None]


@dataclass(frozen=True)
class _Written:
    """A view's generation that is written, and not live.

    Attributes:
        view: the view.
        names: its names in the store.
        generation: the generation.
        began: when its writing did, for a span.
    """

    view: type[FeatureView]
    names: GenerationNames
    generation: Generation
    began: int

    @property
    def field(self) -> str:
        """The field of its pointer."""
        return pointer_field(self.view)

    def span_attributes(self) -> spans.Attributes:
        """What a span of it tells."""
        return {
            "slate.view": self.view.name,
            "slate.rows": self.generation.rows,
            "slate.bytes": self.generation.size,
        }


class Release:
    """Writes generations of views, and then makes all of them live at once.

    It is a context manager: what is not live at its end is deleted again.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        keep: how many generations of a view are kept besides its live one.
        name: what all of it is known by, as the id of a run.
    """

    def __init__(self, redis: Redis, deployment: str, keep: int, name: str) -> None:
        self._redis = redis
        self._deployment = deployment
        self._keep = keep
        self._name = name
        self._written: list[_Written] = []
        self._live: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Where the store is gone, the next publish does it.
        with suppress(RedisError, OSError):
            for one in self._written:
                if one.view.name in self._live:
                    sweep(self._redis, one.names)
                else:
                    GenerationWriter(self._redis, one.names, one.generation.name).give_up()

    def write(
        self,
        view: type[FeatureView],
        batches: Iterable[Rows],
        as_of: datetime,
        progress: Progress | None = None,
        stream_from: datetime | None = None,
        landed: LandedFiles | None = None,
    ) -> Generation:
        """Write a view's rows as a new generation beside the live one.

        From then on, no publish of the view that began before can go live. Generations that nobody
        will read are deleted, also what a publish that broke off left behind.

        Args:
            view: the view, once in a release.
            batches: its rows, each key in one of them only; rows of pairs ordered by the first key.
            as_of: the instant up to which the rows know all events.
            progress: called now and then with the number of rows written so far.
            stream_from: of a view with a stream, the hour of arrival from which on the stream
                adds what the rows lack; ``as_of`` by default.
            landed: of a view with a stream, what the rows know of landing files that its archive
                did not write.

        Returns:
            The generation, which is not live yet.

        Raises:
            DataError: the rows are not what the view defines. What else is written stays so.
            StoreError: the store fails, or a later publish of the view deleted this one.
        """
        began, until = spans.began(), microseconds(as_of)
        names, name = GenerationNames(self._deployment, view.name), new_name(view, instant(until))
        rows = keys = size = 0
        taken_in = None
        with store_errors(f"publishing {view.name}"):
            writer = GenerationWriter(self._redis, names, name)
            try:
                writer.announce()
                for values in writer.write(encode(view, batches, until)):
                    rows += values.rows
                    keys += len(values.keys)
                    size += values.size
                    if progress is not None:
                        progress(rows)
                if landed is not None:
                    taken_in = landed.taken_in and instant(microseconds(landed.taken_in))
                    # Before it is live: an event that it holds is not to be added by the stream.
                    tell(self._redis, self._deployment, view.source, landed.files)
            except BaseException:
                with suppress(RedisError, OSError):
                    writer.give_up()
                raise
        generation = Generation(
            name,
            instant(until),
            rows,
            keys,
            size,
            datetime.now(UTC),
            stream_from=stream_from and instant(microseconds(stream_from)),
            taken_in=taken_in,
            publish=self._name,
        )
        self._written.append(_Written(view, names, generation, began))
        return generation

    def leave_out(self, view: type[FeatureView]) -> None:
        """Delete what was written of a view again, so that it does not go live with the others.

        Raises:
            StoreError: the store fails; the next publish of the view deletes it.
        """
        with store_errors(f"publishing {view.name}"):
            for one in [one for one in self._written if one.view is view]:
                self._written.remove(one)
                GenerationWriter(self._redis, one.names, one.generation.name).give_up()

    def go_live(self) -> dict[str, Generation]:
        """Make all that is written live, in one step; a view that was pinned meanwhile is left out.

        Returns:
            The generations that are live now, by the names of their views.

        Raises:
            StoreError: the store fails, or a later publish of one of the views began. What was live
                stays so, of all of them.
        """
        written = self._written
        if not written:
            return {}
        with store_errors(f"publishing {', '.join(one.view.name for one in written)}"):
            live = self._switch(written)
        self._live = set(live)
        for one in written:
            if one.view.name in live:
                spans.ended("slate.publish", one.began, one.span_attributes)
        return live

    def _switch(self, written: list[_Written]) -> dict[str, Generation]:
        unmarked: set[str] = set()

        def switch(pipeline: Any) -> dict[str, Generation]:
            found = pipeline.hgetall(pointers(self._deployment))
            before = {one: Pointers.of(one.names, found) for one in written}
            now = _now(before.values())
            live: dict[str, Generation] = {}
            after: dict[_Written, Pointers] = {}
            for one, its in before.items():
                was = its.live.get(one.field)
                if was is not None and was.name == one.generation.name:
                    # It was done before, and the reply was lost.
                    live[one.view.name] = was
                    continue
                if its.publishing != one.generation.name:
                    self._unmark(before)
                    raise overtaken(one.view.name)
                if one.field in its.pinned:
                    continue
                new = replace(one.generation, published_at=now).behind(was, self._keep)
                # Clients of a former definition are served until so many of this one are kept.
                former = set(its.live) - {one.field} if len(new.kept) == self._keep else set()
                live[one.view.name], after[one] = new, its.changed(one.field, new, former)
            pipeline.multi()
            # Of a cluster they lie elsewhere, and change before the pointers: what is live has a
            # marker, and what may be swept has none.
            markers: Any = self._redis if clustered(self._redis) else pipeline
            for one, its in after.items():
                dropped = before[one].readable - its.readable
                # What was unmarked before another came between, who made it live again, is
                # readable.
                for name in {live[one.view.name].name} | (unmarked & its.readable):
                    markers.set(one.names.marker(name), name)
                for name in dropped:
                    markers.unlink(one.names.marker(name))
                unmarked.update(dropped)
            for one, its in after.items():
                gone = before[one].live.keys() - its.live.keys()
                pins, bad = map(pin_field, gone), before[one].bad
                held = map(held_field, {one.field, *gone})
                pipeline.hdel(one.names.pointers, one.names.publishing, *gone, *pins, *held, *bad)
                pipeline.hset(one.names.pointers, one.field, live[one.view.name].to_pointer())
            return live

        store: Any = self._redis
        # By what they are, with nobody between the two; as often as it takes.
        switched: dict[str, Generation] = store.transaction(
            switch, pointers(self._deployment), value_from_callable=True
        )
        return switched

    def _unmark(self, before: Mapping[_Written, Pointers]) -> None:
        """Take markers back that were set before another came between."""
        for one, its in before.items():
            if one.generation.name not in its.readable:
                self._redis.unlink(one.names.marker(one.generation.name))


def _now(known: Iterable[Pointers]) -> datetime:
    """The instant that it is, or a microsecond after the newest of some generations.

    So they are told by it in the order in which they were published, whatever a clock says.
    """
    newest = (
        one.published_at
        for its in known
        for live in its.live.values()
        for one in (live, *live.kept)
    )
    latest = max(newest, default=None)
    now = datetime.now(UTC)
    return now if latest is None else max(now, latest + timedelta(microseconds=1))
