"""A worker's metrics, as Prometheus reads them."""

from collections.abc import Iterator, Mapping

from prometheus_client import start_http_server
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from slate.deployment import Deployment
from slate.errors import ConfigurationError, StoreError
from slate.online import Publisher
from slate.online.serving.known_views import GAUGES
from slate.online.store.stream_names import streamed_sources
from slate.online.store.told_drift import told
from slate.online.stream.workers.status import StreamStatus, known_until, stream_status
from slate.online.stream.workers.worker import Worker

HOST = "127.0.0.1"
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
    """Serve ``/metrics`` on loopback, from a thread of its own.

    Raises:
        ConfigurationError: the port cannot be listened on.
    """
    registry = CollectorRegistry()
    registry.register(_Metrics(redis, deployment, worker))
    try:
        start_http_server(port, addr=HOST, registry=registry)
    except OSError as error:
        raise ConfigurationError(
            f"metrics cannot be served on port {port} of {HOST} ({error.strerror}): give --metrics "
            "another one, of which the next ones are free too where there are several workers"
        ) from error


class _Metrics(Collector):
    def __init__(self, redis: Redis, deployment: Deployment, worker: Worker) -> None:
        self._redis, self._deployment, self._worker = redis, deployment, worker

    def collect(self) -> Iterator[Metric]:
        """What the worker did, and how its streams stand; while the store fails, that it does."""
        stats = self._worker.stats.as_dict()
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"slate_stream_{name}", text, value=stats[name])
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"slate_stream_{name}", text, value=stats[name])
        try:
            of_store = list(self._of_store())
        except (RedisError, StoreError):
            of_store = None
        yield GaugeMetricFamily(
            "slate_stream_store_up",
            "Whether the online store answers; while it is 0, there is nothing of the streams.",
            value=0 if of_store is None else 1,
        )
        yield from of_store or ()

    def _of_store(self) -> Iterator[Metric]:
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
        yield self._known_until({one.source: one for one in standing})
        drift = GaugeMetricFamily(
            "slate_served_drift",
            "Population stability index of what was served against the training set.",
            labels=["service", "feature"],
        )
        for told_drift in told(self._redis, self._deployment.name, registry.services):
            for feature, psi in told_drift.psi.items():
                drift.add_metric([told_drift.service, feature], psi)
        yield drift

    def _known_until(self, standing: Mapping[str, StreamStatus]) -> Metric:
        """Of views that streams keep fresh: servers do not know that a quiet stream has nothing."""
        name = "known_until_timestamp_seconds"
        family = GaugeMetricFamily(f"slate_view_{name}", GAUGES[name], labels=["view"])
        publisher = Publisher(self._redis, self._deployment.name)
        for view in self._deployment.registry.views.values():
            if not view.windowed or view.source.name not in standing:
                continue
            live = publisher.live_whole(view)
            if live is not None:
                began, now = publisher.streamed_since(view), self._deployment.now()
                until = known_until(live, began, standing[view.source.name], now)
                family.add_metric([view.name], until.timestamp())
        return family
