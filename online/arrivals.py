"""What clients know of streams: when the latest event arrived, and up to when all are applied."""

from collections.abc import Sequence

from online.commands import Packed, command
from online.stream.names import LOG, StreamNames, Unit, streamed_sources, units
from slate.entities import Source
from slate.registry import Registry


class Arrivals:
    """The arrivals of each stream, as the store told them last.

    Args:
        deployment: the deployment's name.
        registry: the definitions.

    Attributes:
        sources: the sources that stream.
        latest: by source, when its latest event arrived, in microseconds; none before the first.
        applied: by source, the instant up to which all events that arrived are in the rows. Where
            some wait to be applied, it is the least that is known of their partitions: what they
            had applied, or when none was seen to wait there. So it may be too early by as long as
            a client believes what the store said, and never too late.
    """

    def __init__(self, deployment: str, registry: Registry) -> None:
        self.sources = streamed_sources(registry)
        self.latest: dict[type[Source], int] = {}
        self.applied: dict[type[Source], int] = {}
        self._clocks = [StreamNames(deployment, source).clock for source in self.sources]
        self._units = [
            unit
            for source in self.sources
            for unit in units(deployment, registry, source)
            if unit.route != LOG
        ]
        self._reached: dict[Unit, int] = {}

    def question(self) -> Packed:
        """The command whose reply ``take`` takes, where there are sources."""
        names = [name for unit in self._units for name in (unit.pending, unit.applied)]
        return command("MGET", *self._clocks, *names)

    def take(self, reply: Sequence[bytes | None]) -> None:
        """Take in what the store says."""
        clocks, states = reply[: len(self._clocks)], reply[len(self._clocks) :]
        self.latest = {
            source: int(clock)
            for source, clock in zip(self.sources, clocks, strict=True)
            if clock is not None and clock.isdigit()
        }
        self.applied = dict(self.latest)
        for unit, pending, applied in zip(self._units, states[::2], states[1::2], strict=True):
            latest = self.latest.get(unit.source)
            if latest is None:
                continue
            if _number(pending) <= 0:
                self._reached[unit] = latest
                continue
            reached = max(self._reached.get(unit, 0), _number(applied))
            self.applied[unit.source] = min(self.applied[unit.source], reached)


def _number(value: bytes | None) -> int:
    try:
        return int(value or 0)
    except ValueError:
        return 0
