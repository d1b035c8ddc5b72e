"""Sellers: how good and how popular they are, and the rows of their accounts."""

from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import DAY, HOUR
from live_shopping.simulator.marketplace import (
    CATEGORY_SHARES,
    COUNTRY_SHARES,
    LANGUAGE_OF_COUNTRY,
)
from live_shopping.simulator.randomness import Stream, generator, pick, uniform
from live_shopping.simulator.rows import Columns, Floats, Ints, Rows

GROWTH_PER_DAY = 0.005
RATED_AFTER = 7 * DAY
VERIFIED_AFTER = 60 * DAY
POPULARITY_EXPONENT = 0.8
"""Of the Zipf-like law of popularity: few sellers hold most of the audience."""


@dataclass(frozen=True, slots=True)
class Sellers(Columns):
    """Sellers, one per position of each array; the position is the seller's number."""

    joined_at: Ints
    popularity: Floats
    """Share of the audience relative to others that are live."""
    quality: Floats
    """What a seller's shows are worth to a viewer, whatever they sell; mean 0."""
    fame: Floats
    """Popularity in a gentler scale: 1 for the most popular, near 0 for most."""
    shows_per_day: Floats
    category: Ints
    country: Ints
    language: Ints
    price_level: Floats
    """Log, relative to the category's typical price."""
    starts_at: Ints
    """Time of the UTC day, below 6 hours, at which the seller's four slots of a day begin."""
    followers: Ints
    """Followers when the period starts."""
    rating_phase: Floats
    rating_period: Floats
    """The rating swings slowly about what the quality deserves: radians; microseconds."""
    reported_at: Ints
    """Time of the UTC day at which the account's daily row is written."""


def joining_per_day(sellers: int) -> int:
    """Return how many join per day in a marketplace that started with `sellers`."""
    return max(1, round(sellers * GROWTH_PER_DAY))


def sellers_at_start(seed: int, count: int, start: int) -> Sellers:
    """Return the sellers that joined before the period."""
    rng = generator(seed, Stream.SELLERS, 0)
    rank = rng.permutation(count)
    joined_at = start - HOUR - (rng.standard_exponential(count) * 300 * DAY).astype(np.int64)
    return _draw(rng, rank, joined_at, start)


def sellers_of_day(seed: int, count: int, start: int, day: int) -> Sellers:
    """Return the sellers that join in the `day`-th 24 hours of the period."""
    rng = generator(seed, Stream.SELLERS, 1, day)
    size = joining_per_day(count)
    rank = rng.integers(0, count, size)
    return _draw(rng, rank, start + day * DAY + np.sort(uniform(rng, 0, DAY, size)), start)


def _draw(rng: np.random.Generator, rank: Ints, joined_at: Ints, start: int) -> Sellers:
    size = len(rank)
    country = pick(rng, COUNTRY_SHARES, size)
    popularity: Floats = np.power(rank + 1.0, -POPULARITY_EXPONENT)
    fame = popularity**0.4
    days = np.maximum(start - joined_at, 0) / DAY
    return Sellers(
        joined_at=joined_at,
        popularity=popularity,
        quality=0.7 * rng.standard_normal(size),
        fame=fame,
        shows_per_day=0.8 + 2.6 * fame,
        category=pick(rng, CATEGORY_SHARES, size),
        country=country,
        language=LANGUAGE_OF_COUNTRY[country],
        price_level=0.4 * rng.standard_normal(size),
        starts_at=uniform(rng, 0, 6 * HOUR, size),
        followers=(days * popularity * 800 * rng.random(size)).astype(np.int64),
        rating_phase=rng.random(size) * 2 * np.pi,
        rating_period=(20 + 40 * rng.random(size)) * DAY,
        reported_at=uniform(rng, 0, DAY, size),
    )


def account_rows(sellers: Sellers, follows: Ints, since: int, until: int, *, first: bool) -> Rows:
    """Return the rows of the accounts that are new or due for their daily row in [since, until).

    Args:
        sellers: All sellers, with some that join later.
        follows: Follows of each seller since the period's start that had arrived by `since`.
        since: Start of the hour.
        until: End of the hour.
        first: Whether this is the period's first hour, which tells of everyone there is.
    """
    joined = sellers.joined_at
    report_at = since + (sellers.reported_at - since) % DAY
    new = (joined < until) & ((joined >= since) | first)
    due = (report_at < until) & (joined < since) & ~new
    who = np.flatnonzero(new | due)
    when = np.where(new[who], np.maximum(joined[who], since), report_at[who])
    age = when - joined[who]
    swing = np.sin(when / sellers.rating_period[who] * 2 * np.pi + sellers.rating_phase[who])
    rating = np.clip(4.0 + 0.6 * sellers.quality[who] + 0.2 * swing, 0, 5)
    return {
        "event_ts": when,
        "seller": who,
        "country": sellers.country[who],
        "joined_at": joined[who],
        "rating": np.where(age >= RATED_AFTER, np.round(rating, 2), np.nan),
        "verified": age >= VERIFIED_AFTER,
        "followers": sellers.followers[who] + follows[who],
    }
