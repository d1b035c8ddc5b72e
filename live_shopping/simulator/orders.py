"""Orders: each purchase as it is placed, those of fraud rings between them, and what came of each.

A ring has a few accounts that are days old, a device or two or one for each, and somewhere to send
things. Within minutes it orders what is dear from new sellers, and watches nothing: no event of a
show tells of it. Weeks later the owners of the cards have had their money back; here it takes days.
None of these signs tells for sure: families share a tablet and an address, and some who are new do
order at once.
"""

from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import DAY, HOUR, MINUTE
from live_shopping.simulator.marketplace import TYPICAL_PRICES
from live_shopping.simulator.randomness import uniform
from live_shopping.simulator.rows import Bools, Floats, Ints, Rows, concat, count, take
from live_shopping.simulator.sellers import Sellers
from live_shopping.simulator.viewers import Viewers
from live_shopping.simulator.visits import PURCHASE
from live_shopping.simulator.world import World

SHARE_OF_RINGS = 0.02
"""Of all orders, those that rings place, about."""
LEAST_ACCOUNTS, MOST_ACCOUNTS = 3, 8
LEAST_ORDERS, MOST_ORDERS = 1, 3
"""That an account of a ring places."""
ACCOUNTS_OF, SELLERS_OF = 3 * DAY, 14 * DAY
"""How old the accounts of a ring may be, and the sellers that it orders from, if there are some."""
WITHIN = 20 * MINUTE
DEARER = 2.5

SHARE_SECOND_DEVICE, SHARE_SECOND_ADDRESS = 0.12, 0.06
"""Of orders those from another device of one's own, and to another address."""
SHARE_HOUSEHOLD, SHARE_SHARED_DEVICE = 0.3, 0.3
"""Of viewers those who live with another, and of their orders those from the tablet of both."""
DEVICES_EACH, ADDRESSES_EACH = 2, 2
OF_RINGS = 10**7
"""Ids of what rings use begin here."""

SETTLED_AFTER = (20 * HOUR, 28 * HOUR)
CHARGED_BACK_AFTER = (6 * HOUR, 72 * HOUR)
SHARE_RINGS_CHARGED, SHARE_OTHERS_CHARGED = 0.9, 0.002


@dataclass(frozen=True, slots=True)
class _Placed:
    """Orders as they are placed, and which of them are of rings."""

    rows: Rows
    of_ring: Bools


def orders_of_hour(
    rng: np.random.Generator, world: World, events: Rows, hour: int, number: int
) -> tuple[Rows, Rows]:
    """The orders that are placed in an hour's sessions or by rings, and what becomes of them.

    Args:
        rng: Source of randomness.
        world: Viewers, sellers and shows.
        events: What happens in the sessions.
        hour: Start of the hour.
        number: Of the hour, counted from the start.

    Returns:
        The orders, and their outcomes. An outcome's `known_at` is when it is known.
    """
    bought = take(events, np.flatnonzero(events["kind"] == PURCHASE))
    placed = [_of_sessions(rng, bought)]
    if rings := _rings(rng, world, count(bought), hour, number):
        placed.append(rings)
    orders = concat([one.rows for one in placed])
    of_ring = np.concatenate([one.of_ring for one in placed])
    size = count(orders)
    share = np.where(of_ring, SHARE_RINGS_CHARGED, SHARE_OTHERS_CHARGED)
    charged_back = rng.random(size) < share
    after = np.where(
        charged_back, uniform(rng, *CHARGED_BACK_AFTER, size), uniform(rng, *SETTLED_AFTER, size)
    )
    outcomes = orders | {"known_at": orders["event_ts"] + after, "charged_back": charged_back}
    return orders, outcomes


def _of_sessions(rng: np.random.Generator, bought: Rows) -> _Placed:
    size, viewer = count(bought), bought["viewer"]
    # As good as random for each viewer, always the same.
    lives_with_one = viewer * 2_654_435_761 % 100 < 100 * SHARE_HOUSEHOLD
    household = np.where(lives_with_one, viewer // 2 * 2, viewer)
    shared = lives_with_one & (rng.random(size) < SHARE_SHARED_DEVICE)
    second = shared | (rng.random(size) < SHARE_SECOND_DEVICE)
    device = np.where(shared, household, viewer) * DEVICES_EACH + second
    address = household * ADDRESSES_EACH + (rng.random(size) < SHARE_SECOND_ADDRESS)
    rows = {name: bought[name] for name in ("event_ts", "viewer", "show", "seller", "price")}
    return _Placed(rows | {"device": device, "address": address}, np.zeros(size, np.bool_))


def _rings(
    rng: np.random.Generator, world: World, orders: int, hour: int, number: int
) -> _Placed | None:
    """What rings order in an hour; None where they order nothing, or there is nothing to order."""
    a_ring = (LEAST_ACCOUNTS + MOST_ACCOUNTS) / 2 * (LEAST_ORDERS + MOST_ORDERS) / 2
    rings = int(rng.poisson(orders * SHARE_OF_RINGS / a_ring))
    live = world.shows.take((world.shows.started_at <= hour) & (world.shows.ended_at > hour + HOUR))
    accounts = _newest(world.viewers, hour)
    if not rings or not len(live) or len(accounts) < MOST_ACCOUNTS:
        return None
    preferred = live.take(_is_new(world.sellers, live.seller, hour))
    shows = preferred if len(preferred) else live
    placed: list[Rows] = []
    for ring in range(rings):
        members = rng.choice(accounts, rng.integers(LEAST_ACCOUNTS, MOST_ACCOUNTS + 1), False)
        viewer = np.repeat(members, rng.integers(LEAST_ORDERS, MOST_ORDERS + 1, len(members)))
        size = len(viewer)
        show = rng.integers(0, len(shows), 2)[rng.integers(0, 2, size)]
        began = hour + uniform(rng, 0, HOUR - WITHIN, 1)
        devices = (1, 2, MOST_ACCOUNTS)[int(rng.integers(0, 3))]
        own = OF_RINGS + number * 1_000 + ring * 20
        placed.append(
            {
                "event_ts": began + np.sort(uniform(rng, 0, WITHIN, size)),
                "viewer": viewer,
                "show": shows.number[show],
                "seller": shows.seller[show],
                "price": _dear(rng, shows.price[show], TYPICAL_PRICES[shows.category[show]]),
                "device": own + viewer % devices,
                "address": own + rng.integers(0, 3, size),
            }
        )
    rows = concat(placed)
    return _Placed(rows, np.ones(count(rows), np.bool_))


def _newest(viewers: Viewers, hour: int) -> Ints:
    joined = viewers.signed_up_at
    return np.flatnonzero((joined < hour) & (joined >= hour - ACCOUNTS_OF))


def _is_new(sellers: Sellers, seller: Ints, hour: int) -> Bools:
    new: Bools = sellers.joined_at[seller] >= hour - SELLERS_OF
    return new


def _dear(rng: np.random.Generator, price: Floats, typical: Floats) -> Floats:
    raised = DEARER * np.exp(0.3 * rng.standard_normal(len(price)))
    dear: Floats = np.round(np.maximum(price, typical) * raised, 2)
    return dear
