"""What fails at the moment, told of once and then now and then, while all else goes on."""

import logging
import time
from collections.abc import Hashable
from dataclasses import dataclass

logger = logging.getLogger(__name__)

# A failure that lasts is told of again after this.
REMIND_SECONDS = 60.0


@dataclass
class _Trouble:
    reason: str
    told: float
    tried: float


class Troubles:
    """The failures that last, by what they befall."""

    def __init__(self) -> None:
        self._troubles: dict[Hashable, _Trouble] = {}

    def __contains__(self, what: Hashable) -> bool:
        return what in self._troubles

    def reasons(self) -> list[str]:
        """Why what fails does."""
        return [trouble.reason for trouble in self._troubles.values()]

    def failed(self, what: Hashable, reason: str) -> None:
        """Tell of a failure, but not of the same one time and again."""
        now = time.monotonic()
        known = self._troubles.get(what)
        if known is None or known.reason != reason or now - known.told >= REMIND_SECONDS:
            logger.warning("%s", reason)
            self._troubles[what] = _Trouble(reason, now, now)
        else:
            known.tried = now

    def over(self, what: Hashable, said: str) -> None:
        """Tell that it goes on, where it had failed."""
        if self._troubles.pop(what, None) is not None:
            logger.info("%s", said)

    def due(self, what: Hashable, seconds: float) -> bool:
        """Whether it may be tried: it does not fail, or that is so many seconds ago."""
        known = self._troubles.get(what)
        return known is None or time.monotonic() - known.tried >= seconds
