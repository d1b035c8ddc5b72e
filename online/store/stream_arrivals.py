"""What clients know of streams: since when they hold all events, and up to when all are applied."""

from collections.abc import Sequence

from slate.online.store.commands import Packed, fetch, named
from slate.online.store.flows import NodeError
from slate.online.store.stream_names import LOG, StreamNames, Unit, all_units, streamed_sources
from slate.registry import Registry
from slate.sources import Source


class Arrivals:
    """The arrivals of each stream, as the store told them last.

    Args:
        deployment: the deployment's name.
        registry: the definitions.

    Attributes:
        sources: the sources that stream.
        first: by source, when the first event arrived that its archive has seen, in microseconds.
        latest: by source, when its latest event arrived, in microseconds; none before the first.
        applied: by source, the instant up to which all events that arrived are in the rows. Where
            some wait to be applied, it is the least that is known of their partitions: what they
            had applied, or when none was seen to wait there. So it may be too early by as long as
            a client believes what the store said, and never too late.
    """

    def __init__(self, deployment: str, registry: Registry) -> None:
        self.sources = streamed_sources(registry)
        self.first: dict[type[Source], int] = {}
        self.latest: dict[type[Source], int] = {}
        self.applied: dict[type[Source], int] = {}
        names = [StreamNames(deployment, source) for source in self.sources]
        self._clocks = [name.clock for name in names]
        self._firsts = [name.first for name in names]
        self._units = [unit for unit in all_units(deployment, registry) if unit.route != LOG]
        self._reached: dict[Unit, int] = {}

    def question(self) -> Packed:
        """The command whose reply ``take`` takes, where there are sources."""
        names = [name for unit in self._units for name in (unit.pending, unit.applied)]
        # What partitions say comes behind: whether they have applied all until the clock's time.
        return fetch([named([*self._clocks, *self._firsts])], names)

    def take(self, reply: Sequence[bytes | NodeError | None]) -> None:
        """Take in what the store says.

        Raises:
            NodeError: the node that knows whether a stream brought anything did not answer.
        """
        number = len(self.sources)
        for one in reply[: 2 * number]:
            if isinstance(one, NodeError):
                raise one
        self.latest = self._instants(reply[:number])
        self.first = self._instants(reply[number : 2 * number])
        states = reply[2 * number :]
        self.applied = dict(self.latest)
        for unit, pending, applied in zip(self._units, states[::2], states[1::2], strict=True):
            latest = self.latest.get(unit.source)
            if latest is None:
                continue
            if not isinstance(pending, NodeError) and _number(pending) <= 0:
                self._reached[unit] = latest
                continue
            reached = max(self._reached.get(unit, 0), _number(applied))
            self.applied[unit.source] = min(self.applied[unit.source], reached)

    def known(self, source: type[Source], as_of: int) -> int:
        """The latest instant up to which all events are known, of what is published and streamed.

        The stream has a say in it only if it began before what is published ends: else others may
        have landed events of the time between, and the batch has yet to bring them.

        Args:
            source: a source that streams.
            as_of: the instant that its events are published up to, in microseconds.
        """
        first = self.first.get(source)
        if first is None or first > as_of:
            return as_of
        return max(as_of, self.applied.get(source, 0))

    def _instants(self, reply: Sequence[bytes | NodeError | None]) -> dict[type[Source], int]:
        return {
            source: int(one)
            for source, one in zip(self.sources, reply, strict=True)
            if isinstance(one, bytes) and one.isdigit()
        }


def _number(value: bytes | NodeError | None) -> int:
    try:
        return int(value or 0) if not isinstance(value, NodeError) else 0
    except ValueError:
        return 0
