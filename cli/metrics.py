"""A worker's metrics, as Prometheus reads them."""

from collections.abc import Iterator

from prometheus_client import start_http_server
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis

from slate.deployment import Deployment
from slate.online.store.stream_names import streamed_sources
from slate.online.store.told_drift import told
from slate.online.stream.workers.status import stream_status
from slate.online.stream.workers.worker import Worker

_COUNTERS = {
    "events": "Events applied.",
    "repeats": "Events passed over because they had come before.",
    "late": "Events passed over because they came later than the horizon.",
    "refused": "Events passed over because their definition refuses them.",
    "archived": "Events written to landing files or parts of them.",
    "dead": "Dead letters written.",
    "batches": "Micro-batches applied.",
    "busy_seconds": "Seconds spent on micro-batches.",
    "conflicts": "Micro-batches that another worker had applied.",
    "errors": "Failures of the store, or of files, that were tried again.",
}
_GAUGES = {
    "batch_seconds": "Seconds that the latest micro-batch took.",
    "partitions": "Partitions that this worker holds.",
}


def serve(port: int, redis: Redis, deployment: Deployment, worker: Worker) -> None:
    """Serve ``/metrics`` on loopback, from a thread of its own."""
    registry = CollectorRegistry()
    registry.register(_Metrics(redis, deployment, worker))
    start_http_server(port, addr="127.0.0.1", registry=registry)


class _Metrics(Collector):
    def __init__(self, redis: Redis, deployment: Deployment, worker: Worker) -> None:
        self._redis, self._deployment, self._worker = redis, deployment, worker

    def collect(self) -> Iterator[Metric]:
        """What the worker did, and how its streams stand."""
        stats = self._worker.stats.as_dict()
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"slate_stream_{name}", text, value=stats[name])
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"slate_stream_{name}", text, value=stats[name])
        registry = self._deployment.registry
        families = {
            "waiting": "Events not applied yet, of the route that is furthest behind.",
            "lag": "Seconds since the oldest of these arrived.",
            "unarchived": "Events that are in no landing file or part of one yet.",
            "dead_letters": "Dead letters that there are in the store.",
            "moved_letters": "Older dead letters that were moved into files.",
        }
        standing = [
            stream_status(self._redis, self._deployment.name, registry, source)
            for source in streamed_sources(registry)
        ]
        for name, text in families.items():
            unit = "_seconds" if name == "lag" else ""
            family = GaugeMetricFamily(f"slate_stream_{name}{unit}", text, labels=["source"])
            for one in standing:
                family.add_metric([one.source], getattr(one, name))
            yield family
        drift = GaugeMetricFamily(
            "slate_served_drift",
            "Population stability index of what was served against the training set.",
            labels=["service", "feature"],
        )
        for told_drift in told(self._redis, self._deployment.name, registry.services):
            for feature, psi in told_drift.psi.items():
                drift.add_metric([told_drift.service, feature], psi)
        yield drift
