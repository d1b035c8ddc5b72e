"""What the store has of generations: which are live, and which can be gone back to."""

from dataclasses import dataclass
from enum import StrEnum

from redis import Redis

from slate.fingerprints import fingerprint
from slate.online.publishing.rollback import REBUILD, of_another_definition, unreadable
from slate.online.publishing.streamed_rows import StreamedRows
from slate.online.store.channel import pairs
from slate.online.store.commands import command
from slate.online.store.generations import Generation, GenerationNames, pointers
from slate.online.store.landed_ids import LandedIds
from slate.online.store.pointers import Pointers, views_of
from slate.online.store.sending import read_all
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView


class Standing(StrEnum):
    """What becomes of a generation.

    LIVE: it is served. KEPT: it can be made live again. WRITING: a publish writes it, or broke off
    while it did. LEFT: nobody reads it, and the next publish deletes it. UNKNOWN: what the store
    says to be live of its view cannot be read, so nothing is deleted until a publish mends that.
    """

    LIVE = "live"
    KEPT = "kept"
    WRITING = "being written"
    LEFT = "left over"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class StoredGeneration:
    """A generation in the store.

    Attributes:
        view: its view's name.
        name: its name.
        standing: what becomes of it.
        told: what is known of it; None where nothing is live yet that would tell.
        same_definition: whether its view is defined so now.
        pinned: since when it is pinned, if it is live and is.
        next_back: whether it is what a roll back makes live.
        obstacle: why it cannot be made live; None if it can, or is.
    """

    view: str
    name: str
    standing: Standing
    told: Generation | None
    same_definition: bool
    pinned: str | None = None
    next_back: bool = False
    obstacle: str | None = None

    @property
    def definition(self) -> str:
        """The fingerprint of its view's definition."""
        return self.name.split("-")[0]

    @property
    def can_go_live(self) -> bool:
        """Whether it can be made live in place of the one that is."""
        return self.standing is Standing.KEPT and self.obstacle is None


def stored_generations(
    redis: Redis, deployment: str, registry: Registry, view: type[FeatureView] | None = None
) -> list[StoredGeneration]:
    """The generations of views, in the order of the views, and of each the newest first.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: its definitions.
        view: the view; by default all, those too that are no longer defined.

    Raises:
        RedisError: the store fails.
    """
    (held,) = read_all(redis, [command("HGETALL", pointers(deployment))])
    found = pairs(held)
    views = {view.name: view} if view is not None else registry.views
    landed: dict[type[Source], LandedIds] = {}
    listings = [
        _Listing(redis, deployment, name, one, found, landed) for name, one in views.items()
    ]
    if view is None:
        # No longer defined.
        former = sorted(views_of(found) - set(views))
        listings += [_Listing(redis, deployment, name, None, found, landed) for name in former]
    return [generation for listing in listings for generation in listing.generations()]


class _Listing:
    """The generations of one view.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        name: the view's.
        view: the view; None if it is no longer defined.
        found: what the hash of pointers holds.
        landed: the ids of landing files that were read, shared among listings.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: str,
        name: str,
        view: type[FeatureView] | None,
        found: dict[bytes, bytes],
        landed: dict[type[Source], LandedIds],
    ) -> None:
        self._redis = redis
        self._view = view
        self._names = GenerationNames(deployment, name)
        self._known = Pointers.of(self._names, found)
        self._definition = fingerprint(view) if view is not None else ""
        self._rows = None
        if view is not None:
            self._rows = StreamedRows.of(redis, deployment, view, landed, found)

    def generations(self) -> list[StoredGeneration]:
        """All of them."""
        told = [
            (one, live, field)
            for field, live in self._known.live.items()
            for one in (live, *live.kept)
        ]
        told.sort(key=lambda one: one[0].published_at, reverse=True)
        (members,) = read_all(self._redis, [command("SMEMBERS", self._names.generations)])
        untold = {member.decode() for member in members} - {one.name for one, _, _ in told}
        return [
            *(self._told(one, live, field) for one, live, field in told),
            *(self._untold(name) for name in sorted(untold)),
        ]

    def _told(self, one: Generation, live: Generation, field: str) -> StoredGeneration:
        same = one.definition == self._definition
        return StoredGeneration(
            self._names.view,
            one.name,
            Standing.LIVE if one is live else Standing.KEPT,
            one,
            same,
            pinned=self._known.pinned.get(field) if one is live else None,
            next_back=one is live.older and same,
            obstacle=None if one is live and same else self._obstacle(one),
        )

    def _untold(self, name: str) -> StoredGeneration:
        standing = Standing.UNKNOWN if self._known.bad else Standing.LEFT
        if name == self._known.publishing:
            standing = Standing.WRITING
        same = name.startswith(f"{self._definition}-")
        return StoredGeneration(self._names.view, name, standing, None, same)

    def _obstacle(self, one: Generation) -> str | None:
        if self._view is None:
            return "its view is no longer defined"
        if one.definition != self._definition:
            return of_another_definition(self._view, one)
        lost = unreadable(self._redis, self._names, one)
        if lost is not None or self._rows is None:
            return lost
        lacking = self._rows.lacking(one)
        return lacking and f"{lacking}: {REBUILD}"
