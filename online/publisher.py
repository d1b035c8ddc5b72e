"""Publishing: writing a view's rows to the store as a new generation, and making it live."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Self

from redis import Redis
from redis.exceptions import RedisError, WatchError

from online.commands import command, delete
from online.embedded import EmbeddedServer
from online.generations import Generation, Names, new_name
from online.instants import instant, microseconds
from online.keys import Keys
from online.rows import Rows
from online.store import connect, open_store, send
from online.stream.landed_ids import Landed, tell
from online.stream.names import StreamNames
from online.writing import Values, encode
from slate.deployment import Deployment, load
from slate.errors import StoreError
from slate.views import FeatureView

Progress = Callable[[int], None]


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
        deployment = deployment or load()
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
        names = Names(self._deployment, view)
        until = microseconds(as_of)
        generation = new_name(view, instant(until))
        rows = keys = size = 0
        with _store_errors(f"publishing {view.name}"):
            self._sweep(names)
            self._redis.sadd(names.generations, generation)
            for values in encode(view, batches, until):
                self._write(names, generation, values)
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
                Generation(
                    generation,
                    instant(until),
                    rows,
                    keys,
                    size,
                    datetime.now(UTC),
                    stream_from=stream_from and instant(microseconds(stream_from)),
                    taken_in=taken_in,
                ),
            )
            self._sweep(names)
        return live

    def live(self, view: type[FeatureView]) -> Generation | None:
        """The live generation of a view as it is defined now; None if it was never published."""
        names = Names(self._deployment, view)
        with _store_errors(f"reading which generation of {view.name} is live"):
            pointer = self._redis.hget(names.pointers, names.pointer)
        return Generation.from_json(pointer) if pointer else None

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
            StoreError: the store fails, or there is no generation before.
        """
        live = self.live(view)
        if live is None or live.previous is None:
            raise StoreError(
                f"{view.name} cannot be rolled back: "
                + ("it was never published" if live is None else "it was published only once")
            )
        names = Names(self._deployment, view)
        back = live.previous.behind(live)
        with _store_errors(f"rolling {view.name} back"):
            self._redis.hset(names.pointers, names.pointer, back.to_json())
        return back

    def _write(self, names: Names, generation: str, values: Values) -> None:
        # The keys first, so that whatever is written can be found and deleted.
        keys = command("RPUSH", names.chunks(generation), json.dumps(values.keys))
        send(self._redis, chain([keys], values.commands(names.prefix(generation))))

    def _switch(self, names: Names, written: Generation) -> Generation:
        while True:
            with self._redis.pipeline() as pipeline:
                pipeline.watch(names.generations, names.pointers)  # type: ignore[no-untyped-call]
                if not pipeline.sismember(names.generations, written.name):
                    self._delete(names, written.name)
                    raise StoreError(
                        f"publishing {names.view.name}: a later publish began, and deleted this "
                        "one; run one publish of a view at a time"
                    )
                pointers = self._pointers(names)
                before = pointers.pop(names.pointer, None)
                live = written.behind(before)
                pipeline.multi()
                pipeline.hset(names.pointers, names.pointer, live.to_json())
                # Clients of a former definition are served until the second publish of this one.
                if before is not None and pointers:
                    pipeline.hdel(names.pointers, *pointers)
                try:
                    pipeline.execute()
                except WatchError:
                    continue
                return live

    def _pointers(self, names: Names) -> dict[str, Generation]:
        """The view's live generation under each of its definitions, former ones too."""
        found = self._redis.hgetall(names.pointers)
        texts = {_text(field): _text(pointer) for field, pointer in found.items()}
        return {
            field: Generation.from_json(pointer)
            for field, pointer in texts.items()
            if field.startswith(f"{names.view.name}:")
        }

    def _sweep(self, names: Names) -> None:
        """Delete the generations that are neither live nor the one before."""
        live = self._pointers(names).values()
        kept = {one.name for one in live} | {one.previous.name for one in live if one.previous}
        for name in map(_text, self._redis.smembers(names.generations)):
            if name not in kept:
                self._delete(names, name)

    def _delete(self, names: Names, generation: str) -> None:
        prefix, chunks = names.prefix(generation), names.chunks(generation)
        while (chunk := self._redis.lindex(chunks, 0)) is not None:
            keys = Keys.of(json.loads(chunk))
            send(self._redis, [delete(prefix, keys), command("LPOP", chunks)])
        self._redis.srem(names.generations, generation)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


@contextmanager
def _store_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"{doing}: the online store fails: {error}") from error
