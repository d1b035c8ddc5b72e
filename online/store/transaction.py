"""Changes of the store that are made together, or not at all."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from redis import Redis

from slate.online.store.channel import Channel
from slate.online.store.cluster_client import watching
from slate.online.store.commands import Packed, command

_MULTI, _EXEC = command("MULTI"), command("EXEC")


class Transaction:
    """Reads, and writes made from them that fail if another changed what is watched.

    First everything is asked, then everything is written. All of it is sent at once, so the store
    works on it while the next is made. Left without ``commit``, nothing of it happens.

    Args:
        redis: a client of the store.
        watched: the names whose values nobody else may change until the commit; of a cluster all
            that the transaction names lies in the slot of the first.

    Raises:
        RedisError: by all methods, the store cannot be reached, or refuses.
    """

    def __init__(self, redis: Redis, watched: Sequence[str]) -> None:
        self._redis = redis
        self._watched = watched
        self._written = 0
        self._done = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            server = stack.enter_context(watching(self._redis, self._watched[0]))
            self._channel = Channel(server)
            # A connection that is cut watches nothing, and what it has begun is discarded.
            stack.callback(lambda: self._channel.close(cut=not self._done))
            self._channel.exchange(command("WATCH", *self._watched))
            self._channel.exchange(None)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    def ask(self, question: Packed) -> None:
        """Send a command that reads, before any that writes."""
        assert not self._written
        self._channel.exchange(question)

    def answer(self) -> Any:
        """The reply to the first question that has none yet."""
        return self._channel.exchange(None)

    def write(self, change: Packed) -> None:
        """Send commands that write; all questions are sent by now."""
        if not self._written:
            self._channel.exchange(_MULTI)
        self._channel.exchange(change)
        self._written += change.number

    def commit(self) -> bool:
        """Make the changes, once all questions are answered; whether nobody came between."""
        if not self._written:
            self._channel.exchange(_MULTI)
        self._channel.exchange(_EXEC)
        for _ in range(1 + self._written):
            self._channel.exchange(None)
        replies = self._channel.exchange(None)
        self._done = True
        for reply in replies or ():
            if isinstance(reply, Exception):
                raise reply
        return replies is not None
