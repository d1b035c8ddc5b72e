"""What a simulation must remember to go on: kept beside what it has written."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.rows import Ints, Rows
from slate.errors import DataError

VERSION = 4
_FILE = ".simulator/state.npz"
_BUSY, _FOLLOWS = "busy", "follows"


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same for a simulation to go on."""

    seed: int
    viewers: int
    sellers: int
    events_per_day: float
    impressions_per_event: float
    version: int = VERSION

    @classmethod
    def of(cls, config: SimulationConfig) -> "Identity":
        """Return the identity that a configuration asks for."""
        return cls(
            seed=config.seed,
            viewers=config.viewers,
            sellers=config.sellers,
            events_per_day=config.events / config.days,
            impressions_per_event=config.impressions_per_event,
        )


def _nothing() -> Ints:
    return np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class State:
    """A simulation between two hours.

    Attributes:
        identity: What the simulation was started with.
        start: Start of the period.
        hour: The next hour to simulate.
        sessions: Sessions simulated so far.
        events: Events that they caused.
        owed: Events that should have been caused besides; negative when too many were.
        busy: Viewers whose session reaches beyond `hour`, and until when.
        follows: Follows that have arrived, per seller.
        waiting: Rows of each source that arrive in a later hour.
    """

    identity: Identity
    start: int
    hour: int
    sessions: int = 0
    events: int = 0
    owed: float = 0.0
    busy: Rows = field(default_factory=lambda: {"viewer": _nothing(), "until": _nothing()})
    follows: Ints = field(default_factory=_nothing)
    waiting: dict[str, Rows] = field(default_factory=dict)


def save(state: State, landing: Path) -> None:
    """Write the state, replacing the one before at once."""
    path = landing / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    counters = {
        "identity": asdict(state.identity),
        "start": state.start,
        "hour": state.hour,
        "sessions": state.sessions,
        "events": state.events,
        "owed": state.owed,
    }
    tables = state.waiting | {_BUSY: state.busy, _FOLLOWS: {"count": state.follows}}
    arrays = {
        f"{table}/{name}": column for table, rows in tables.items() for name, column in rows.items()
    }
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, counters=np.array(json.dumps(counters)), **arrays)
    unfinished.replace(path)


def load(config: SimulationConfig) -> State | None:
    """Return the state that was saved in the landing area; None: there is no simulation yet.

    Raises:
        DataError: What was simulated before differs from what `config` asks for, or its state
            is missing.
    """
    path = config.landing / _FILE
    if not path.exists():
        if any(config.landing.glob("*/*/*.parquet")):
            raise DataError(
                f"simulator: {config.landing} has files but no state ({_FILE}), so it cannot be"
                " continued; give another data directory or remove that one"
            )
        return None
    with np.load(path, allow_pickle=False) as arrays:
        counters = json.loads(str(arrays["counters"]))
        if counters["identity"] != asdict(Identity.of(config)):
            raise DataError(_difference(counters["identity"], config))
        tables: dict[str, Rows] = {}
        for key in arrays.files:
            table, _, name = key.partition("/")
            if not name:
                continue
            tables.setdefault(table, {})[name] = arrays[key]
        return State(
            identity=Identity(**counters.pop("identity")),
            **counters,
            busy=tables.pop(_BUSY),
            follows=tables.pop(_FOLLOWS)["count"],
            waiting=tables,
        )


def _difference(before: dict[str, float], config: SimulationConfig) -> str:
    now = asdict(Identity.of(config))
    changes = ", ".join(
        f"{name} was {before.get(name)}, now {value}"
        for name, value in now.items()
        if before.get(name) != value
    )
    return (
        f"simulator: {config.landing} was begun with other values ({changes}); give the same"
        " values to continue it, or another data directory to begin anew"
    )
