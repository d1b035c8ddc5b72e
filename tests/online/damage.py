"""Damage at random to what the store holds of the arcade, and what answers make of it.

Each trial damages a few values of one store, asks, compares with the answer from before, and puts
back what was there. A value of a row that differs has to be flagged: the view's state is MISSING
there, and an error names the view and a key. Nothing else may differ.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from redis import Redis

from slate.deployment import Deployment
from slate.expressions import leaves
from slate.features import Computed, Feature
from slate.online import Answer, EventWriter, FeatureClient, Publisher, State
from slate.online.store.generations import GenerationNames
from slate.online.store.stream_names import deltas_prefix
from slate.online.stream.workers.worker import Worker
from slate.views import FeatureView
from tests.online.arcade import Play, play_ranking
from tests.online.conftest import arcade_rows, play
from tests.online.tables import AS_OF, us

ASKED = AS_OF + timedelta(minutes=5)
GAMES = ["chess", "go", "tag", "nobody's"]
REQUESTS: list[dict[str, Any]] = [
    {"player_id": 1, "game_id": GAMES},
    {"player_id": [1, 1, 2, 2, 3], "game_id": ["chess", "go", "go", "chess", "tag"]},
]
DAMAGES: dict[str, Callable[["Damage", "Place", bytes], bytes | None]] = {}
Random = np.random.Generator


@dataclass(frozen=True)
class Place:
    """Where a value of the store is.

    Attributes:
        view: the view whose it is.
        name: the name in the store.
        field: of a hash the field.
    """

    view: type[FeatureView]
    name: bytes
    field: bytes | None = None


@dataclass
class Outcome:
    """What came of some trials.

    Attributes:
        trials: how many there were.
        flagged: those in which something was MISSING.
        wrong: what differed without a flag, or was flagged without need.
        exceptions: what was raised.
    """

    trials: int = 0
    flagged: int = 0
    wrong: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)


def _damage(make: Callable[["Damage", Place, bytes], bytes | None]) -> None:
    DAMAGES[make.__name__] = make


@_damage
def eight_bytes(damage: "Damage", place: Place, value: bytes) -> bytes:
    at = int(damage.random.integers(len(value) - 7))
    return value[:at] + damage.random.bytes(8) + value[at + 8 :]


@_damage
def truncated(damage: "Damage", place: Place, value: bytes) -> bytes:
    return value[: int(damage.random.integers(len(value)))]


@_damage
def truncated_to_words(damage: "Damage", place: Place, value: bytes) -> bytes:
    return value[: 8 * int(damage.random.integers(len(value) // 8))]


@_damage
def extended(damage: "Damage", place: Place, value: bytes) -> bytes:
    return value + damage.random.bytes(int(damage.random.integers(1, 100)))


@_damage
def extended_by_zeros(damage: "Damage", place: Place, value: bytes) -> bytes:
    return value + bytes(8 * int(damage.random.integers(1, 20)))


@_damage
def zeroed(damage: "Damage", place: Place, value: bytes) -> bytes:
    start, end = sorted(damage.random.integers(len(value) + 1, size=2).tolist())
    return value[:start] + bytes(end - start) + value[end:]


@_damage
def swapped(damage: "Damage", place: Place, value: bytes) -> bytes:
    words = np.frombuffer(value, np.int64).copy()
    one, other = damage.random.integers(len(words), size=2)
    words[[one, other]] = words[[other, one]]
    return words.tobytes()


@_damage
def one_bit_of_two_words(damage: "Damage", place: Place, value: bytes) -> bytes:
    words = np.frombuffer(value, np.uint64).copy()
    words[damage.random.choice(len(words), 2, replace=False)] ^= _bit(damage.random)
    return words.tobytes()


@_damage
def one_bit(damage: "Damage", place: Place, value: bytes) -> bytes:
    words = np.frombuffer(value, np.uint64).copy()
    words[damage.random.integers(len(words))] ^= _bit(damage.random)
    return words.tobytes()


@_damage
def random_bytes(damage: "Damage", place: Place, value: bytes) -> bytes:
    return damage.random.bytes(int(damage.random.integers(0, 2 * len(value))))


@_damage
def another_place(damage: "Damage", place: Place, value: bytes) -> bytes:
    """Another view's, key's or generation's value, or one of another kind."""
    return damage.values[int(damage.random.integers(len(damage.values)))]


@_damage
def another_type(damage: "Damage", place: Place, value: bytes) -> bytes | None:
    return None if place.field is None else b""


def _bit(random: Random) -> np.uint64:
    return np.uint64(1) << np.uint64(random.integers(64))


class Damage:
    """A store with everything that the arcade can have in it, to be damaged.

    Args:
        deployment: the arcade.
        redis: its store, which is emptied.
        seed: of what is drawn.
    """

    def __init__(self, deployment: Deployment, redis: Redis, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self._redis: Any = redis
        redis.flushall()
        publisher = Publisher(redis, deployment.name)
        views = deployment.registry.views.values()
        for _ in range(2):  # a former generation has values of the same keys
            for view in views:
                publisher.publish(view, [arcade_rows(view)], AS_OF)
        with EventWriter.connect(deployment, "play", now=lambda: us(AS_OF) + 1) as writer:
            events = [
                play(number, -timedelta(microseconds=1), player_id=player, game_id=game)
                for number, (player, game) in enumerate([(1, "chess"), (2, "go"), (3, "tag")], 10)
            ]
            writer.write([_written(event) for event in events], strict=True)
        worker = Worker(redis, deployment)
        worker.step()
        worker.leave()
        live = {view: publisher.live(view) for view in views}
        published = {
            view: GenerationNames(deployment.name, view.name).prefix(one.name).encode()
            for view, one in live.items()
            if one is not None
        }
        streamed = {
            view: deltas_prefix(deployment.name, view).encode() for view in views if view.windowed
        }
        everything = dict(self._everything())
        self.values = list(everything.values())
        prefixes = [*published.items(), *streamed.items()]
        self.held = {
            Place(view, name, one): value
            for (name, one), value in everything.items()
            for view, prefix in prefixes
            if name.startswith(prefix)
        }
        self._client = FeatureClient.connect(deployment, timeout=30, refresh=60)
        self._sound = [self._ask(request) for request in REQUESTS]
        assert not any(answer.errors for answer in self._sound)
        self._views = {f.name: _views(f) for f in play_ranking.features}

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _everything(self) -> Iterator[tuple[tuple[bytes, bytes | None], bytes]]:
        """All rows and values of the stream, also of former generations."""
        for name in sorted(self._redis.scan_iter(count=1_000)):
            if b":deltas:" in name:
                yield from (((name, one), v) for one, v in self._redis.hgetall(name).items())
            elif name.endswith(b"}") and b":stream:" not in name:
                yield (name, None), self._redis.get(name)

    def _ask(self, request: dict[str, Any]) -> Answer:
        return self._client.get(play_ranking.name, at=ASKED, **request)

    def run(self, trials: int) -> Outcome:
        """Make so many trials."""
        outcome, places, kinds = Outcome(), list(self.held), list(DAMAGES)
        for _ in range(trials):
            many = int(self.random.choice([1, 1, 1, 2, 5]))
            damaged = {}
            for at in self.random.choice(len(places), many, replace=False):
                kind = kinds[self.random.integers(len(kinds))]
                damaged[places[at]] = (kind, DAMAGES[kind](self, places[at], self.held[places[at]]))
            self._put({place: value for place, (_, value) in damaged.items()})
            told = "; ".join(f"{kind} of {place}" for place, (kind, _) in damaged.items())
            number = int(self.random.integers(len(REQUESTS)))
            try:
                answer = self._ask(REQUESTS[number])
                changed = [p for p, (_, value) in damaged.items() if value != self.held[p]]
                wrong = self._wrong(answer, self._sound[number], changed)
                outcome.wrong += [f"{told}: {one}" for one in wrong]
                outcome.flagged += bool(answer.errors)
            except Exception as error:
                outcome.exceptions.append(f"{told}: {error!r}")
            self._put({place: self.held[place] for place in damaged})
            outcome.trials += 1
        return outcome

    def _put(self, values: dict[Place, bytes | None]) -> None:
        """Write values; None is one of another type."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for place, value in values.items():
                if place.field is not None:
                    pipeline.hset(place.name, place.field, value)
                elif value is not None:
                    pipeline.set(place.name, value)
                else:
                    pipeline.delete(place.name)
                    pipeline.lpush(place.name, "a")
            pipeline.execute()

    def _wrong(self, answer: Answer, sound: Answer, changed: list[Place]) -> Iterator[str]:
        """What of an answer is not as it was, and not flagged; or flagged though it is sound."""
        missing = {
            view: (state.state == State.MISSING) & (sound.states[view].state != State.MISSING)
            for view, state in answer.states.items()
        }
        for name, views in self._views.items():
            same = _same(answer[name], sound[name])
            flagged = np.any([missing[view] for view in views], axis=0)
            if not (same | flagged).all():
                yield f"{name} is {answer[name].tolist()}, and was {sound[name].tolist()}"
        # What leads to other keys takes their views with it.
        views = {place.view.name for place in changed}
        if "game_catalog" in views:
            views |= {"studio_profile", "player_studio_history", "player_genre_taste"}
        for view, rows in missing.items():
            if rows.any() and view not in views:
                yield f"{view} is flagged, and nothing of it was damaged"
            if rows.any() and not answer.errors:
                yield f"{view} is flagged, and no error says why"
        for error in answer.errors:
            if not any(error.startswith(f"{view}: ") for view in views):
                yield f"an error about something else: {error}"


def _same(values: Any, others: Any) -> Any:
    if values.dtype.kind == "T":
        pairs = zip(values.tolist(), others.tolist(), strict=True)
        return np.array([one == other or one != one != other for one, other in pairs])
    null = values.dtype.kind in "fM"
    return (values == others) | (null & (values != values) & (others != others))


def _views(feature: Feature) -> set[str]:
    if isinstance(feature, Computed):
        return {
            leaf.view.name
            for leaf in leaves(feature.expression)
            if isinstance(leaf, Feature) and issubclass(leaf.view, FeatureView)
        }
    return {feature.view.name}


def _written(event: dict[str, Any]) -> dict[str, Any]:
    given = {**event, "play_id": event["id"]}
    return {name: given[name] for name in Play.columns if name != Play.arrival_time}
