"""What a server tells Prometheus, read for people: how fast it answers, and with what."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from slate.errors import ConfigurationError, StoreError

TIMEOUT = 5.0

Buckets = Mapping[float, float]


@dataclass(frozen=True)
class Served:
    """What a server has answered since it started, or between two looks.

    Attributes:
        seconds: of each service, how many requests took so many seconds or fewer.
        statuses: how many requests of each service were answered with each status.
        states: how many rows of each view had each state.
        errors: how many errors kept values from being read, by service.
        failed: in how many rows a request feature was null as its expression fails, by its service
            and its name.
        behind: the seconds that each near view is behind the store, now.
    """

    seconds: dict[str, dict[float, float]] = field(default_factory=dict)
    statuses: dict[tuple[str, str], float] = field(default_factory=dict)
    states: dict[tuple[str, str], float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    failed: dict[tuple[str, str], float] = field(default_factory=dict)
    behind: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Self:
        """What is in the text of a server's ``/metrics``.

        Raises:
            ValueError: it is not of that form.
        """
        seconds: dict[str, dict[float, float]] = defaultdict(dict)
        statuses: dict[tuple[str, str], float] = defaultdict(float)
        states: dict[tuple[str, str], float] = defaultdict(float)
        failed: dict[tuple[str, str], float] = defaultdict(float)
        errors, behind = defaultdict[str, float](float), {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels, value = sample.labels, sample.value
                match sample.name:
                    case "slate_serve_seconds_bucket":
                        seconds[labels["service"]][float(labels["le"])] = value
                    case "slate_serve_requests_total":
                        statuses[labels["service"], labels["status"]] += value
                    case "slate_lookup_states_total":
                        states[labels["view"], labels["state"]] += value
                    case "slate_lookup_errors_total":
                        errors[labels["service"]] += value
                    case "slate_lookup_failed_rows_total":
                        failed[labels["service"], labels["feature"]] += value
                    case "slate_near_behind_seconds":
                        behind[labels["view"]] = value
        return cls(dict(seconds), dict(statuses), dict(states), dict(errors), dict(failed), behind)

    def since(self, before: "Served") -> "Served":
        """What came after an earlier look; all of it, where the server was started anew since."""
        seconds = {
            name: {end: n - before.seconds.get(name, {}).get(end, 0) for end, n in ends.items()}
            for name, ends in self.seconds.items()
        }
        found = Served(
            seconds,
            {key: n - before.statuses.get(key, 0) for key, n in self.statuses.items()},
            {key: n - before.states.get(key, 0) for key, n in self.states.items()},
            {key: n - before.errors.get(key, 0) for key, n in self.errors.items()},
            {key: n - before.failed.get(key, 0) for key, n in self.failed.items()},
            self.behind,
        )
        return self if min(found.statuses.values(), default=0) < 0 else found

    def requests(self, service: str) -> int:
        """How many requests of a service were answered."""
        return int(self.seconds[service].get(math.inf, 0))

    def quantile(self, service: str, share: float) -> float | None:
        """Within how many seconds such a share of a service's requests was answered.

        Within a bucket they are taken as evenly spread, as Prometheus' ``histogram_quantile`` does.

        Returns:
            The seconds; None where there was no request; infinite beyond the last bucket.
        """
        return quantile(self.seconds[service], share)

    def shares(self) -> dict[str, dict[str, float]]:
        """Of the rows of each view, which share had which state."""
        rows: dict[str, float] = defaultdict(float)
        for (view, _), number in self.states.items():
            rows[view] += number
        found: dict[str, dict[str, float]] = {view: {} for view, number in rows.items() if number}
        for (view, state), number in self.states.items():
            if number and view in found:
                found[view][state] = number / rows[view]
        return found

    def troubles(self) -> list[str]:
        """What is wrong, and what to do."""
        failed = sum(n for (_, status), n in self.statuses.items() if status.startswith("5"))
        wrong = [
            f"{service}: {number:,.0f} times values could not be read and were defaults: see that "
            "the store is well"
            for service, number in self.errors.items()
            if number
        ]
        wrong += [
            f"{service}: {feature} was null in {number:,.0f} rows, as its expression fails on "
            "their values or one that it reads: an answer's errors say which; mend its definition"
            for (service, feature), number in self.failed.items()
            if number
        ]
        if failed:
            wrong.append(
                f"{failed:,.0f} requests were refused as too many or too late (5xx): start more "
                "processes, or see that the store is well"
            )
        return wrong


def quantile(buckets: Buckets, share: float) -> float | None:
    """A quantile of what a cumulative histogram counts, or None if that is nothing.

    Args:
        buckets: how many there are up to each bound, infinity the last.
        share: which, from 0 to 1.
    """
    ends = sorted(buckets)
    if not ends or not buckets[ends[-1]]:
        return None
    rank, start, below = share * buckets[ends[-1]], 0.0, 0.0
    for end in ends:
        if buckets[end] >= rank and buckets[end] > below:
            return start + (end - start) * (rank - below) / (buckets[end] - below)
        start, below = end, buckets[end]
    return ends[-1]


def served(address: str, key: str = "") -> Served:
    """Ask a server.

    Args:
        address: such as ``http://127.0.0.1:8080``.
        key: an API key, where it wants one.

    Raises:
        ConfigurationError: it is no address, or the key is not good.
        StoreError: the server cannot be reached, or answers something else.
    """
    if not address.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{address!r} is no address of a server: give one such as http://127.0.0.1:8080"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(
            "the API key is no text of printable ASCII: give --key or SLATE_KEY as it was printed"
        )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    where = f"{address.rstrip('/')}/metrics"
    try:
        answer = urllib3.request("GET", where, headers=headers, timeout=TIMEOUT, retries=False)
    except urllib3.exceptions.LocationValueError as error:
        raise ConfigurationError(
            f"{address!r} is no address of a server: give one such as http://127.0.0.1:8080"
        ) from error
    except urllib3.exceptions.HTTPError as error:
        raise StoreError(
            f"{address} cannot be reached ({error}): see that `slate serve` runs there"
        ) from error
    if answer.status in {401, 403}:
        raise ConfigurationError(
            f"{address} wants an API key that it knows: give --key or SLATE_KEY"
        )
    text = answer.data.decode(errors="replace")
    try:
        if answer.status != 200:
            raise ValueError(f"it answers with status {answer.status}")
        return Served.of(text)
    except (ValueError, KeyError) as error:
        raise StoreError(f"{where} is no metrics of `slate serve`: {error}") from error
