"""Publishing: writing a view's rows to the store as a new generation, and making it live."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Self, TypeVar

from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from slate.deployment import Deployment, given_or_loaded
from slate.errors import StoreError
from slate.online import spans
from slate.online.publishing.encoding import Values, encode
from slate.online.publishing.sweeping import remove_former, sweep
from slate.online.rows.instants import instant, microseconds
from slate.online.rows.row_format import FORMAT
from slate.online.rows.row_tables import Rows
from slate.online.store.changes import changes
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import command, transaction
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import (
    Generation,
    GenerationNames,
    Pointers,
    new_name,
    pointer_field,
    pointers,
    read_pointer,
)
from slate.online.store.landed_ids import Landed, tell
from slate.online.store.redis_client import connect, open_store, require_all_is_kept
from slate.online.store.sending import send
from slate.online.store.stream_names import StreamNames
from slate.registry import Registry
from slate.views import FeatureView

Progress = Callable[[int], None]
Result = TypeVar("Result")


class Publisher:
    """Writes views' rows to the store, and says which generation of each is live.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        server: a server that is closed with the publisher.
    """

    def __init__(self, redis: Redis, deployment: str, server: EmbeddedServer | None = None) -> None:
        self._redis = redis
        self._deployment = deployment
        self._server = server

    @classmethod
    def connect(cls, deployment: Deployment | None = None) -> Self:
        """A publisher to a deployment's store.

        Args:
            deployment: by default the one of slate.toml.

        Raises:
            StoreError: the embedded server cannot be started.
        """
        deployment = given_or_loaded(deployment)
        address, server = open_store(deployment)
        return cls(connect(address), deployment.name, server)

    def close(self) -> None:
        """Close the connection, and the embedded server if it was started for it."""
        self._redis.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(
        self,
        view: type[FeatureView],
        batches: Iterable[Rows],
        as_of: datetime,
        progress: Progress | None = None,
        stream_from: datetime | None = None,
        landed: Landed | None = None,
    ) -> Generation:
        """Write a view's rows as a new generation beside the live one, then make it live.

        Generations that are neither live nor the one before are deleted, also what a publish that
        broke off left behind.

        Args:
            view: the view.
            batches: its rows, each key in one of them only; rows of pairs ordered by the first key.
            as_of: the instant up to which the rows know all events.
            progress: called now and then with the number of rows written so far.
            stream_from: of a view with a stream, the hour of arrival from which on the stream
                adds what the rows lack; ``as_of`` by default.
            landed: of a view with a stream, what the rows know of landing files that its archive
                did not write.

        Returns:
            The generation that is live now.

        Raises:
            DataError: the rows are not what the view defines. What was live stays so.
            StoreError: the store fails, or a later publish of the view deleted this one. What was
                live stays so.
        """
        since = spans.began()
        names = GenerationNames(self._deployment, view.name)
        until = microseconds(as_of)
        name = new_name(view, instant(until))
        rows = keys = size = 0
        with _store_errors(f"publishing {view.name}"), self._begun(names, name):
            for values in self._written(names, name, encode(view, batches, until)):
                rows += values.rows
                keys += len(values.keys)
                size += values.size
                if progress is not None:
                    progress(rows)
            taken_in = None
            if landed is not None:
                taken_in = landed.taken_in and instant(microseconds(landed.taken_in))
                # Before it is live: an event that it holds is not to be added by the stream.
                tell(self._redis, self._deployment, view.source, landed.files)
            live = self._switch(
                names,
                pointer_field(view),
                Generation(
                    name,
                    instant(until),
                    rows,
                    keys,
                    size,
                    datetime.now(UTC),
                    stream_from=stream_from and instant(microseconds(stream_from)),
                    taken_in=taken_in,
                ),
            )
        told: spans.Attributes = {
            "slate.view": view.name,
            "slate.rows": rows,
            "slate.bytes": size,
        }
        spans.ended("slate.publish", since, lambda: told)
        return live

    def live(self, view: type[FeatureView]) -> Generation | None:
        """The live generation of a view as it is defined now; None if it was never published.

        Raises:
            StoreError: the store fails, or what it says of it cannot be read.
        """
        pointer = self._pointer(view)
        return read_pointer(view.name, pointer) if pointer is not None else None

    def live_whole(self, view: type[FeatureView]) -> Generation | None:
        """The live generation of a view; None also where it cannot be read, or was lost.

        Raises:
            StoreError: the store fails.
        """
        pointer = self._pointer(view)
        try:
            generation = read_pointer(view.name, pointer) if pointer is not None else None
        except StoreError:
            return None
        if generation is None:
            return None
        marker = GenerationNames(self._deployment, view.name).marker(generation.name)
        with _store_errors(f"reading whether {generation.name} is whole"):
            return generation if self._redis.exists(marker) else None

    def _pointer(self, view: type[FeatureView]) -> bytes | None:
        """What the store says of a view's live generation."""
        with _store_errors(f"reading which generation of {view.name} is live"):
            store: Any = self._redis
            pointer: bytes | None = store.hget(pointers(self._deployment), pointer_field(view))
        return pointer

    def streamed_since(self, view: type[FeatureView]) -> datetime | None:
        """The first arrival that the archive of a view's stream has seen (UTC, without a zone)."""
        if not view.windowed or not view.source.stream:
            return None
        names = StreamNames(self._deployment, view.source)
        with _store_errors(f"reading when the stream of {view.source.name} began"):
            first = self._redis.get(names.first)
        return instant(int(first)).replace(tzinfo=None) if first else None

    def rollback(self, view: type[FeatureView]) -> Generation:
        """Make the generation before the live one live again, and the live one the one before.

        Raises:
            StoreError: the store fails, or there is no generation before that could be read.
        """
        names, field = GenerationNames(self._deployment, view.name), pointer_field(view)

        def roll_back(pipeline: Any) -> Generation:
            back = _before(view, pipeline.hget(names.pointers, field))
            if self._redis.mget(names.marker(back.name)) != [back.name.encode()]:
                raise _not_rolled_back(view, f"the store has lost {back.name}")
            pipeline.multi()
            pipeline.hset(names.pointers, field, back.to_pointer())
            return back

        with _store_errors(f"rolling {view.name} back"):
            return self._change(names, roll_back)

    def remove_former(self, registry: Registry, published: Generation) -> list[str]:
        """Delete all of the views that the definitions no longer have.

        Their last generation is served until the second publish that does without them: for as
        long as some generation before the live one knows no more events than it does.

        Args:
            registry: the definitions.
            published: the generation of any of their views that was just published.

        Returns:
            The names of the views that were deleted.

        Raises:
            StoreError: the store fails; the next call goes on.
        """
        if published.previous is None:
            return []
        with _store_errors("removing views that are no longer defined"):
            since = min(published.as_of, published.previous.as_of)
            return remove_former(self._redis, self._deployment, set(registry.views), since)

    @contextmanager
    def _begun(self, names: GenerationNames, generation: str) -> Iterator[None]:
        """A publish, from its announcement on; whatever ends it, nothing that is of no use stays.

        From the announcement on, no publish that began before can go live.
        """
        try:
            require_all_is_kept(self._redis)
            with changes(self._redis) as change:
                # First announced: a sweep that finds it registered knows that it is being written.
                change.hset(names.pointers, names.publishing, generation)
                change.hdel(names.pointers, names.removed)
                change.sadd(names.generations, generation)
            sweep(self._redis, names)
            yield
        except BaseException:
            # Where the store is gone as well, the next publish does it.
            with suppress(RedisError, OSError):
                self._give_up(names, generation)
                sweep(self._redis, names)
            raise
        sweep(self._redis, names)

    def _written(
        self, names: GenerationNames, generation: str, encoded: Iterable[Values]
    ) -> Iterator[Values]:
        """Write values, each while the next are encoded, and yield those that are written."""
        with ThreadPoolExecutor(1) as writing:
            waiting: tuple[Values, Future[None]] | None = None
            for values in encoded:
                if waiting is not None:
                    waiting[1].result()
                    yield waiting[0]
                waiting = values, writing.submit(self._write, names, generation, values)
            if waiting is not None:
                waiting[1].result()
                yield waiting[0]

    def _write(self, names: GenerationNames, generation: str, values: Values) -> None:
        """Write some values, each command's keys registered with it, so that all can be found."""
        registered = command("SADD", names.generations, generation)
        latest = command("HGET", names.pointers, names.publishing)
        parts = (
            (command("RPUSH", names.chunks(generation), json.dumps(keys)), write)
            for keys, write in values.commands(names.prefix(generation))
        )
        if clustered(self._redis):
            listed, writes = zip(*parts, strict=True)
            # In this order, each once the one before is done: see `sweeping`.
            self._redis.send(listed)
            self._redis.send([registered])
            self._redis.send(writes, replicated=True)
            (current,) = self._redis.send([latest])
            if current != generation.encode():
                # It may have been swept before these rows were there.
                self._redis.send(listed)
                self._redis.send([registered])
        else:
            current = send(
                self._redis, chain((transaction(registered, *part) for part in parts), [latest])
            )
        if current != generation.encode():
            raise _overtaken(names)

    def _switch(self, names: GenerationNames, field: str, written: Generation) -> Generation:
        """Make a generation live, unless a later publish began."""
        unmarked: set[str] = set()

        def switch(pipeline: Any) -> Generation:
            found = Pointers.of(names, pipeline.hgetall(names.pointers))
            before = found.live.get(field)
            if before is not None and before.name == written.name:
                # It was done before, and the reply was lost.
                return before
            if found.publishing != written.name:
                # It may have been set before another came between.
                self._redis.unlink(names.marker(written.name))
                raise _overtaken(names)
            live = written.behind(before)
            # Clients of a former definition are served until the second publish of this one.
            former = set(found.live) - {field} if before is not None else set()
            after = found.changed(field, live, former)
            pipeline.multi()
            # Of a cluster they lie elsewhere, and change before the pointer: what is live has a
            # marker, and what may be swept has none.
            markers: Any = self._redis if clustered(self._redis) else pipeline
            dropped = found.readable - after.readable
            # What was unmarked before another came between, who made it live again, is readable.
            for name in {live.name} | (unmarked & after.readable):
                markers.set(names.marker(name), name)
            for name in dropped:
                markers.unlink(names.marker(name))
            unmarked.update(dropped)
            pipeline.hdel(names.pointers, names.publishing, *former, *found.bad)
            pipeline.hset(names.pointers, field, live.to_pointer())
            return live

        return self._change(names, switch)

    def _give_up(self, names: GenerationNames, generation: str) -> None:
        """Withdraw the announcement, if no later one took its place."""

        def withdraw(pipeline: Any) -> None:
            announced = pipeline.hget(names.pointers, names.publishing)
            pipeline.multi()
            if announced == generation.encode():
                pipeline.hdel(names.pointers, names.publishing)

        self._change(names, withdraw)

    def _change(self, names: GenerationNames, change: Callable[[Any], Result]) -> Result:
        """Change pointers by what they are, with nobody between the two; as often as it takes."""
        store: Any = self._redis
        result: Result = store.transaction(change, names.pointers, value_from_callable=True)
        return result


def _before(view: type[FeatureView], pointer: bytes | None) -> Generation:
    """The generation before the live one, as it goes live again."""
    if pointer is None:
        raise _not_rolled_back(view, "it was never published")
    live = read_pointer(view.name, pointer)
    if live.previous is None:
        raise _not_rolled_back(view, "it was published only once")
    if live.previous.format != FORMAT:
        raise _not_rolled_back(view, f"{live.previous.name} is of another version of Slate")
    return live.previous.behind(live)


def _overtaken(names: GenerationNames) -> StoreError:
    return StoreError(
        f"publishing {names.view}: a later publish began, and deleted this one, or the store lost "
        "its data meanwhile; run one publish of a view at a time"
    )


def _not_rolled_back(view: type[FeatureView], why: str) -> StoreError:
    return StoreError(f"{view.name} cannot be rolled back: {why}")


@contextmanager
def _store_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreError(
            f"{doing}: the online store is full ({error}); what was written is deleted again, and "
            "what was live stays so: give it room for three generations of each view"
        ) from error
    except (RedisError, OSError) as error:
        raise StoreError(f"{doing}: the online store fails: {error}") from error
