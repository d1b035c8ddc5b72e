"""The names in the store of what belongs to a source's stream, by route and partition.

::

    <deployment>:stream:<source>:clock                       the latest arrival, in microseconds
    <deployment>:stream:<source>:floor                       the earliest that may still come
    <deployment>:stream:<source>:schemas                     digest -> Arrow schema of blocks
    <deployment>:stream:<source>:dead                        the dead letters, a stream
    <deployment>:stream:<source>:dead:moved                  how many older ones lie in files
    <deployment>:stream:<source>:landed                      ids that landing files brought
    <deployment>:stream:<source>:{log}                       every event once, for the archive
    <deployment>:stream:<source>:{<route>:<partition>}       the events of some keys

Beside each stream: ``:pending`` (how many of its events are not applied yet), ``:position`` (the
entry up to which they are), ``:applied`` (its arrival), ``:lease`` (the worker that does it); and
beside the log ``:total`` (how many events it ever had).

On a cluster a write goes to the log alone, and a worker puts it on the partitions' streams. There
the log has its clock and floor beside it (``{log}:clock``, ``{log}:floor``), with the digests of
schemas that are known (``:schemas``) and the entry up to which it is fanned out (``:fanned``); the
source's clock is the latest arrival that all partitions have.

A *route* is a key column of the source that some windowed view is kept by (of pairs the first), so
every row has one owner. A partition's stream, position and rows share the hash tag in braces.
"""

from dataclasses import dataclass

from slate.fingerprints import fingerprint
from slate.online.rows.partitioning import PARTITIONS
from slate.online.rows.row_format import FORMAT
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView

LOG = "log"
REPLAYED = ":replayed"


def streamed_sources(registry: Registry) -> list[type[Source]]:
    """The sources whose present comes by a stream."""
    return [source for source in registry.sources.values() if source.stream]


def route(view: type[FeatureView]) -> str:
    """The key column that a windowed view's rows are partitioned by."""
    return next(iter(view.entity.keys))


def routed_views(registry: Registry, source: type[Source]) -> dict[str, list[type[FeatureView]]]:
    """The windowed views that a source keeps fresh, by route."""
    routes: dict[str, list[type[FeatureView]]] = {}
    for view in registry.views.values():
        if view.windowed and view.source is source:
            routes.setdefault(route(view), []).append(view)
    return routes


def tag(route: str, number: int) -> str:
    """What of a name decides where it lies in a cluster.

    Examples:
        >>> tag("user_id", 3)
        '{user_id:3}'
    """
    return f"{{{route}:{number}}}"


def definition(view: type[FeatureView]) -> str:
    """What the stream's rows of a view are known by, as it is defined and as they are laid out."""
    return f"{view.name}:{fingerprint(view)}:{FORMAT}"


def deltas_prefix(deployment: str, view: type[FeatureView]) -> str:
    """What the names of the hashes begin with that hold what a stream adds to a view."""
    return f"{deployment}:{definition(view)}:deltas:"


def deltas_name(deployment: str, view: type[FeatureView], number: int) -> str:
    """The hash that holds what a stream adds to a view's rows of one partition, by key."""
    return f"{deltas_prefix(deployment, view)}{tag(route(view), number)}"


def replayed_name(deployment: str, view: type[FeatureView], number: int) -> str:
    """The hash in which these rows are made anew, until they take the place of the others."""
    return f"{deltas_name(deployment, view, number)}{REPLAYED}"


@dataclass(frozen=True)
class Unit:
    """One stream that one worker at a time reads: a partition of a route, or the log.

    Attributes:
        deployment: the deployment's name.
        source: whose events it carries.
        route: the key column; ``LOG`` for the log.
        number: the partition; 0 for the log.
    """

    deployment: str
    source: type[Source]
    route: str
    number: int = 0

    @property
    def stream(self) -> str:
        """The stream."""
        where = f"{{{LOG}}}" if self.route == LOG else tag(self.route, self.number)
        return f"{self.deployment}:stream:{self.source.stream}:{where}"

    @property
    def pending(self) -> str:
        """How many of its events are not applied yet."""
        return f"{self.stream}:pending"

    @property
    def total(self) -> str:
        """Of the log, how many events it ever had: counted with each write."""
        return f"{self.stream}:total"

    @property
    def clock(self) -> str:
        """Of a cluster's log, the latest arrival that was given out."""
        return f"{self.stream}:clock"

    @property
    def floor(self) -> str:
        """Of a cluster's log, the earliest arrival that may be given out."""
        return f"{self.stream}:floor"

    @property
    def schemas(self) -> str:
        """Of a cluster's log, the digests of schemas that are known."""
        return f"{self.stream}:schemas"

    @property
    def fanned(self) -> str:
        """Of a cluster's log, the entry up to which all partitions have their events."""
        return f"{self.stream}:fanned"

    @property
    def reader(self) -> str:
        """Of a cluster's log, who fans it out."""
        return f"{self.stream}:reader"

    @property
    def position(self) -> str:
        """The entry up to which its events are applied."""
        return f"{self.stream}:position"

    @property
    def applied(self) -> str:
        """The latest arrival that is applied, in microseconds."""
        return f"{self.stream}:applied"

    @property
    def made(self) -> str:
        """The definitions of which it may have rows, also such that have a gap."""
        return f"{self.stream}:made"

    @property
    def views(self) -> str:
        """The definitions of views whose rows it has kept without a gap."""
        return f"{self.stream}:views"

    @property
    def let_go(self) -> str:
        """By definition, the first hour of arrival whose rows are not let go."""
        return f"{self.stream}:let_go"

    @property
    def landed(self) -> str:
        """What the generations know of landing files that its rows were made beside."""
        return f"{self.stream}:landed"

    @property
    def replay(self) -> str:
        """Which replay is making rows of it anew."""
        return f"{self.stream}:replay"

    @property
    def lease(self) -> str:
        """The worker that applies them."""
        return f"{self.stream}:lease"

    @property
    def seen(self) -> str:
        """What the names of the ids that were seen begin with."""
        return f"{self.stream}:seen:"


def units(deployment: str, registry: Registry, source: type[Source]) -> list[Unit]:
    """Everything of a source that workers share among themselves; the log comes first."""
    return [Unit(deployment, source, LOG)] + [
        Unit(deployment, source, way, number)
        for way in routed_views(registry, source)
        for number in range(PARTITIONS)
    ]


def all_units(deployment: str, registry: Registry) -> list[Unit]:
    """The units of all sources that stream, source by source."""
    sources = streamed_sources(registry)
    return [unit for source in sources for unit in units(deployment, registry, source)]


@dataclass(frozen=True)
class StreamNames:
    """What a source has one of."""

    deployment: str
    source: type[Source]

    @property
    def clock(self) -> str:
        """The latest arrival that was given out."""
        return f"{self.deployment}:stream:{self.source.stream}:clock"

    @property
    def floor(self) -> str:
        """The earliest arrival that may be given out: the hours before are closed."""
        return f"{self.deployment}:stream:{self.source.stream}:floor"

    @property
    def schemas(self) -> str:
        """The schemas of blocks by their digest."""
        return f"{self.deployment}:stream:{self.source.stream}:schemas"

    @property
    def dead(self) -> str:
        """The stream of dead letters."""
        return f"{self.deployment}:stream:{self.source.stream}:dead"

    @property
    def dead_position(self) -> str:
        """On a cluster, the entry of the log up to which its dead letters are there."""
        return f"{{{self.dead}}}:position"

    @property
    def dead_moved(self) -> str:
        """How many dead letters made room for later ones."""
        return f"{self.dead}:moved"

    @property
    def landed(self) -> str:
        """The ids that landing files brought which the archive did not write."""
        return f"{self.deployment}:stream:{self.source.stream}:landed"

    @property
    def first(self) -> str:
        """The first arrival that the archive has ever seen, in microseconds."""
        return f"{self.deployment}:stream:{self.source.stream}:first"
