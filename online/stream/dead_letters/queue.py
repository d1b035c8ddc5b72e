"""The dead letters of a source: what they are, and writing them again."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from slate.errors import StoreError
from slate.online.store.stream_names import StreamNames
from slate.online.stream.dead_letters.letter_format import kept, refusal
from slate.online.stream.events.blocks import Refusal
from slate.online.stream.writing.writer import EventWriter
from slate.sources import Source

AT_ONCE = 1_000


@dataclass(frozen=True)
class DeadLetter:
    """What was refused when it was read from the stream.

    Attributes:
        id: its id among the dead letters.
        refusal: what it is, and why it was refused.
    """

    id: str
    refusal: Refusal

    @property
    def kept(self) -> str:
        """Why it cannot be written again; empty if it can."""
        return kept(self.refusal)


@dataclass(frozen=True)
class ReplayedLetters:
    """What became of dead letters that were to be written again.

    Attributes:
        written: how many were; they are dead letters no more.
        refused: those that the source's definition still refuses, with the reason it has now.
        kept: those that cannot be written again.
    """

    written: int
    refused: list[DeadLetter]
    kept: list[DeadLetter]


class DeadLetters:
    """The dead letters of one source, the oldest first.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        source: the source.
    """

    def __init__(self, redis: Redis, deployment: str, source: type[Source]) -> None:
        self._redis: Any = redis
        self._source = source
        names = StreamNames(deployment, source)
        self._name, self._moved = names.dead, names.dead_moved

    def __len__(self) -> int:
        with _reading():
            return int(self._redis.xlen(self._name))

    @property
    def moved(self) -> int:
        """How many older ones the store had no room for; see ``overflow_files``."""
        with _reading():
            return int(self._redis.get(self._moved) or 0)

    def read(self, limit: int | None = None) -> Iterator[DeadLetter]:
        """The dead letters.

        Args:
            limit: how many at most; None for all.

        Raises:
            StoreError: the store cannot be reached.
        """
        for chunk in self._chunks(limit):
            yield from chunk

    def replay(self, writer: EventWriter, limit: int | None = None) -> ReplayedLetters:
        """Write again what can be; what is written is a dead letter no more.

        Killed in between, it may have written events that still are dead letters: written again,
        they are known by their ids.

        Args:
            writer: of the source's events.
            limit: how many letters to try at most; None for all.

        Raises:
            StoreError: the store cannot be reached, or a stream is full; what was
                written until then is a dead letter no more.
        """
        written = 0
        refused: list[DeadLetter] = []
        left: list[DeadLetter] = []
        for chunk in self._chunks(limit):
            again = [letter for letter in chunk if not letter.kept]
            left += [letter for letter in chunk if letter.kept]
            # What a definition before this one had besides is skipped, as in reading.
            events = [
                {name: value for name, value in event.items() if name in self._source.columns}
                for letter in again
                if (event := letter.refusal.event) is not None
            ]
            result = writer.write(events)
            reasons = {found.place: found.reason for found in result.refused}
            done = [letter.id for place, letter in enumerate(again) if place not in reasons]
            if done:
                with _reading():
                    self._redis.xdel(self._name, *done)
            written += len(done)
            refused += [
                replace(letter, refusal=replace(letter.refusal, reason=reasons[place]))
                for place, letter in enumerate(again)
                if place in reasons
            ]
        return ReplayedLetters(written, refused, left)

    def forget(self, letters: Iterable[DeadLetter]) -> int:
        """Delete letters; gives how many there were. Late events have reached the warehouse.

        Raises:
            StoreError: the store cannot be reached.
        """
        ids = [letter.id for letter in letters]
        with _reading():
            return int(self._redis.xdel(self._name, *ids)) if ids else 0

    def forget_those_of(self, is_of: Callable[[bytes], bool]) -> int:
        """Delete the letters that are of somebody; gives how many there were.

        Args:
            is_of: whether a text is. It is asked of each letter's reason and event, or entry.

        Raises:
            StoreError: the store cannot be reached.
        """
        gone = 0
        for chunk in self._chunks(None):
            letters = ((one, one.refusal) for one in chunk)
            gone += self.forget(
                one
                for one, refusal in letters
                if is_of(json.dumps(refusal.event).encode())
                or is_of(refusal.reason.encode())
                or is_of(refusal.raw or b"")
            )
        return gone

    def _chunks(self, limit: int | None) -> Iterator[list[DeadLetter]]:
        # Not those that come meanwhile: what is replayed may be refused again.
        with _reading():
            last = self._redis.xrevrange(self._name, count=1)
        start = "-"
        while last and (limit is None or limit > 0):
            count = AT_ONCE if limit is None else min(AT_ONCE, limit)
            with _reading():
                found = self._redis.xrange(self._name, start, last[0][0], count)
            if not found:
                return
            yield [DeadLetter(id_.decode(), refusal(fields)) for id_, fields in found]
            start = f"({found[-1][0].decode()}"
            limit = None if limit is None else limit - len(found)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"the dead letters cannot be read ({error})") from error
