"""Visits: what viewers do in the shows that they open."""

from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import MINUTE, SECOND
from live_shopping.simulator.feed import Offers, Pool, liking, similar
from live_shopping.simulator.randomness import pick, uniform
from live_shopping.simulator.rows import Bools, Columns, Floats, Ints, Rows, concat
from live_shopping.simulator.viewers import Viewers

KINDS = ("view", "tap", "chat", "bid", "purchase", "follow", "share")
VIEW, TAP, CHAT, BID, PURCHASE, FOLLOW, SHARE = range(7)
ACTIONS = np.array([TAP, CHAT, BID, FOLLOW, SHARE])
ACTION_SHARES = np.array([20, 50, 24, 3.5, 2.5]) / 100

SWIPES_PER_TAP = 0.8
ACTIONS_PER_MINUTE = 0.65
MOST_ACTIONS = 80.0
MEDIAN_WATCH, MOST_WATCH = 16 * SECOND, 25 * MINUTE
TAP_LOG_ODDS = -3.8
POSITION_LOG_ODDS = -0.35
PURCHASE_LOG_ODDS = -7.3


@dataclass(frozen=True, slots=True)
class Visits(Columns):
    """Visits of shows, those of a request together and in their order."""

    request: Ints
    offer: Ints
    """The offer that was tapped; -1 where the viewer swiped on to a similar show."""
    show: Ints
    liking: Floats
    start: Ints
    watch: Ints
    """How long, in microseconds."""


def is_tapped(rng: np.random.Generator, offers: Offers, liked: Floats) -> Bools:
    """Draw which offers are tapped: the liked ones, and those at the top of the feed."""
    odds = np.exp(TAP_LOG_ODDS + liked + POSITION_LOG_ODDS * np.log1p(offers.position))
    tapped: Bools = rng.random(len(offers)) * (1 + odds) < odds
    return tapped


def visits_of(
    rng: np.random.Generator,
    offers: Offers,
    tapped: Bools,
    pool: Pool,
    viewers: Viewers,
    viewer: Ints,
    now: Ints,
    mood: Floats,
) -> Visits:
    """Return the visits that the requests lead to: each tapped show, then similar ones.

    Args:
        rng: Source of randomness.
        offers: The feeds.
        tapped: Which of the offers were tapped.
        pool: Shows that `offers` refers to.
        viewers: All viewers.
        viewer: Who asked, one per request.
        now: When, one per request.
        mood: Shape (requests, categories).
    """
    taps = np.flatnonzero(tapped)
    swipes = rng.poisson(SWIPES_PER_TAP, len(taps))
    offered = np.repeat(taps, 1 + swipes)
    opened = np.zeros(len(offered), dtype=np.bool_)
    opened[np.cumsum(1 + swipes) - 1 - swipes] = True
    request, show = offers.request[offered], offers.show[offered]
    show[~opened] = similar(rng, pool, show[~opened], now[request[~opened]])
    moods = mood[request, pool.category[show]]
    liked = liking(viewers, viewer[request], pool, show, moods, now[request])

    interest = 0.5 * liked + 0.8 * rng.standard_normal(len(show)) - 0.5 * ~opened
    watch = np.clip(MEDIAN_WATCH * np.exp(interest), SECOND, MOST_WATCH).astype(np.int64)
    looking = uniform(rng, SECOND, 8 * SECOND, len(show))
    elapsed = np.cumsum(looking + watch)
    first = np.searchsorted(request, request, side="left")
    start = now[request] + elapsed - watch - (elapsed - looking - watch)[first]
    watch = np.minimum(watch, pool.ended_at[show] - start)
    visits = Visits(request, np.where(opened, offered, -1), show, liked, start, watch)
    return visits.take(pool.is_live(show, start))


def events_of(
    rng: np.random.Generator, visits: Visits, pool: Pool, viewers: Viewers, viewer: Ints
) -> tuple[Rows, Bools]:
    """Return the events of the visits, and for each visit whether something was bought.

    Args:
        rng: Source of randomness.
        visits: The visits.
        pool: Shows that `visits` refers to.
        viewers: All viewers.
        viewer: Who asked, one per request.
    """
    liveliness = viewers.liveliness[viewer[visits.request]]
    expected = ACTIONS_PER_MINUTE / MINUTE * visits.watch * liveliness
    actions = rng.poisson(np.minimum(expected, MOST_ACTIONS))
    visit = np.repeat(np.arange(len(visits)), actions)
    odds = np.exp(PURCHASE_LOG_ODDS + 0.9 * visits.liking[visit])
    kind = ACTIONS[pick(rng, ACTION_SHARES, len(visit))]
    buys = rng.random(len(visit)) * (1 + odds) < odds
    kind[buys] = PURCHASE
    instant = visits.start[visit] + (rng.random(len(visit)) * visits.watch[visit]).astype(np.int64)
    raised = np.exp(0.3 * (kind == PURCHASE) + 0.25 * rng.standard_normal(len(visit)))
    price = np.round(pool.price[visits.show[visit]] * raised, 2)
    price = np.where((kind == BID) | (kind == PURCHASE), price, np.nan)

    opened = visits.take(visits.offer >= 0)
    events = concat(
        [
            _events(visits, pool, viewer, VIEW, visits.start + visits.watch)
            | {"watch_seconds": np.round(visits.watch / SECOND, 1)},
            _events(opened, pool, viewer, TAP, opened.start),
            _events(visits.take(visit), pool, viewer, kind, instant) | {"price": price},
        ]
    )
    bought = np.zeros(len(visits), dtype=np.bool_)
    bought[visit[buys]] = True
    return events, bought


def _events(visits: Visits, pool: Pool, viewer: Ints, kind: Ints | int, instant: Ints) -> Rows:
    size = len(visits)
    return {
        "event_ts": instant,
        "viewer": viewer[visits.request],
        "show": pool.number[visits.show],
        "seller": pool.seller[visits.show],
        "category": pool.category[visits.show],
        "kind": np.broadcast_to(np.asarray(kind, dtype=np.int64), size),
        "price": np.full(size, np.nan),
        "watch_seconds": np.full(size, np.nan),
    }
