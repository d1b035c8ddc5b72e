"""What goes wrong between a device and the landing area: all shares are here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from live_shopping.simulator.clock import DAY, HOUR, MINUTE, SECOND
from live_shopping.simulator.randomness import log_uniform, uniform
from live_shopping.simulator.rows import Ints, Rows, concat, count, take
from live_shopping.simulator.visits import BID, KINDS, PURCHASE

NETWORK_DELAY = (0.05 * SECOND, 3 * SECOND)
SHARE_LATE = 0.01
LATE_BY = (2 * MINUTE, 8 * HOUR)
SHARE_VERY_LATE = 0.03
"""Of the late ones."""
VERY_LATE_BY = (24 * HOUR, 36 * HOUR)
SHARE_DUPLICATED = 0.005
DUPLICATED_AFTER = (1 * SECOND, 2 * HOUR)
SHARE_MALFORMED = 0.001
SHARE_CLOCK_AHEAD = 0.001
"""Events dated after their arrival; of events only."""
CLOCK_AHEAD_BY = (1 * SECOND, 5 * MINUTE)

MISSPELT_KINDS = ("tapp", "veiw", "order")
LONG_AGO = -180 * DAY
"""In 1969."""
FAR_AHEAD = 50_000 * DAY
"""In 2106."""

LATE, DUPLICATED, MALFORMED = 1, 2, 4
"""Bits of the column `dirt`, which is counted and not written."""

Flaw = Callable[[Rows, Ints], None]


def no_value(column: str) -> Flaw:
    """Return the flaw of having no id in a column."""

    def spoil(rows: Rows, which: Ints) -> None:
        rows[column][which] = -1

    return spoil


def dated_1969(rows: Rows, which: Ints) -> None:
    """Date rows long before the marketplace."""
    rows["event_ts"][which] = LONG_AGO


def dated_2106(rows: Rows, which: Ints) -> None:
    """Date rows far in the future."""
    rows["event_ts"][which] = FAR_AHEAD


def misspelt_kind(rows: Rows, which: Ints) -> None:
    """Give rows a kind that does not exist."""
    rows["kind"][which] = len(KINDS) + which % len(MISSPELT_KINDS)


def negative_price(rows: Rows, which: Ints) -> None:
    """Turn rows into bids below zero."""
    rows["kind"][which] = BID
    rows["price"][which] = -1.0


def no_number_for_price(rows: Rows, which: Ints) -> None:
    """Turn rows into purchases at a price that is NaN, not null."""
    rows["kind"][which] = PURCHASE
    rows["price"][which] = np.nan


@dataclass(frozen=True, slots=True)
class Dirt:
    """What goes wrong in a source.

    Attributes:
        flaws: The ways in which a row can be malformed, all as frequent.
        clock_ahead: Share of rows dated after their arrival.
    """

    flaws: tuple[Flaw, ...]
    clock_ahead: float = 0.0

    def arrive(self, rng: np.random.Generator, rows: Rows) -> Rows:
        """Return the rows as they arrive: some late, some twice, some malformed.

        Args:
            rng: Source of randomness.
            rows: With `event_ts`, and `known_at` where a row is sent later than it happened.

        Returns:
            The rows with `received_at` and `dirt`, without `known_at`.
        """
        rows = dict(rows)
        size = count(rows)
        sent_at = rows.pop("known_at", rows["event_ts"])
        rows["event_ts"] = rows["event_ts"].copy()
        rows["received_at"] = sent_at + uniform(rng, *NETWORK_DELAY, size)
        rows["dirt"] = np.zeros(size, dtype=np.int64)

        late = _some(rng, size, SHARE_LATE)
        delay = log_uniform(rng, *LATE_BY, len(late))
        very = rng.random(len(late)) < SHARE_VERY_LATE
        rows["received_at"][late] += np.where(very, uniform(rng, *VERY_LATE_BY, len(late)), delay)
        rows["dirt"][late] |= LATE

        ahead = _some(rng, size, self.clock_ahead)
        rows["event_ts"][ahead] = rows["received_at"][ahead] + uniform(
            rng, *CLOCK_AHEAD_BY, len(ahead)
        )

        malformed = _some(rng, size, SHARE_MALFORMED)
        which_flaw = rng.integers(0, len(self.flaws), len(malformed))
        for number, flaw in enumerate(self.flaws):
            flaw(rows, malformed[which_flaw == number])
        rows["dirt"][malformed] |= MALFORMED

        twice = _some(rng, size, SHARE_DUPLICATED)
        again = take(rows, twice)
        again["received_at"] += log_uniform(rng, *DUPLICATED_AFTER, len(twice))
        again["dirt"] |= DUPLICATED
        return concat([rows, again])


def _some(rng: np.random.Generator, size: int, share: float) -> Ints:
    """The positions of a share of rows."""
    return np.flatnonzero(rng.random(size) < share)
