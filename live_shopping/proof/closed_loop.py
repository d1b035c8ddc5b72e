"""The closed loop: viewers of an hour meet feeds that are ranked anew, and act on what they see.

The hour lies in the newest day, which no model learned from. Its sessions are drawn anew, and take
the place of what these viewers truly did from its beginning on: the features of a later request
count what the viewer did with the earlier ones, by the same SQL as history. All else (what others
did, what went on in shows) is as it was recorded, so no viewer's feed changes another's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from live_shopping.definitions import Event
from live_shopping.model.registry import SERVICE
from live_shopping.model.training import matrix_of
from live_shopping.proof.old_counts import OldCounts
from live_shopping.simulator import SimulationConfig
from live_shopping.simulator.clock import HOUR, SECOND, to_datetime, to_micros
from live_shopping.simulator.encoding import spell
from live_shopping.simulator.feed import Pool
from live_shopping.simulator.marketplace import CATEGORIES, DEVICES
from live_shopping.simulator.randomness import hashed
from live_shopping.simulator.replay import Asked, replay
from live_shopping.simulator.rows import Floats, Ints, Rows
from live_shopping.simulator.sessions import LONGEST_AHEAD, Sessions, sessions_of_hour
from live_shopping.simulator.state import load
from live_shopping.simulator.viewers import Viewers
from live_shopping.simulator.world import World
from slate import Array
from slate.deployment import Deployment
from slate.errors import DataError
from slate.offline.what_if import Instead, history_if
from slate.orders import Features, Order

# All shows that are live, or so many of them by chance.
SESSIONS, CANDIDATES = 2_000, 100
# What is needed after the hour begins: itself, and time for its sessions to end.
KNOWN = 3 * HOUR
# An event is known so long after it happened.
ARRIVES = SECOND
_SEED, _FIRST_STAGE = 11, 7
_TIME = pa.timestamp("us")
_LAST = -1e9


@dataclass(frozen=True)
class Ranker:
    """Ranks by features of an age.

    Attributes:
        name: what it is called.
        age: how old their counts are.
        features: their names.
        worth: what rows are worth, of a matrix of these features.
    """

    name: str
    age: timedelta
    features: tuple[str, ...]
    worth: Callable[[Array], Array]

    service: ClassVar[str] = SERVICE

    def order(self, answer: Features, request_id: str) -> Order:
        """The order of an answer's rows."""
        worth = self.worth(answer.matrix(names=self.features))
        return Order(np.argsort(-worth, kind="stable"), worth, self.name)


@dataclass(frozen=True)
class Hour:
    """Viewers who open their feeds in an hour.

    Attributes:
        deployment: whose warehouse knows what was before, and what else goes on.
        begins: the hour's start (UTC).
        known_until: up to when the warehouse knows all (UTC).
        viewers: all viewers.
        pool: the shows that are live.
        sessions: who comes, and when.
    """

    deployment: Deployment
    begins: datetime
    known_until: datetime
    viewers: Viewers
    pool: Pool
    sessions: Sessions

    @classmethod
    def of(cls, deployment: Deployment, known_until: datetime, sessions: int = SESSIONS) -> "Hour":
        """An hour of the newest day, of the marketplace that was simulated into a deployment.

        Raises:
            DataError: none was.
        """
        config = SimulationConfig(data=deployment.data)
        state = load(config)
        if state is None:
            raise DataError(f"{config.landing} was not simulated: run `make run` first")
        begins = (to_micros(known_until) - KNOWN) // HOUR * HOUR
        rng, world = np.random.default_rng(_SEED), World(config, state.start)
        world.advance(begins)
        nobody = np.empty(0, np.int64)
        return cls(
            deployment,
            to_datetime(begins),
            known_until,
            world.viewers,
            Pool.of_shows_live(world, begins, begins + LONGEST_AHEAD, rng),
            sessions_of_hour(rng, world.viewers, begins, sessions, nobody),
        )

    def play(self, ranker: Ranker) -> Rows:
        """What all viewers do with the feed of a ranker, as ``replay`` tells it."""
        return replay(
            self.viewers, self.pool, self.sessions, lambda asked: self._scores(ranker, asked)
        )

    def _scores(self, ranker: Ranker, asked: Asked) -> Floats:
        found = np.full(asked.live.shape, _LAST)
        request, show = np.nonzero(_first_stage(asked))
        # Of what nobody knows yet nothing can be asked; the hour is chosen so that it is little.
        when = np.minimum(asked.now[request], to_micros(self.known_until))
        rows = pa.table(
            {
                "viewer_id": viewer_ids(asked.viewer[request]),
                "show_id": spell(asked.pool.number[show], "sh", 12),
                "device": pa.array(np.array(DEVICES)[self.viewers.device[asked.viewer[request]]]),
                "asked_at": pa.array(when, _TIME),
            }
        )
        instead = Instead(
            Event,
            "viewer_id",
            viewer_ids(np.unique(self.sessions.viewer)),
            self.begins,
            events_of(asked.before, asked.pool),
        )

        def counted(features: Any, keys: pa.Table) -> pa.Table:
            return history_if(self.deployment, features, keys, "asked_at", instead)

        plan = self.deployment.registry.plan(SERVICE)
        table = OldCounts(self.deployment, plan, rows, "asked_at").of(ranker.age, counted)
        found[request, show] = ranker.worth(matrix_of(table, ranker.features))
        return found


def _first_stage(asked: Asked) -> Array:
    """The candidates of each request: so many of the shows that are live, by chance."""
    drawn = hashed(np.array([_FIRST_STAGE]), asked.viewer[:, None], asked.now[:, None] // HOUR,
                   asked.pool.number)  # fmt: skip
    drawn = np.where(asked.live, drawn, np.inf)
    if drawn.shape[1] <= CANDIDATES:
        return asked.live
    last = np.partition(drawn, CANDIDATES - 1, axis=1)[:, CANDIDATES - 1 : CANDIDATES]
    chosen: Array = asked.live & (drawn <= last)
    return chosen


def viewer_ids(numbers: Ints) -> pa.Array:
    """The ids of viewers, by their numbers."""
    return spell(numbers, "v", 8)


def events_of(told: Rows, pool: Pool) -> pa.Table:
    """What viewers did, as events: a tap and a look for each show they opened, and its order."""
    acts = {name: column[told["tapped"]] for name, column in told.items()}
    place = np.argsort(pool.number)
    show = place[np.searchsorted(pool.number, acts["show"], sorter=place)]
    watched = (acts["watch_seconds"] * SECOND).astype(np.int64)
    bought = acts["purchased"]

    def table(kind: str, which: Array, when: Ints, **more: Array) -> pa.Table:
        size = int(np.count_nonzero(which))
        return pa.table(
            {
                "event_ts": pa.array(when[which], _TIME),
                "received_at": pa.array(when[which] + ARRIVES, _TIME),
                "viewer_id": viewer_ids(acts["viewer"][which]),
                "show_id": spell(acts["show"][which], "sh", 12),
                "seller_id": spell(pool.seller[show][which], "se", 8),
                "category": pa.array(np.array(CATEGORIES)[pool.category[show][which]], pa.string()),
                "kind": pa.repeat(kind, size),
                **{name: pa.array(values[which], pa.float64()) for name, values in more.items()},
            }
        )

    every = np.ones(len(watched), np.bool_)
    began, over = acts["known_at"] - watched, acts["known_at"]
    parts = [
        table("tap", every, began),
        table("view", every, over, watch_seconds=acts["watch_seconds"]),
        table("purchase", bought, over, price=pool.price[show]),
    ]
    return pa.concat_tables(parts, promote_options="default")


def impressions_of(told: Rows) -> pa.Table:
    """What viewers saw, as impressions."""
    return pa.table(
        {
            "viewer_id": viewer_ids(told["viewer"]),
            "event_ts": pa.array(told["event_ts"], _TIME),
            "received_at": pa.array(told["known_at"], _TIME),
            **{name: pa.array(told[name]) for name in ("position", "tapped", "purchased")},
        }
    )
