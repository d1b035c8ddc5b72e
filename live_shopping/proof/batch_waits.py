"""How long a new seller's first tap waits where runs alone count it."""

from dataclasses import dataclass

import numpy as np

from live_shopping.definitions import Event
from slate import Array
from slate.deployment import Deployment
from slate.errors import DataError
from slate.offline.values import known_until, relations
from slate.offline.warehouse import reading

DAYS = 7


@dataclass(frozen=True)
class BatchWaits:
    """How long the first taps of new sellers waited for the end of their hour, and of their day.

    Attributes:
        sellers: how many sellers had their first tap in the last week.
        hourly: the seconds of half of them, and of nine tenths, until the hour ended.
        nightly: the same until the day did.
    """

    sellers: int
    hourly: tuple[float, float]
    nightly: tuple[float, float]


def batch_waits(deployment: Deployment) -> BatchWaits:
    """What the warehouse tells of it.

    Raises:
        DataError: it knows of no new seller.
    """
    with reading(deployment) as connection:
        until = known_until(deployment, (Event.model,), connection)
        events = relations(deployment).get(Event.model, f'"main"."{Event.model}"')
        found = connection.execute(
            f"""select epoch(date_trunc('hour', first) + interval 1 hour - first) as hourly,
                epoch(date_trunc('day', first) + interval 1 day - first) as nightly
            from (
                select min(received_at) as first from {events} where kind = 'tap'
                group by seller_id
            ) where first >= $until::timestamp - to_days({DAYS})""",
            {"until": until.replace(tzinfo=None)},
        ).fetchnumpy()
    if not len(found["hourly"]):
        raise DataError(f"no seller was tapped for the first time in the last {DAYS} days")
    hourly, nightly = (np.asarray(found[name], np.float64) for name in ("hourly", "nightly"))
    return BatchWaits(len(hourly), _spread(hourly), _spread(nightly))


def _spread(waits: Array) -> tuple[float, float]:
    half, most = np.quantile(waits, (0.5, 0.9)).tolist()
    return half, most
