"""Shows: when they are listed, start and end, and the rows of their listings."""

from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import DAY, HOUR, MINUTE, NEVER
from live_shopping.simulator.marketplace import (
    LOCAL_RHYTHM,
    TITLES_PER_CATEGORY,
    TYPICAL_PRICES,
    UTC_OFFSETS,
)
from live_shopping.simulator.randomness import Stream, generator, uniform
from live_shopping.simulator.rows import Columns, Floats, Ints, Rows
from live_shopping.simulator.sellers import Sellers

SLOTS = 4
SHARE_CANCELLED = 0.04
SHARE_EDITED = 0.12
LEAST_LEAD, MOST_LEAD = 2 * HOUR, 48 * HOUR
SHOWS_PER_DAY_LIMIT = 1_000_000
"""A show's number is its day times this, plus its place in the day."""

STATUSES = ("scheduled", "live", "ended", "cancelled")
SCHEDULED, LIVE, ENDED, CANCELLED = range(4)


@dataclass(frozen=True, slots=True)
class Shows(Columns):
    """Shows, one per position of each array, with all that will happen to them."""

    number: Ints
    seller: Ints
    category: Ints
    language: Ints
    heat: Floats
    """How attractive the show is, apart from its seller; mean 0."""
    hype_key: Ints
    """What the outbreaks of hype in the show follow from."""
    listed_at: Ints
    edited_at: Ints
    cancelled_at: Ints
    scheduled_at: Ints
    started_at: Ints
    ended_at: Ints
    first_price: Floats
    price: Floats
    first_title: Ints
    title: Ints


def shows_of_day(seed: int, sellers: Sellers, day: int) -> Shows:
    """Return the shows whose slots begin on a day.

    A day has four slots for each seller, so that no two shows of a seller overlap.

    Args:
        seed: The simulation's seed.
        sellers: Those that may have a show that day: depends on the day alone.
        day: Days since the epoch.
    """
    rng = generator(seed, Stream.SHOWS, day)
    begin = day * DAY + sellers.starts_at[:, None] + np.arange(SLOTS) * (DAY // SLOTS)
    local_hour = (begin // HOUR + UTC_OFFSETS[sellers.country][:, None] + 1) % 24
    chance = sellers.shows_per_day[:, None] / SLOTS * (0.4 + 0.6 * LOCAL_RHYTHM[local_hour])
    seller, slot = np.nonzero(rng.random(begin.shape) < chance)
    size = len(seller)

    quarters = rng.integers(0, 9, size) * 15 * MINUTE
    scheduled_at = begin[seller, slot] // (5 * MINUTE) * (5 * MINUTE) + quarters
    lead = LEAST_LEAD + (np.sqrt(rng.random(size)) * (MOST_LEAD - LEAST_LEAD)).astype(np.int64)
    listed_at = np.maximum(scheduled_at - lead, sellers.joined_at[seller] + 10 * MINUTE)
    lead = scheduled_at - listed_at
    started_at = scheduled_at + uniform(rng, -2 * MINUTE, 10 * MINUTE, size)
    usual = 60 * (1 + sellers.fame[seller])
    minutes = np.clip(usual * np.exp(0.5 * rng.standard_normal(size)), 15, 210)
    ended_at = started_at + (minutes * MINUTE).astype(np.int64)

    cancelled = rng.random(size) < SHARE_CANCELLED
    cancelled_at = scheduled_at - (rng.random(size) * lead / 2).astype(np.int64)
    edited = rng.random(size) < SHARE_EDITED
    edited_at = listed_at + (rng.random(size) * lead / 2).astype(np.int64)

    category = sellers.category[seller]
    spread = np.exp(sellers.price_level[seller] + 0.4 * rng.standard_normal(size))
    first_price = np.maximum(np.round(TYPICAL_PRICES[category] * spread), 1.0)
    new_price = np.maximum(np.round(first_price * (0.7 + 0.4 * rng.random(size))), 1.0)
    titles = category[:, None] * TITLES_PER_CATEGORY + rng.integers(
        0, TITLES_PER_CATEGORY, (size, 2)
    )
    shows = Shows(
        number=day * SHOWS_PER_DAY_LIMIT + np.arange(size),
        seller=seller,
        category=category,
        language=sellers.language[seller],
        heat=0.5 * rng.standard_normal(size),
        hype_key=rng.integers(0, 2**62, size),
        listed_at=listed_at,
        edited_at=np.where(edited, edited_at, NEVER),
        cancelled_at=np.where(cancelled, cancelled_at, NEVER),
        scheduled_at=scheduled_at,
        started_at=np.where(cancelled, NEVER, started_at),
        ended_at=np.where(cancelled, NEVER, ended_at),
        first_price=first_price,
        price=np.where(edited, new_price, first_price),
        first_title=titles[:, 0],
        title=np.where(edited, titles[:, 1], titles[:, 0]),
    )
    return shows.take(lead >= HOUR)


def listing_rows(shows: Shows, since: int, until: int, *, first: bool) -> Rows:
    """Return the rows of the listings that are new or change in [since, until).

    Args:
        shows: All shows of the days about the hour.
        since: Start of the hour.
        until: End of the hour.
        first: Whether this is the period's first hour, which tells of each show that is listed
            and not over.
    """
    which, when = [], []
    if first:
        over_at = np.minimum(shows.ended_at, shows.cancelled_at)
        which.append(np.flatnonzero((shows.listed_at < since) & (over_at >= since)))
        when.append(np.full(len(which[0]), since))
    for times in (
        shows.listed_at,
        shows.edited_at,
        shows.cancelled_at,
        shows.started_at,
        shows.ended_at,
    ):
        which.append(np.flatnonzero((times >= since) & (times < until)))
        when.append(times[which[-1]])
    return _as_of(shows.take(np.concatenate(which)), np.concatenate(when))


def _as_of(shows: Shows, when: Ints) -> Rows:
    """The listing of each show as its instant knows it: nothing of what comes later."""
    started, ended = when >= shows.started_at, when >= shows.ended_at
    cancelled, edited = when >= shows.cancelled_at, when >= shows.edited_at
    return {
        "event_ts": when,
        "show": shows.number,
        "seller": shows.seller,
        "category": shows.category,
        "title": np.where(edited, shows.title, shows.first_title),
        "language": shows.language,
        "start_price": np.where(edited, shows.price, shows.first_price),
        "scheduled_at": shows.scheduled_at,
        "started_at": np.where(started, shows.started_at, NEVER),
        "ended_at": np.where(ended, shows.ended_at, NEVER),
        "status": np.select(
            [cancelled, ended, started], [CANCELLED, ENDED, LIVE], default=SCHEDULED
        ),
    }
