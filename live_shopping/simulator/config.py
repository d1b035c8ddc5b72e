"""What is simulated, and how much of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from live_shopping.simulator.clock import DAY, HOUR, to_micros
from slate.errors import ConfigurationError

IMPRESSIONS_PER_EVENT = 0.3
MOST_EVENTS_PER_VIEWER_AND_DAY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationConfig:
    """A simulation: where it is written, its period and its size.

    Attributes:
        data: Directory in which `landing/` is written.
        end: End of the period, exclusive, a whole hour; None: the last full hour.
        days: Length of the period that `events` and `impressions` are for. When hours have been
            written before, the period starts where they did.
        events: Rows of `events` in `days` days, approximately.
        viewers: Viewers at the start; more sign up every day. A fifth of them come on a day where
            there are 3.5 events per viewer and day, as by default; fewer or more with others.
        sellers: Sellers at the start; more join every day.
        seed: Another seed gives another marketplace.
        impressions: Rows of `impressions` in `days` days, approximately; None: 0.3 per event.
            Viewers see 1.9 per event or more; as many requests are logged, each whole.

    Raises:
        ConfigurationError: A value is out of range.
    """

    data: Path
    end: datetime | None = None
    days: int = 10
    events: int = 700_000
    viewers: int = 20_000
    sellers: int = 2_000
    seed: int = 7
    impressions: int | None = None

    def __post_init__(self) -> None:
        for name in ("days", "events", "viewers", "sellers", "impressions"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"simulator: {name} is {value}; give 1 or more")
        if self.seed < 0:
            raise ConfigurationError(f"simulator: seed is {self.seed}; give 0 or more")
        least = -(-self.events // (self.days * MOST_EVENTS_PER_VIEWER_AND_DAY))
        if self.viewers < least:
            raise ConfigurationError(
                f"simulator: {self.viewers} viewers cannot cause {self.events} events in"
                f" {self.days} days; give {least} viewers or more, or fewer events"
            )
        if self.end is not None and (self.end.tzinfo is None or to_micros(self.end) % HOUR != 0):
            raise ConfigurationError(
                f"simulator: end is {self.end.isoformat()}; give a whole hour with its time zone,"
                " such as 2026-11-22T09:00+00:00"
            )

    @property
    def landing(self) -> Path:
        """The directory that the sources are written in."""
        return self.data / "landing"

    @property
    def events_per_hour(self) -> float:
        """Events in an hour, on average over a day."""
        return self.events / (self.days * 24)

    @property
    def impressions_per_event(self) -> float:
        """Impressions wanted for each event."""
        if self.impressions is None:
            return IMPRESSIONS_PER_EVENT
        return self.impressions / self.events

    def period(self) -> tuple[int, int]:
        """Return the first and the last (exclusive) instant, in microseconds since the epoch."""
        last = to_micros(self.end or datetime.now(UTC)) // HOUR * HOUR
        return last - self.days * DAY, last
