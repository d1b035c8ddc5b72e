"""Sessions: who comes in an hour, and how one thing leads to another until they leave.

A session is simulated whole in the hour in which it starts. All sessions of a batch take their
turns together: a request of the feed, the visits that it leads to, and what these do to the mood.
"""

from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import HOUR, MINUTE, SECOND
from live_shopping.simulator.feed import Pool, liking, offer
from live_shopping.simulator.marketplace import CATEGORIES, LOCAL_RHYTHM, UTC_OFFSETS
from live_shopping.simulator.randomness import uniform
from live_shopping.simulator.rows import Columns, Floats, Ints, Rows, concat
from live_shopping.simulator.viewers import Viewers
from live_shopping.simulator.visits import Visits, events_of, is_tapped, visits_of
from live_shopping.simulator.world import World

BATCH = 4096
LONGEST_AHEAD = 90 * MINUTE
MOST_REQUESTS = 3
STAYS = 0.4
"""Chance that one more request follows."""

FIRST_MOOD = 3.0
MOOD_FADES = 0.9
MOOD_WANDERS = 0.45
VISIT_KINDLES = 0.25
HIGHEST_MOOD = 3.5


@dataclass(frozen=True, slots=True)
class Sessions(Columns):
    """Sessions under way."""

    viewer: Ints
    now: Ints
    mood: Floats
    """Shape (sessions, categories): what the viewer is after now, as log-odds."""


def sessions_of_hour(
    rng: np.random.Generator, viewers: Viewers, hour: int, wanted: int, busy: Ints
) -> Sessions:
    """Draw who starts a session in an hour, and when; who has just signed up comes first.

    Args:
        rng: Source of randomness.
        viewers: All viewers.
        hour: Start of the hour.
        wanted: How many sessions.
        busy: Viewers whose last session reaches into the hour.
    """
    joined = viewers.signed_up_at
    newcomers = np.flatnonzero((joined >= hour) & (joined < hour + HOUR))[: wanted // 3]
    local_hour = (hour // HOUR + UTC_OFFSETS[viewers.country]) % 24
    eagerness = viewers.activity * LOCAL_RHYTHM[local_hour]
    turns = rng.standard_exponential(len(viewers)) / eagerness
    turns[joined >= hour] = np.inf
    turns[busy] = np.inf
    others = min(wanted - len(newcomers), int(np.count_nonzero(np.isfinite(turns))))
    regulars = np.sort(np.argpartition(turns, max(others - 1, 0))[:others])

    viewer = np.concatenate([newcomers, regulars])
    start = np.concatenate(
        [
            joined[newcomers] + uniform(rng, 5 * SECOND, MINUTE, len(newcomers)),
            hour + uniform(rng, 0, HOUR, len(regulars)),
        ]
    )
    mood = MOOD_WANDERS * rng.standard_normal((len(viewer), len(CATEGORIES)))
    taste = viewers.taste[viewer] + rng.gumbel(size=mood.shape) * 2
    mood[np.arange(len(viewer)), taste.argmax(axis=1)] += FIRST_MOOD
    return Sessions(viewer, start, mood)


def run(
    rng: np.random.Generator, world: World, sessions: Sessions, hour: int
) -> tuple[Rows, Rows, Ints]:
    """Simulate the sessions that start in an hour until all have ended.

    Args:
        rng: Source of randomness.
        world: Viewers, sellers and shows.
        sessions: The sessions at their start.
        hour: Start of the hour.

    Returns:
        The events, the impressions, and each session's end. The impressions' `known_at` is when
        their outcome is known; their `request` counts from 0.
    """
    events: list[Rows] = []
    impressions: list[Rows] = []
    ends: list[Ints] = []
    requests = 0
    for first in range(0, max(len(sessions), 1), BATCH):
        batch = sessions.take(slice(first, first + BATCH))
        pool = Pool.of_shows_live(world, hour, hour + LONGEST_AHEAD, rng)
        end, who = batch.now.copy(), np.arange(len(batch))
        for _ in range(MOST_REQUESTS):
            turn = _turn(rng, world.viewers, pool, batch)
            turn.impressions["request"] += requests
            requests += len(batch)
            events.append(turn.events)
            impressions.append(turn.impressions)
            end[who] = turn.end
            pause = uniform(rng, 5 * SECOND, 90 * SECOND, len(batch))
            stays = rng.random(len(batch)) < STAYS
            who = who[stays]
            batch = Sessions(batch.viewer, turn.end + pause, turn.mood).take(stays)
            if len(batch) == 0:
                break
        ends.append(end)
    return concat(events), concat(impressions), np.concatenate(ends)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request of each session: what came of it, when it ended, and the mood after it."""

    events: Rows
    impressions: Rows
    end: Ints
    mood: Floats


def _turn(rng: np.random.Generator, viewers: Viewers, pool: Pool, sessions: Sessions) -> _Turn:
    viewer, now, mood = sessions.viewer, sessions.now, sessions.mood
    offers = offer(rng, pool, viewers, viewer, now)
    offered_mood = mood[offers.request, pool.category[offers.show]]
    asked_at = now[offers.request]
    liked = liking(viewers, viewer[offers.request], pool, offers.show, offered_mood, asked_at)
    tapped = is_tapped(rng, offers, liked)
    visits = visits_of(rng, offers, tapped, pool, viewers, viewer, now, mood)
    events, bought = events_of(rng, visits, pool, viewers, viewer)

    end = now + uniform(rng, 4 * SECOND, 20 * SECOND, len(now))
    np.maximum.at(end, visits.request, visits.start + visits.watch)
    known_at = end + uniform(rng, 30 * SECOND, 4 * MINUTE, len(end))
    opened = visits.offer >= 0
    through = visits.offer[opened]
    watched = np.full(len(offers), -1.0)
    watched[through] = np.round(visits.watch[opened] / SECOND, 1)
    purchased = np.zeros(len(offers), dtype=np.bool_)
    purchased[through] = bought[opened]
    impressions: Rows = {
        "event_ts": asked_at,
        "known_at": known_at[offers.request],
        "request": offers.request,
        "viewer": viewer[offers.request],
        "show": pool.number[offers.show],
        "position": offers.position,
        "device": viewers.device[viewer[offers.request]],
        "tapped": watched >= 0,
        "purchased": purchased,
        "watch_seconds": np.maximum(watched, 0.0),
    }
    return _Turn(events, impressions, end, _next_mood(rng, mood, visits, pool))


def _next_mood(rng: np.random.Generator, mood: Floats, visits: Visits, pool: Pool) -> Floats:
    """The mood after a request: it fades, wanders, and is kindled by what was visited."""
    cell = visits.request * len(CATEGORIES) + pool.category[visits.show]
    visited = np.bincount(cell, minlength=mood.size).reshape(mood.shape)
    wandered = MOOD_FADES * mood + MOOD_WANDERS * rng.standard_normal(mood.shape)
    return np.minimum(wandered + VISIT_KINDLES * visited, HIGHEST_MOOD)
