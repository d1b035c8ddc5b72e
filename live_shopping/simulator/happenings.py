"""What happens in an hour, before anything goes wrong with it."""

import numpy as np

from live_shopping.simulator import sellers, sessions, shows, viewers
from live_shopping.simulator.clock import HOUR
from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.marketplace import UTC_RHYTHM
from live_shopping.simulator.orders import orders_of_hour
from live_shopping.simulator.randomness import Stream, generator
from live_shopping.simulator.rows import Rows, concat, count, take
from live_shopping.simulator.sources import (
    EVENTS,
    IMPRESSIONS,
    ORDER_OUTCOMES,
    ORDERS,
    SELLER_ACCOUNTS,
    SHOW_LISTINGS,
    VIEWER_ACCOUNTS,
    LandingSource,
)
from live_shopping.simulator.state import State
from live_shopping.simulator.world import World

ROWS_PER_HOUR_LIMIT = 1_000_000_000
"""A row's id is its hour, counted from the start, times this, plus its place in the hour."""

USUAL_EVENTS_PER_SESSION, USUAL_SESSIONS = 10.0, 50
"""What is expected of sessions before there were more than these to learn it from."""
MOST_HOURS_OWED = 3
"""What could not happen, for want of shows or viewers, is made up for only so far."""


def happenings(
    config: SimulationConfig, world: World, state: State, hour: int
) -> dict[LandingSource, Rows]:
    """Return what happens in an hour or follows from it, by source, and note it in the state.

    Args:
        config: The simulation.
        world: The marketplace, advanced to the hour.
        state: The simulation's state at the hour's start.
        hour: Start of the hour.
    """
    until, first = hour + HOUR, hour == state.start
    number = (hour - state.start) // HOUR
    state.follows = np.pad(state.follows, (0, len(world.sellers) - len(state.follows)))
    events, impressions = _sessions(config, world, state, hour, number)
    rng = generator(config.seed, Stream.ORDERS, number)
    orders, outcomes = orders_of_hour(rng, world, events, hour, number)
    happened = {
        EVENTS: events,
        IMPRESSIONS: impressions,
        VIEWER_ACCOUNTS: viewers.account_rows(world.viewers, hour, until, first=first),
        SELLER_ACCOUNTS: sellers.account_rows(
            world.sellers, state.follows, hour, until, first=first
        ),
        SHOW_LISTINGS: shows.listing_rows(world.shows, hour, until, first=first),
        ORDERS: orders,
        ORDER_OUTCOMES: outcomes,
    }
    for rows in happened.values():
        rows["id"] = number * ROWS_PER_HOUR_LIMIT + np.arange(count(rows))
    impressions["request"] += number * ROWS_PER_HOUR_LIMIT
    return happened


def _sessions(
    config: SimulationConfig, world: World, state: State, hour: int, number: int
) -> tuple[Rows, Rows]:
    """The events and impressions of as many sessions as make up the hour's share of events."""
    rng = generator(config.seed, Stream.SESSIONS, number)
    target = config.events_per_hour * UTC_RHYTHM[hour // HOUR % 24]
    state.owed = min(state.owed + target, MOST_HOURS_OWED * target)
    events_per_session = (state.events + USUAL_SESSIONS * USUAL_EVENTS_PER_SESSION) / (
        state.sessions + USUAL_SESSIONS
    )
    wanted = max(int(state.owed / events_per_session + rng.random()), 0)
    started = sessions.sessions_of_hour(rng, world.viewers, hour, wanted, state.busy["viewer"])
    events, impressions, ends = sessions.run(rng, world, started, hour)
    impressions = _logged(rng, impressions, config.impressions_per_event * count(events))

    busy = concat([state.busy, {"viewer": started.viewer, "until": ends}])
    state.busy = take(busy, busy["until"] > hour + HOUR)
    state.sessions += len(started)
    state.events += count(events)
    state.owed -= count(events)
    return events, impressions


def _logged(rng: np.random.Generator, impressions: Rows, wanted: float) -> Rows:
    """The impressions of as many requests, drawn at random, as have about the wanted rows."""
    requests = int(impressions["request"].max(initial=-1)) + 1
    is_logged = rng.random(requests) * count(impressions) < wanted
    return take(impressions, is_logged[impressions["request"]])
