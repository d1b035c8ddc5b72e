"""The feed: which shows a viewer is offered, and what a show is worth to a viewer.

The feed knows what viewers like in the long run and how popular sellers are. It does not know a
viewer's mood, which decides as much about the next tap, nor in which shows much goes on: to rank
better than this feed is to learn both from what happened in the last minutes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from live_shopping.simulator.clock import SECOND
from live_shopping.simulator.hype import hype
from live_shopping.simulator.marketplace import CATEGORIES, TYPICAL_PRICES
from live_shopping.simulator.rows import Bools, Columns, Floats, Ints
from live_shopping.simulator.viewers import Viewers
from live_shopping.simulator.world import World

POOL_SIZE = 512
DRAWS_OF_SIMILAR = 4
LEAST_SEEN, MOST_SEEN = 6, 14
TASTE_WEIGHT = 0.5
QUALITY_WEIGHT = 0.6
FAME_WEIGHT = 0.8
SAME_LANGUAGE = 0.4
LOYALTY = 1.2
SHARE_LOYAL = 0.04


@dataclass(frozen=True, slots=True)
class Pool(Columns):
    """Shows that the feed chooses from, in order of category."""

    number: Ints
    seller: Ints
    category: Ints
    language: Ints
    started_at: Ints
    ended_at: Ints
    price: Floats
    price_level: Floats
    """Log, relative to the category's typical price."""
    worth: Floats
    """What the show is worth to everyone: its seller's quality and fame, its own heat."""
    popularity: Floats
    hype_key: Ints

    @classmethod
    def of_shows_live(cls, world: World, since: int, until: int, rng: np.random.Generator) -> Self:
        """Return the shows live in [since, until), or a sample that favours popular ones."""
        shows = world.shows
        live = shows.take((shows.started_at < until) & (shows.ended_at > since))
        sellers = world.sellers.take(live.seller)
        price_level = np.log(live.price / TYPICAL_PRICES[live.category])
        popularity = sellers.popularity * np.exp(live.heat)
        pool = cls(
            number=live.number,
            seller=live.seller,
            category=live.category,
            language=live.language,
            started_at=live.started_at,
            ended_at=live.ended_at,
            price=live.price,
            price_level=price_level,
            worth=QUALITY_WEIGHT * sellers.quality + FAME_WEIGHT * sellers.fame + live.heat,
            popularity=popularity,
            hype_key=live.hype_key,
        )
        if len(pool) > POOL_SIZE:
            turns = rng.standard_exponential(len(pool)) / np.sqrt(popularity)
            pool = pool.take(np.argsort(turns, kind="stable")[:POOL_SIZE])
        return pool.take(np.argsort(pool.category, kind="stable"))

    def is_live(self, show: Ints | slice, instant: Ints) -> Bools:
        """Return whether each show can be watched at its instant, and for a while longer."""
        return (self.started_at[show] <= instant) & (self.ended_at[show] > instant + 30 * SECOND)


@dataclass(frozen=True, slots=True)
class Offers(Columns):
    """Shows offered: for each its request, its place in the feed and its position in the pool."""

    request: Ints
    position: Ints
    show: Ints


def offer(
    rng: np.random.Generator, pool: Pool, viewers: Viewers, viewer: Ints, now: Ints
) -> Offers:
    """Return what was seen of the feed of each request, about ten live shows in their order.

    Args:
        rng: Source of randomness.
        pool: Shows to choose from.
        viewers: All viewers.
        viewer: Who asks, one per request.
        now: When, one per request.
    """
    appeal = np.exp(np.float32(TASTE_WEIGHT) * viewers.taste[viewer])
    weight = appeal[:, pool.category] * pool.popularity.astype(np.float32)
    # The smallest of exponential draws over weights: weighted sampling without replacement.
    turns = rng.standard_exponential(weight.shape, dtype=np.float32) / weight
    turns[~pool.is_live(slice(None), now[:, None])] = np.inf
    shows = np.broadcast_to(np.arange(len(pool)), turns.shape)
    if len(pool) > MOST_SEEN:
        shows = np.argpartition(turns, MOST_SEEN, axis=1)[:, :MOST_SEEN]
    chosen = np.take_along_axis(turns, shows, axis=1)
    order = np.argsort(chosen, axis=1, kind="stable")
    size = rng.integers(LEAST_SEEN, MOST_SEEN + 1, len(viewer))
    kept = (np.arange(shows.shape[1]) < size[:, None]) & np.isfinite(
        np.take_along_axis(chosen, order, axis=1)
    )
    request, position = np.nonzero(kept)
    return Offers(request, position, shows[request, order[request, position]])


def similar(rng: np.random.Generator, pool: Pool, show: Ints, instant: Ints) -> Ints:
    """Draw, for each show, one of its category, as often as it is popular and hyped.

    Args:
        rng: Source of randomness.
        pool: Shows to choose from.
        show: Position in the pool.
        instant: When a show should be live; the last of a few draws may not be.
    """
    bounds = np.concatenate([[0.0], np.cumsum(pool.popularity)])
    first = np.searchsorted(pool.category, np.arange(len(CATEGORIES)), side="left")
    last = np.searchsorted(pool.category, np.arange(len(CATEGORIES)), side="right")
    drawn = np.empty_like(show)
    left = np.arange(len(show))
    for _ in range(DRAWS_OF_SIMILAR):
        category = pool.category[show[left]]
        low, high = bounds[first[category]], bounds[last[category]]
        # Of two, the one in which more is going on.
        weight = low + rng.random((2, len(left))) * (high - low)
        found = np.searchsorted(bounds, weight, side="right") - 1
        two = np.minimum(found, last[category] - 1)
        more = hype(pool.hype_key[two], instant[left]).argmax(axis=0)
        drawn[left] = two[more, np.arange(len(left))]
        left = left[~pool.is_live(drawn[left], instant[left])]
    return drawn


def liking(
    viewers: Viewers, viewer: Ints, pool: Pool, show: Ints, mood: Floats, instant: Ints
) -> Floats:
    """Return how much each viewer likes a show, as a log-odds; 0 is indifference.

    Args:
        viewers: All viewers.
        viewer: Who, one per pair.
        pool: Shows.
        show: Position in the pool, one per pair.
        mood: The viewer's mood for the show's category, one per pair.
        instant: When, one per pair.
    """
    seller, category = pool.seller[show], pool.category[show]
    too_dear = np.maximum(pool.price_level[show] - viewers.budget[viewer], 0.0)
    liked: Floats = (
        TASTE_WEIGHT * viewers.taste[viewer, category]
        + mood
        + pool.worth[show]
        + hype(pool.hype_key[show], instant)
        + SAME_LANGUAGE * (viewers.language[viewer] == pool.language[show])
        + LOYALTY * _is_loyal(viewer, seller)
        - viewers.sensitivity[viewer] * too_dear
    )
    return liked


def _is_loyal(viewer: Ints, seller: Ints) -> Bools:
    """Whether a viewer is a fan of a seller: as good as random for each pair, always the same."""
    pair = viewer.astype(np.uint64) << np.uint64(32) | seller.astype(np.uint64)
    mixed = (pair ^ (pair >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(40)) < np.uint64(round(SHARE_LOYAL * 2**24))
