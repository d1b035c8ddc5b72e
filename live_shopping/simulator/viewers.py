"""Viewers: who they are, what they like, and the rows of their accounts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from live_shopping.simulator.clock import DAY, HOUR
from live_shopping.simulator.marketplace import (
    CATEGORIES,
    CATEGORY_SHARES,
    COUNTRY_SHARES,
    DEVICE_SHARES,
    LANGUAGE_OF_COUNTRY,
    LANGUAGES,
)
from live_shopping.simulator.randomness import Stream, generator, pick, uniform
from live_shopping.simulator.rows import Bools, Columns, Floats, Ints, Rows

GROWTH_PER_DAY = 0.005
SPEAKS_ANOTHER_LANGUAGE = 0.1
TELLS_INTERESTS = 0.6
KEENEST = 0.04
"""The smaller, the more of all sessions are those of the keenest."""
LIVELINESS_SPREAD = 1.0


@dataclass(frozen=True, slots=True)
class Viewers(Columns):
    """Viewers, one per position of each array; the position is the viewer's number."""

    signed_up_at: Ints
    activity: Floats
    """How often a viewer comes, relative to others: a tenth nearly every day, some hardly ever."""
    liveliness: Floats
    """How much a viewer does in a minute of a show, relative to others; mean 1."""
    country: Ints
    language: Ints
    device: Ints
    taste: NDArray[np.float32]
    """Shape (viewers, categories): what a viewer likes in the long run."""
    budget: Floats
    """The usual price of what a viewer buys: log, relative to the category's typical price."""
    sensitivity: Floats
    """How much a price above the budget puts a viewer off."""
    interest: Ints
    pushes: Bools
    changed_at: Ints
    """First change of the account; one more follows every `change_every`."""
    change_every: Ints


def joining_per_day(viewers: int) -> int:
    """Return how many sign up per day in a marketplace that started with `viewers`."""
    return max(1, round(viewers * GROWTH_PER_DAY))


def viewers_at_start(seed: int, count: int, start: int) -> Viewers:
    """Return the viewers that signed up before the period."""
    rng = generator(seed, Stream.VIEWERS, 0)
    place = (rng.permutation(count) + 0.5) / count
    signed_up_at = start - HOUR - (rng.standard_exponential(count) * 180 * DAY).astype(np.int64)
    return _draw(rng, place, signed_up_at)


def viewers_of_day(seed: int, count: int, start: int, day: int) -> Viewers:
    """Return the viewers that sign up in the `day`-th 24 hours of the period."""
    rng = generator(seed, Stream.VIEWERS, 1, day)
    size = joining_per_day(count)
    return _draw(rng, rng.random(size), start + day * DAY + np.sort(uniform(rng, 0, DAY, size)))


def _draw(rng: np.random.Generator, place: Floats, signed_up_at: Ints) -> Viewers:
    """Draw viewers by their places among all: 0 comes most often, 1 never."""
    size = len(place)
    country = pick(rng, COUNTRY_SHARES, size)
    foreign = rng.random(size) < SPEAKS_ANOTHER_LANGUAGE
    taste = rng.standard_normal((size, len(CATEGORIES)), dtype=np.float32)
    everyone = np.arange(size)
    taste[everyone, pick(rng, CATEGORY_SHARES, size)] += 2.0
    taste[everyone, pick(rng, CATEGORY_SHARES, size)] += 1.2
    change_every = uniform(rng, 60 * DAY, 400 * DAY, size)
    return Viewers(
        signed_up_at=signed_up_at,
        activity=(1 - place) ** 2 / (place + KEENEST),
        liveliness=np.exp(LIVELINESS_SPREAD * rng.standard_normal(size) - LIVELINESS_SPREAD**2 / 2),
        country=country,
        language=np.where(
            foreign, rng.integers(0, len(LANGUAGES), size), LANGUAGE_OF_COUNTRY[country]
        ),
        device=pick(rng, DEVICE_SHARES, size),
        taste=taste,
        budget=0.5 * rng.standard_normal(size),
        sensitivity=0.8 * rng.standard_exponential(size),
        interest=np.where(rng.random(size) < TELLS_INTERESTS, taste.argmax(axis=1), -1),
        pushes=rng.random(size) < 0.7,
        changed_at=signed_up_at + HOUR + (rng.random(size) * change_every).astype(np.int64),
        change_every=change_every,
    )


def account_rows(viewers: Viewers, since: int, until: int, *, first: bool) -> Rows:
    """Return the rows of the accounts that are new or change in [since, until).

    Args:
        viewers: All viewers.
        since: Start of the hour.
        until: End of the hour.
        first: Whether this is the period's first hour, which tells of everyone there is.
    """
    before, after = _changes(viewers, since - 1), _changes(viewers, until - 1)
    joined = viewers.signed_up_at
    new = np.flatnonzero((joined < until) & ((joined >= since) | first))
    changed = np.flatnonzero((after > before) & (joined < since))
    who = np.concatenate([new, changed])
    changes = np.where(np.arange(len(who)) < len(new), before[who], after[who])
    changes_at = viewers.changed_at[who] + (changes - 1) * viewers.change_every[who]
    when = np.where(np.arange(len(who)) < len(new), np.maximum(joined[who], since), changes_at)
    favourite = viewers.taste[who].argmax(axis=1)
    return {
        "event_ts": when,
        "viewer": who,
        "country": viewers.country[who],
        "language": viewers.language[who],
        "signed_up_at": joined[who],
        # The first change tells the favourite category, each one turns push messages on or off.
        "interest": np.where(changes > 0, favourite, viewers.interest[who]),
        "push_enabled": viewers.pushes[who] ^ (changes % 2 == 1),
    }


def _changes(viewers: Viewers, instant: int) -> Ints:
    """How many times each account had changed up to and with an instant."""
    changes: Ints = np.maximum((instant - viewers.changed_at) // viewers.change_every + 1, 0)
    return changes
