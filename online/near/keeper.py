"""Keeping near views in step with the store, in a thread beside those that serve.

A *step* asks the store, in one transaction, which generations are live and whole, what its change
logs say, and where its partitions stand; then for the values that changed. So what is held is as
good as what the store would have answered when the step began. New generations are loaded a part at
a time, between steps, while the one before is served.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Self
from weakref import WeakValueDictionary

from redis import Redis
from redis.exceptions import RedisError

from slate.deployment import Deployment
from slate.online.near import generation_load
from slate.online.near.generation_load import GenerationLoad, TooManyRowsError, streamed
from slate.online.near.kept_view import KeptView, made
from slate.online.near.memory import Memory, OwnMemory
from slate.online.near.sharing import Sharing
from slate.online.rows.instants import microseconds
from slate.online.rows.partitioning import PARTITIONS
from slate.online.store.change_log import START, Entries, Place, entries_of, log_name
from slate.online.store.channel import pairs
from slate.online.store.cluster_client import clustered
from slate.online.store.commands import Packed, command, transaction, values
from slate.online.store.live_generations import Live, LiveGenerations
from slate.online.store.redis_client import connect
from slate.online.store.sending import send
from slate.online.store.stream_names import Unit, deltas_name, route
from slate.registry import Registry
from slate.views import FeatureView
from slate.windows import SECOND

logger = logging.getLogger(__name__)

# The seconds between steps, after a failure, and for which what is to come is loaded in one step.
PAUSE, AFTER_FAILURE, LOADING = 0.02, 0.5, 0.05
# How many times as long as a step took it rests then: requests share the process with it.
REST = 3
TIMEOUT, ENDING = 5.0, 1.0

_NAME = "slate near views"
_all: "WeakValueDictionary[int, Keeper]" = WeakValueDictionary()


def _everyone() -> "list[Keeper]":
    # Others may come meanwhile: not every way of going through them bears that.
    return [keeper for ref in _all.valuerefs() if (keeper := ref()) is not None]


def _begin_anew() -> None:
    """Let a process that was forked keep views of its own, from when it asks for one.

    The thread that keeps them is not there, and may have held their locks just then.
    """
    for keeper in _everyone():
        keeper._begin()


os.register_at_fork(after_in_child=_begin_anew)


class Keeper:
    """Keeps near views of a deployment in step with its store, from ``start`` on.

    Args:
        redis: a client of the store, for the thread that keeps them.
        deployment: the deployment's name.
        registry: the definitions.
        now: gives the instant that it is, in microseconds.
        views: the views; by default all that are near.
        sharing: lets other processes read them.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: str,
        registry: Registry,
        now: Callable[[], int],
        views: Sequence[type[FeatureView]] | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self._redis = redis
        self._deployment = deployment
        self._now = now
        if views is None:
            views = [view for view in registry.views.values() if view.near_us is not None]
        self._views = views
        self._sharing = sharing
        self._memory: Memory = OwnMemory() if sharing is None else sharing.memory
        self._generations = LiveGenerations(deployment, registry, views)
        units = (
            Unit(deployment, view.source, route(view), number)
            for view in views
            if view.windowed and view.source.stream
            for number in range(PARTITIONS)
        )
        # Views of one route share their partitions.
        self._units = list(dict.fromkeys(units))
        # Long before they are too far behind.
        self._longest = min((view.near_us or 0 for view in views), default=0) / SECOND / 4
        self._started = False
        self._begin()
        _all[id(self)] = self

    def _begin(self) -> None:
        """Hold nothing yet."""
        self._kept = {view.name: KeptView(view) for view in self._views}
        self._places: dict[Unit, Place] = {}
        self._loading: dict[str, GenerationLoad] = {}
        self._told = ""
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(
        cls,
        deployment: Deployment,
        address: str,
        views: Sequence[type[FeatureView]],
        sharing: Sharing | None = None,
    ) -> Self:
        """Keep views of a deployment from now on.

        Args:
            deployment: the deployment.
            address: its store's.
            views: the views.
            sharing: lets other processes read them.
        """
        keeper = cls(
            connect(address, TIMEOUT),
            deployment.name,
            deployment.registry,
            lambda: microseconds(deployment.now()),
            views,
            sharing,
        )
        keeper.start()
        return keeper

    def get(self, view: str) -> KeptView | None:
        """A view of these, by its name."""
        self._go_on()
        return self._kept.get(view)

    @property
    def kept(self) -> Iterable[KeptView]:
        """All of them."""
        self._go_on()
        return self._kept.values()

    @property
    def ready(self) -> bool:
        """Whether all that is published of them can be taken."""
        return all(kept.known for kept in self.kept)

    def start(self) -> None:
        """Keep them in step from now on."""
        with self._starting:
            self._started = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=_NAME, daemon=True)
                self._thread.start()

    def _go_on(self) -> None:
        """Keep them in a process that was forked from one that does."""
        if self._started and self._thread is None:
            self.start()

    def close(self) -> None:
        """Stop keeping them; what is held soon is too far behind."""
        self._started = False
        self._stop.set()
        if self._thread is not None:
            # A store that does not answer has it wait longer, and nobody need wait for that.
            self._thread.join(ENDING)
        self._redis.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                loading = self.step()
                took = time.monotonic() - began
                pause = took if loading else min(max(PAUSE, REST * took), self._longest)
                self._told = ""
            except (RedisError, ConnectionError) as error:
                # Meanwhile requests go to the store, and say what is wrong with it.
                if str(error) != self._told:
                    logger.warning("near views wait for the online store: %s", error)
                self._told, pause = str(error), AFTER_FAILURE
            except Exception as error:
                # So do they where this is what is wrong.
                if str(error) != self._told:
                    logger.exception("near views cannot be kept in step, and are tried again")
                self._told, pause = str(error), AFTER_FAILURE
            self._stop.wait(pause)

    def step(self) -> bool:
        """Get in step with the store; whether something is being loaded.

        Raises:
            RedisError: the store fails; the next step begins anew.
        """
        try:
            return self._step()
        except BaseException:
            # Logs may have been followed, and not all that they name been read; and what was being
            # loaded is loaded in part.
            self._places.clear()
            self._loading.clear()
            raise

    def _step(self) -> bool:
        self._find_places()
        began = time.monotonic()
        live, entries, positions = self._ask()
        changed: dict[str, set[str]] = {name: set() for name in self._kept}
        broken = []
        for unit, found, position in zip(self._units, entries, positions, strict=True):
            keys = self._places[unit].follow(found, position or START)
            if keys is None:
                broken.append(unit)
                continue
            for kept in self._of(unit):
                changed[kept.view.name] |= keys
        for name, keys in changed.items():
            self._change(self._kept[name], sorted(keys))
        for unit in broken:
            self._read_again(unit)
        for name, kept in self._kept.items():
            kept.live, kept.synced = live.get(name), began
            if kept.held is not None and len(kept.held.rows) > generation_load.MOST_ROWS:
                # A stream has brought ever more keys.
                self._refuse(kept, kept.held.rows.live)
            self._expect(kept)
        now = self._now()
        for kept in self._kept.values():
            kept.prepare(now)
        more = self._load(time.monotonic() + LOADING)
        if self._sharing is not None:
            for kept in self._kept.values():
                self._sharing.show(kept)
        return more

    def _of(self, unit: Unit) -> list[KeptView]:
        """The near views whose rows a partition has."""
        return [
            kept
            for kept in self._kept.values()
            if kept.view.windowed
            and kept.view.source is unit.source
            and route(kept.view) == unit.route
        ]

    def _ask(self) -> tuple[dict[str, Live], list[Entries], list[bytes | None]]:
        """The generations that are live and whole, and the state of all partitions, at one moment.

        Of the partitions: the entries of their logs, and their positions.
        """
        number = self._generations.question.number
        names = [log_name(unit) for unit in self._units]
        places = [self._places[unit].entry for unit in self._units]
        if clustered(self._redis):
            # A partition's log and position are of one moment, which comes after what is live.
            told = self._redis.send([self._generations.question])
            states = self._redis.send(
                transaction(
                    command("XREAD", "STREAMS", name, place, name=2), command("GET", unit.position)
                )
                for unit, name, place in zip(self._units, names, places, strict=True)
            )[3::4]
            logs = {
                name: entries for read, _ in states for name, entries in entries_of(read).items()
            }
            positions = [position for _, position in states]
        else:
            asked: list[Packed] = [self._generations.question]
            if self._units:
                asked.append(command("XREAD", "STREAMS", *names, *places))
                asked.append(command("MGET", *[unit.position for unit in self._units]))
            told = send(self._redis, [transaction(*asked)])
            logs, positions = {}, []
            if self._units:
                logs, positions = entries_of(told[number]), told[number + 1]
        live = self._generations.take(told[:number]).live
        if live:
            # What is still there now was there then.
            markers = send(self._redis, [values([one.marker for one in live.values()])])
            whole = zip(live.items(), markers, strict=True)
            live = {name: one for (name, one), marker in whole if marker == one.name.encode()}
        return live, [logs.get(name.encode(), []) for name in names], positions

    def _find_places(self) -> None:
        """Begin to read the logs of partitions that nothing is known of."""
        for unit in [unit for unit in self._units if unit not in self._places]:
            self._read_again(unit)

    def _read_again(self, unit: Unit) -> None:
        """Read all rows of a partition, as it is not known which of them changed."""
        views = [
            kept
            for kept in self._of(unit)
            if kept.held is not None and kept.held.rows.live.deltas is not None
        ]
        hashes = [deltas_name(self._deployment, kept.view, unit.number) for kept in views]
        asked = [
            command("XREVRANGE", log_name(unit), "+", "-", "COUNT", "1"),
            command("GET", unit.position),
            *[command("HGETALL", name) for name in hashes],
        ]
        last, position, *added = send(self._redis, [transaction(*asked)])
        for kept, found in zip(views, added, strict=True):
            values = {key.decode(): value for key, value in pairs(found).items()}
            assert kept.held is not None
            # What is not there any more was let go.
            gone = kept.held.rows.streamed(unit.number) - values.keys()
            keys = [*values, *gone]
            kept.change(keys, [values.get(key) for key in keys])
        for kept in self._of(unit):
            # What was read of it so far may be what is gone.
            self._loading.pop(kept.view.name, None)
        self._places[unit] = Place(last[0][0] if last else START, position or START)

    def _change(self, kept: KeptView, keys: Sequence[str]) -> None:
        """Ask for what changed."""
        name = kept.view.name
        if name in self._loading:
            self._loading[name].missed.update(keys)
        if not keys or kept.held is None or kept.held.rows.live.deltas is None:
            return
        kept.change(*streamed(self._redis, kept.view, kept.held.rows.live, keys))

    def _expect(self, kept: KeptView) -> None:
        """See to it that the live generation is held, or will be."""
        name, live = kept.view.name, kept.live
        load = self._loading.get(name)
        if load is not None and load.live != live:
            del self._loading[name]
        if live is None or kept.ready or name in self._loading:
            return
        if kept.refused != live.name:
            self._loading[name] = GenerationLoad(
                self._redis, self._deployment, kept.view, live, self._memory
            )

    def _load(self, until: float) -> bool:
        """Load what is expected for some time; whether there is more to load."""
        while self._loading and time.monotonic() < until:
            name, load = next(iter(self._loading.items()))
            try:
                if not load.go_on():
                    continue
            except TooManyRowsError:
                self._refuse(self._kept[name], load.live)
                del self._loading[name]
                continue
            del self._loading[name]
            if (rows := load.finish()) is not None:
                view = self._kept[name].view
                self._kept[name].held = made(view, rows, self._now(), self._memory)
        return bool(self._loading)

    def _refuse(self, kept: KeptView, live: Live) -> None:
        """Hold nothing of a view as long as a generation is live: it has too many rows."""
        logger.error(
            "%s is near and has more than %s rows: it is read from the online store; keep views "
            "near that have few rows",
            kept.view.name,
            f"{generation_load.MOST_ROWS:,}",
        )
        kept.held = None
        kept.refused = live.name
