"""Loading a generation of a near view, a part at a time, while the one before it is served."""

import json
from collections.abc import Iterator, Sequence

from redis import Redis

from slate.online.near.held_rows import HeldRows
from slate.online.near.memory import Memory
from slate.online.rows.keys import Keys
from slate.online.rows.partitioning import PARTITIONS
from slate.online.store.channel import pairs
from slate.online.store.commands import command, fetch, fields
from slate.online.store.generations import GenerationNames
from slate.online.store.live_generations import Live
from slate.online.store.sending import send
from slate.online.store.stream_names import deltas_name, route, tag
from slate.views import FeatureView

# More rows than these are no view of bounded size.
MOST_ROWS = 1_000_000


class TooManyRowsError(Exception):
    """A view has more rows than are kept near."""


class GenerationLoad:
    """A generation that is being loaded.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        view: the view.
        live: the generation.
        memory: where what is known of its slots lies.

    Attributes:
        live: the generation.
        missed: the keys, as texts, that the stream changed meanwhile.
    """

    def __init__(
        self, redis: Redis, deployment: str, view: type[FeatureView], live: Live, memory: Memory
    ) -> None:
        self.live = live
        self.missed: set[str] = set()
        self._redis = redis
        self._deployment = deployment
        self._view = view
        self._rows = HeldRows(view, live, memory)
        self._parts = self._loading()

    def go_on(self) -> bool:
        """Load another part; whether all are there by now.

        Raises:
            TooManyRowsError: it has more rows than are kept near.
            RedisError: the store fails.
        """
        for _ in self._parts:
            if len(self._rows) > MOST_ROWS:
                raise TooManyRowsError
            return False
        return True

    def finish(self) -> HeldRows | None:
        """Its rows, with what changed meanwhile; None if not all of it was there.

        Raises:
            RedisError: the store fails.
        """
        if self.missed and self.live.deltas:
            missed = streamed(self._redis, self._view, self.live, sorted(self.missed))
            self._rows.stream(*missed)
        marker = send(self._redis, [command("GET", self.live.marker)])
        return self._rows if marker == self.live.name.encode() else None

    def _loading(self) -> Iterator[None]:
        """Load what is published, then what the stream adds, in parts."""
        chunks = GenerationNames(self._deployment, self._view.name).chunks(self.live.name)
        for place in range(send(self._redis, [command("LLEN", chunks)])):
            chunk = send(self._redis, [command("LINDEX", chunks, str(place))])
            keys = json.loads(chunk) if chunk else []
            if keys:
                asked = fetch([(self.live.prefix, Keys.of(keys))])
                self._rows.publish(keys, send(self._redis, [asked]))
            yield
        for number in range(PARTITIONS if self.live.deltas else 0):
            name = deltas_name(self._deployment, self._view, number)
            found = pairs(send(self._redis, [command("HGETALL", name)]))
            if found:
                self._rows.stream([key.decode() for key in found], list(found.values()))
            yield


def streamed(
    redis: Redis, view: type[FeatureView], live: Live, keys: Sequence[str]
) -> tuple[list[str], list[bytes | None]]:
    """What the stream adds to some keys of a generation, each with its value.

    Args:
        redis: a client of the store.
        view: the view.
        live: the generation; a stream adds to it.
        keys: the keys, as texts.

    Raises:
        RedisError: the store fails.
    """
    assert live.deltas is not None
    wanted = Keys.of(list(keys))
    parts = [[wanted.texts[place] for place in places] for places in wanted.partitions.values()]
    values: list[bytes | None] = []
    for number, texts in zip(wanted.partitions, parts, strict=True):
        name = f"{live.deltas}{tag(route(view), number)}"
        values += send(redis, [fields(name, texts, None)])
    return [text for texts in parts for text in texts], values
