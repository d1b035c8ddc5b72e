"""Gauges of how views stand, for Prometheus: as the store told this process's clients last."""

import math
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, Metric
from prometheus_client.registry import Collector

from slate.online.serving.known_views import CHANGING, GAUGES, told_last, view_gauges


class ViewMetrics(Collector):
    """How the views stand that this process serves.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # Of several processes the one that asked the store last knows best.
        self._gauges = {
            name: Gauge(
                f"slate_view_{name}", text, ["view"], registry=None,
                multiprocess_mode="livemostrecent",
            )
            for name, text in GAUGES.items()
        }  # fmt: skip
        self._noted = 0.0
        registry.register(self)

    def note(self) -> None:
        """Note them where another process may be asked, if the store told more since.

        What was told before would pass for the most recent there.
        """
        told = told_last()
        if told == self._noted:
            return
        self._noted = told
        for view, found in view_gauges().items():
            for name, gauge in self._gauges.items():
                # Nothing can be taken out of what any of the processes has written.
                if name in found or name in CHANGING:
                    gauge.labels(view).set(found.get(name, math.nan))

    def describe(self) -> Iterable[Metric]:
        """Tell their names, and nothing of views."""
        for gauge in self._gauges.values():
            yield from gauge.describe()

    def collect(self) -> Iterable[Metric]:
        """Tell them as they are by now."""
        for gauge in self._gauges.values():
            gauge.clear()
        for view, found in view_gauges().items():
            for name, value in found.items():
                self._gauges[name].labels(view).set(value)
        for gauge in self._gauges.values():
            yield from gauge.collect()
