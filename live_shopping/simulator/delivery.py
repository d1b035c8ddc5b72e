"""The way from what happens in an hour to the file of what has arrived in it."""

import numpy as np

from live_shopping.simulator.clock import HOUR
from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.dirt import DUPLICATED, MALFORMED
from live_shopping.simulator.landing import Writer
from live_shopping.simulator.randomness import Stream, generator
from live_shopping.simulator.rows import Rows, concat, take
from live_shopping.simulator.sources import EVENTS, SOURCES, LandingSource
from live_shopping.simulator.state import State
from live_shopping.simulator.summary import SourceSummary
from live_shopping.simulator.visits import FOLLOW


def deliver(
    config: SimulationConfig,
    writer: Writer,
    state: State,
    source: LandingSource,
    happened: Rows,
    hour: int,
    summary: SourceSummary,
) -> None:
    """Write what has arrived by the end of an hour; what has not waits in the state.

    Args:
        config: The simulation.
        writer: Of the landing area.
        state: Its state, in which rows of earlier hours wait.
        source: The source.
        happened: Its rows of this hour.
        hour: Start of the hour.
        summary: Counts what is written.
    """
    number = (hour - state.start) // HOUR
    rng = generator(config.seed, Stream.DIRT, number, SOURCES.index(source))
    rows = source.dirt.arrive(rng, happened)
    if source.name in state.waiting:
        rows = concat([state.waiting[source.name], rows])
    in_time = rows["received_at"] < hour + HOUR
    state.waiting[source.name] = take(rows, ~in_time)
    arrived = take(rows, in_time)
    arrived = take(arrived, np.argsort(arrived["received_at"], kind="stable"))
    writer.write(source, hour, arrived)
    summary.add_file(arrived["dirt"])
    if source is EVENTS:
        follows = (arrived["kind"] == FOLLOW) & (arrived["dirt"] & (DUPLICATED | MALFORMED) == 0)
        state.follows += np.bincount(arrived["seller"][follows], minlength=len(state.follows))
