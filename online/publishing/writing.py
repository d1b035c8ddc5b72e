"""Writing a generation beside the live one, and withdrawing it."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

from redis import Redis

from slate.errors import StoreError
from slate.online.publishing.encoding import Values
from slate.online.publishing.sweeping import sweep
from slate.online.store.changes import changes
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import command, transaction
from slate.online.store.generations import GenerationNames
from slate.online.store.redis_client import require_all_is_kept
from slate.online.store.sending import send


class GenerationWriter:
    """Writes one generation of a view.

    Args:
        redis: a client of the store.
        names: the view's names in the store.
        name: the generation's.
    """

    def __init__(self, redis: Redis, names: GenerationNames, name: str) -> None:
        self._redis = redis
        self._names = names
        self._name = name

    def announce(self) -> None:
        """Say that it is being written: no publish that began before can go live from then on.

        Raises:
            StoreError: the store lets rows go when it is full.
            RedisError: the store fails.
        """
        names = self._names
        require_all_is_kept(self._redis)
        with changes(self._redis) as change:
            # First announced: a sweep that finds it registered knows that it is being written.
            change.hset(names.pointers, names.publishing, self._name)
            change.hdel(names.pointers, names.removed)
            change.sadd(names.generations, self._name)
        sweep(self._redis, names)

    def write(self, encoded: Iterable[Values]) -> Iterator[Values]:
        """Write values, each while the next are encoded, and yield those that are written.

        Raises:
            StoreError: a later publish of the view began.
            RedisError: the store fails.
        """
        with ThreadPoolExecutor(1) as writing:
            waiting: tuple[Values, Future[None]] | None = None
            for values in encoded:
                if waiting is not None:
                    waiting[1].result()
                    yield waiting[0]
                waiting = values, writing.submit(self._write, values)
            if waiting is not None:
                waiting[1].result()
                yield waiting[0]

    def _write(self, values: Values) -> None:
        """Write some values, each command's keys registered with it, so that all can be found."""
        names, generation = self._names, self._name
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
            raise overtaken(names.view)

    def give_up(self) -> None:
        """Withdraw the announcement, if no later one took its place, and delete what is written.

        Raises:
            RedisError: the store fails; the next publish does it.
        """
        names = self._names

        def withdraw(pipeline: Any) -> None:
            announced = pipeline.hget(names.pointers, names.publishing)
            pipeline.multi()
            if announced == self._name.encode():
                pipeline.hdel(names.pointers, names.publishing)

        store: Any = self._redis
        store.transaction(withdraw, names.pointers)
        sweep(self._redis, names)


def overtaken(view: str) -> StoreError:
    """The error of a publish that another one of the view overtook."""
    return StoreError(
        f"publishing {view}: a later publish began, and deleted this one, or the store lost "
        "its data meanwhile; run one publish of a view at a time"
    )
