"""The marketplace as one day of the simulation needs it."""

from functools import reduce
from operator import add

from live_shopping.simulator.clock import DAY
from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.sellers import Sellers, sellers_at_start, sellers_of_day
from live_shopping.simulator.sellers import joining_per_day as sellers_joining_per_day
from live_shopping.simulator.shows import Shows, shows_of_day
from live_shopping.simulator.viewers import Viewers, viewers_at_start, viewers_of_day

DAYS_LISTED_AHEAD = 2


class World:
    """All viewers and sellers there are by some day, and the shows of the days about it.

    It is drawn again from the seed, day by day, so that nothing of it needs to be kept.

    Attributes:
        viewers: With those that sign up later in the day.
        sellers: With those that join in the days of the listed shows.
        shows: From the day before to as far ahead as shows are listed.
    """

    viewers: Viewers
    sellers: Sellers
    shows: Shows

    def __init__(self, config: SimulationConfig, start: int) -> None:
        self._config = config
        self._start = start
        self._viewer_days = self._seller_days = 0
        self._shows_by_day: dict[int, Shows] = {}
        self.viewers = viewers_at_start(config.seed, config.viewers, start)
        self.sellers = sellers_at_start(config.seed, config.sellers, start)

    def advance(self, instant: int) -> None:
        """Make the world cover the hour that begins at `instant`, which must not go back."""
        seed, start = self._config.seed, self._start
        viewer_days = (instant - start) // DAY + 1
        new_viewers = [
            viewers_of_day(seed, self._config.viewers, start, day)
            for day in range(self._viewer_days, viewer_days)
        ]
        self.viewers = reduce(add, new_viewers, self.viewers)
        self._viewer_days = viewer_days

        today, first_day = instant // DAY, start // DAY
        seller_days = today + DAYS_LISTED_AHEAD - first_day
        new_sellers = [
            sellers_of_day(seed, self._config.sellers, start, day)
            for day in range(self._seller_days, seller_days)
        ]
        self.sellers = reduce(add, new_sellers, self.sellers)
        self._seller_days = seller_days

        days = range(today - 1, today + DAYS_LISTED_AHEAD + 1)
        if days[-1] in self._shows_by_day:
            return
        joining = sellers_joining_per_day(self._config.sellers)
        for day in days:
            if day not in self._shows_by_day:
                known = self._config.sellers + joining * max(0, day - first_day)
                self._shows_by_day[day] = shows_of_day(seed, self.sellers.take(slice(known)), day)
        self._shows_by_day = {day: self._shows_by_day[day] for day in days}
        self.shows = reduce(add, self._shows_by_day.values())
