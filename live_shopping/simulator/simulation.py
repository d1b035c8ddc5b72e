"""The simulation, hour by hour, from where it stopped before."""

from collections.abc import Callable

from live_shopping.simulator.clock import DAY, HOUR, to_datetime
from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.delivery import deliver
from live_shopping.simulator.happenings import happenings
from live_shopping.simulator.landing import Writer
from live_shopping.simulator.sources import SOURCES
from live_shopping.simulator.state import Identity, State, load, save
from live_shopping.simulator.summary import Progress, SourceSummary, Summary
from live_shopping.simulator.world import World


def simulate(
    config: SimulationConfig, on_progress: Callable[[Progress], None] | None = None
) -> Summary:
    """Write the hours of the period that are missing.

    The state is saved after each UTC day and at the end. After an interruption the hours since
    then are written again, with the same rows.

    Args:
        config: What to simulate, and where to write it.
        on_progress: Called after each hour.

    Returns:
        What was written.

    Raises:
        DataError: The landing area was begun with other values than `config`'s.
    """
    # What is landed is for its user alone, unless the folder is there and says otherwise.
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    start, end = config.period()
    state = load(config)
    if state is None:
        state = State(Identity.of(config), start, start)
        save(state, config.landing)
    first = state.hour
    summary = Summary(
        to_datetime(first),
        to_datetime(max(first, end)),
        {source.name: SourceSummary() for source in SOURCES},
    )
    if first >= end:
        return summary

    world = World(config, state.start)
    with Writer(config.landing) as writer:
        for hour in range(first, end, HOUR):
            world.advance(hour)
            for source, rows in happenings(config, world, state, hour).items():
                deliver(config, writer, state, source, rows, hour, summary.sources[source.name])
            state.hour = hour + HOUR
            if state.hour % DAY == 0 or state.hour == end:
                writer.finish()
                save(state, config.landing)
            if on_progress is not None:
                done, total = (state.hour - first) // HOUR, (end - first) // HOUR
                on_progress(Progress(to_datetime(hour), done, total, summary.rows))
    return summary
