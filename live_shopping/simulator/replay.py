"""Replay: the viewers of an hour meet another feed, and act on what that one shows them.

Who comes, what they are after and how patient they are is the same whatever the feed, and so is
every chance: it is drawn by viewer, request and show, so that a show which two feeds put in the
same place is tapped under both or under neither. What differs between two replays is due to their
feeds alone. Unlike in `sessions`, nobody swipes on from a show to similar ones: what is earned is
what was offered.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import MINUTE, SECOND
from live_shopping.simulator.feed import LEAST_SEEN, MOST_SEEN, Offers, Pool, liking
from live_shopping.simulator.marketplace import CATEGORIES
from live_shopping.simulator.randomness import hashed
from live_shopping.simulator.rows import Array, Bools, Floats, Ints, Rows, concat
from live_shopping.simulator.sessions import (
    HIGHEST_MOOD,
    MOOD_FADES,
    MOOD_WANDERS,
    MOST_REQUESTS,
    STAYS,
    VISIT_KINDLES,
    Sessions,
)
from live_shopping.simulator.viewers import Viewers
from live_shopping.simulator.visits import (
    ACTIONS_PER_MINUTE,
    MEDIAN_WATCH,
    MOST_ACTIONS,
    MOST_WATCH,
    POSITION_LOG_ODDS,
    PURCHASE_LOG_ODDS,
    TAP_LOG_ODDS,
)

LOOKS = 3 * SECOND
"""How long a viewer looks for the next show."""
MEAN_PAUSE = 45 * SECOND
# What a number is drawn for.
_PATIENCE, _TAP, _WATCH, _BUY, _STAY, _PAUSE, _WANDER = range(7)


@dataclass(frozen=True)
class Asked:
    """Requests of the feed, and what they are to rank.

    Attributes:
        viewer: who asks, one per request.
        now: when, one per request, in microseconds.
        pool: the shows.
        live: of shape (requests, shows): which can be watched then; no other is offered.
        before: what these viewers did with the requests of their sessions so far, as in `replay`.
    """

    viewer: Ints
    now: Ints
    pool: Pool
    live: Bools
    before: Rows


Rank = Callable[[Asked], Floats]
"""Scores of shape (requests, shows), for what is asked; the highest is shown first."""


def replay(viewers: Viewers, pool: Pool, sessions: Sessions, rank: Rank, seed: int = 0) -> Rows:
    """What viewers do with a feed.

    Args:
        viewers: all viewers.
        pool: the shows.
        sessions: who comes, when, and after what, as ``sessions_of_hour`` draws them.
        rank: orders the shows.
        seed: another one gives other chances.

    Returns:
        An impression per row, in order of time within a session: `session` (its position), `turn`
        (of its requests), `event_ts`, `viewer`, `show` (its number), `position`, `tapped`,
        `purchased`, `watch_seconds`, and `known_at`, when the visit is over.
    """
    told: list[Rows] = [_nothing()]
    session = np.arange(len(sessions))
    for turn in range(MOST_REQUESTS):
        if not len(sessions):
            break
        live = pool.is_live(slice(None), sessions.now[:, None])
        asked = Asked(sessions.viewer, sessions.now, pool, live, concat(told))
        offers = _offers(seed, turn, asked, rank(asked))
        found, end = _acts(seed, turn, viewers, asked, offers, sessions.mood)
        told.append(found | {"session": session[offers.request]})
        stays = hashed(_key(seed, _STAY, turn), sessions.viewer) < STAYS
        pause = -np.log1p(-hashed(_key(seed, _PAUSE, turn), sessions.viewer)) * MEAN_PAUSE
        mood = _next_mood(seed, turn, sessions, offers, found["tapped"], pool)
        now = end + 5 * SECOND + pause.astype(np.int64)
        sessions = Sessions(sessions.viewer, now, mood).take(stays)
        session = session[stays]
    return concat(told)


def _nothing() -> Rows:
    whole = ("event_ts", "known_at", "turn", "viewer", "show", "position", "session")
    rows: Rows = {name: np.empty(0, np.int64) for name in whole}
    truths = {name: np.empty(0, np.bool_) for name in ("tapped", "purchased")}
    return rows | truths | {"watch_seconds": np.empty(0)}


def _key(seed: int, purpose: int, turn: int) -> Ints:
    return np.array([(seed * 16 + purpose) * 16 + turn])


def _offers(seed: int, turn: int, asked: Asked, scores: Floats) -> Offers:
    """What is looked at of each feed: the best shows that are live, as far as patience goes."""
    ordered = np.argsort(np.where(asked.live, -scores, np.inf), axis=1, kind="stable")
    shown = ordered[:, :MOST_SEEN]
    patience = hashed(_key(seed, _PATIENCE, turn), asked.viewer)
    seen = LEAST_SEEN + (patience * (MOST_SEEN + 1 - LEAST_SEEN)).astype(np.int64)
    kept = np.take_along_axis(asked.live, shown, axis=1)
    kept &= np.arange(shown.shape[1]) < seen[:, None]
    request, position = np.nonzero(kept)
    return Offers(request, position, shown[request, position])


def _acts(
    seed: int, turn: int, viewers: Viewers, asked: Asked, offers: Offers, mood: Floats
) -> tuple[Rows, Ints]:
    """What viewers do with what they are offered, and when each request is over."""
    pool, viewer, now = asked.pool, asked.viewer[offers.request], asked.now[offers.request]
    number = pool.number[offers.show]

    def drawn(purpose: int) -> Floats:
        return hashed(_key(seed, purpose, turn), viewer, number)

    moods = mood[offers.request, pool.category[offers.show]]
    liked = liking(viewers, viewer, pool, offers.show, moods, now)
    odds = np.exp(TAP_LOG_ODDS + liked + POSITION_LOG_ODDS * np.log1p(offers.position))
    tapped = drawn(_TAP) * (1 + odds) < odds
    interest = 0.5 * liked + 0.8 * _normal(_key(seed, _WATCH, turn), viewer, number)
    watch = np.clip(MEDIAN_WATCH * np.exp(interest), SECOND, MOST_WATCH) * tapped
    # One after the other, each after a look about.
    took = np.cumsum(np.where(tapped, watch + LOOKS, 0.0))
    first = np.searchsorted(offers.request, offers.request, side="left")
    until = now + (took - np.concatenate([[0.0], took])[first]).astype(np.int64)
    acts = np.minimum(
        ACTIONS_PER_MINUTE / MINUTE * watch * viewers.liveliness[viewer], MOST_ACTIONS
    )
    chance = 1 / (1 + np.exp(-(PURCHASE_LOG_ODDS + 0.9 * liked)))
    purchased = drawn(_BUY) < -np.expm1(-acts * chance)
    end = asked.now + 10 * SECOND
    np.maximum.at(end, offers.request, until)
    rows: Rows = {
        "event_ts": now,
        "known_at": until,
        "turn": np.full(len(now), turn),
        "viewer": viewer,
        "show": number,
        "position": offers.position,
        "tapped": tapped,
        "purchased": purchased,
        "watch_seconds": np.round(watch / SECOND, 1),
    }
    return rows, end


def _next_mood(
    seed: int, turn: int, sessions: Sessions, offers: Offers, tapped: Array, pool: Pool
) -> Floats:
    """The mood after a request, as in `sessions`."""
    cell = offers.request * len(CATEGORIES) + pool.category[offers.show]
    visited = np.bincount(cell[tapped], minlength=sessions.mood.size).reshape(sessions.mood.shape)
    each = np.arange(len(CATEGORIES))
    wandering = _normal(_key(seed, _WANDER, turn), sessions.viewer[:, None], each)
    wandered = MOOD_FADES * sessions.mood + MOOD_WANDERS * wandering
    return np.minimum(wandered + VISIT_KINDLES * visited, HIGHEST_MOOD)


def _normal(*keys: Ints) -> Floats:
    """Standard normal numbers that are always the same for the same keys (Box and Muller)."""
    one, two = hashed(*keys, np.array([1])), hashed(*keys, np.array([2]))
    drawn: Floats = np.sqrt(-2 * np.log1p(-one)) * np.cos(2 * np.pi * two)
    return drawn
