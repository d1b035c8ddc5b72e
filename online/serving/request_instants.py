"""The instants that requests are answered as of.

Arrivals are stamped by the store's clock, and requests that name no instant are answered by the
clock of the machine that serves. These differ by a little, and rows that hold an event from after
an instant cannot tell how they were at it; nor can those that took in an event between the
beginning of a request and their being read. So such a request is answered as of the instant that
its rows tell of, where they are only a little ahead.
"""

import time
from datetime import datetime

from slate.online.serving.given_values import Moment, asked

# By how much, in microseconds, the machine's clock may be behind the store's. Clocks that are kept
# in step differ by far less.
SKEW = 5_000_000
# By how much, in microseconds, a request that was moved in vain is moved further each time: while
# its rows are read again they may take in more.
FURTHER = 100_000


class RequestClock:
    """Gives requests their instants.

    Args:
        virtual: the instant at which a virtual clock stands; None for the machine's clock.
        refresh: for how many seconds it is believed that the machine's clock is behind.
    """

    def __init__(self, virtual: datetime | None, refresh: float) -> None:
        self._virtual = virtual
        self._refresh = refresh
        # By how much it is, in microseconds, and until when that is believed.
        self._behind, self._until = 0, 0.0

    def instant(self, at: Moment | None) -> "RequestInstant":
        """The instant of a request.

        Args:
            at: the one that it names; None for now.

        Raises:
            RequestError: it is not an instant.
        """
        if at is None and self._virtual is None:
            now = asked(None)
            if time.monotonic() >= self._until:
                self._behind = 0
            return RequestInstant(now + self._behind, named=False, clock=self, now=now)
        return RequestInstant(asked(self._virtual if at is None else at), named=at is not None)

    def saw_behind(self, microseconds: int) -> None:
        """Note by how much the machine's clock was seen to be behind the store's."""
        if not self._behind:
            self._until = time.monotonic() + self._refresh
        self._behind = max(self._behind, microseconds)


class RequestInstant:
    """The instant that a request is answered as of.

    Args:
        at: the instant, in microseconds.
        named: whether the request names it.
        clock: what gave it, if it may be moved.
        now: what the machine's clock said then, in microseconds.

    Attributes:
        at: as given, or to where it was moved.
        named: as given.
    """

    def __init__(
        self, at: int, *, named: bool, clock: RequestClock | None = None, now: int = 0
    ) -> None:
        self.at = at
        self.named = named
        self._clock = clock
        self._now = now
        self._further = 0

    def move_to(self, until: int) -> bool:
        """Move it to where rows can be told, if it may move so far; says whether it was moved.

        Args:
            until: the instant just after the latest event that they hold, in microseconds.
        """
        if self._clock is None or not self.at < until <= self._now + SKEW:
            return False
        self._clock.saw_behind(until - self._now)
        again = self._clock.instant(None)
        self.at, self._now = max(until, again.at + self._further), again._now
        self._further += FURTHER
        return True
