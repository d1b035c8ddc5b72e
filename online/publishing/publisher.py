"""Publishing: writing a view's rows to the store as a new generation, and making it live."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

from redis import Redis

from slate.deployment import Deployment, given_or_loaded
from slate.errors import StoreError
from slate.online.publishing.listing import StoredGeneration, stored_generations
from slate.online.publishing.release import Progress, Release
from slate.online.publishing.rollback import Moved, RollBack, views_of_publish
from slate.online.publishing.store_errors import store_errors
from slate.online.publishing.sweeping import keep_no_more_than, remove_former
from slate.online.rows.instants import instant
from slate.online.rows.row_tables import Rows
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import (
    Generation,
    GenerationNames,
    pointer_field,
    pointers,
    read_pointer,
)
from slate.online.store.landed_ids import LandedFiles
from slate.online.store.pointers import held_field, pin_field
from slate.online.store.redis_client import connect, open_store
from slate.online.store.stream_names import StreamNames
from slate.registry import Registry
from slate.settings import KEPT_GENERATIONS
from slate.views import FeatureView


class Publisher:
    """Writes views' rows to the store, and says which generation of each is live.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        server: a server that is closed with the publisher.
        keep: how many generations of a view are kept besides its live one.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: str,
        server: EmbeddedServer | None = None,
        keep: int = KEPT_GENERATIONS,
    ) -> None:
        self._redis = redis
        self._deployment = deployment
        self._server = server
        self._keep = keep

    @classmethod
    def connect(cls, deployment: Deployment | None = None) -> Self:
        """A publisher to a deployment's store.

        Args:
            deployment: by default the one of slate.toml.

        Raises:
            StoreError: the embedded server cannot be started.
        """
        deployment = given_or_loaded(deployment)
        address, server = open_store(deployment)
        return cls(connect(address), deployment.name, server, deployment.kept_generations)

    def close(self) -> None:
        """Close the connection, and the embedded server if it was started for it."""
        self._redis.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(
        self,
        view: type[FeatureView],
        batches: Iterable[Rows],
        as_of: datetime,
        progress: Progress | None = None,
        stream_from: datetime | None = None,
        landed: LandedFiles | None = None,
    ) -> Generation:
        """Write a view's rows as a new generation beside the live one, then make it live.

        Generations beyond those that are kept are deleted, also what a publish that broke off left
        behind.

        Args:
            view: the view.
            batches: its rows, each key in one of them only; rows of pairs ordered by the first key.
            as_of: the instant up to which the rows know all events.
            progress: called now and then with the number of rows written so far.
            stream_from: of a view with a stream, the hour of arrival from which on the stream
                adds what the rows lack; ``as_of`` by default.
            landed: of a view with a stream, what the rows know of landing files that its archive
                did not write.

        Returns:
            The generation that is live now.

        Raises:
            DataError: the rows are not what the view defines. What was live stays so.
            StoreError: the store fails, the view is pinned, or a later publish of it deleted this
                one. What was live stays so.
        """
        if (since := self.pinned(view)) is not None:
            raise pinned(view, since)
        with self.release() as release:
            release.write(view, batches, as_of, progress, stream_from, landed)
            live = release.go_live()
        if view.name not in live:
            raise pinned(view, "a moment ago")
        return live[view.name]

    def release(self, name: str = "") -> Release:
        """What writes generations of several views, and makes them live together.

        Args:
            name: what it is known by, as the id of a run; something unique by default.

        Examples:
            ::

                with publisher.release() as release:
                    for view, rows in found.items():
                        release.write(view, rows, as_of)
                    release.go_live()
        """
        return Release(self._redis, self._deployment, self._keep, name or uuid4().hex)

    def live(self, view: type[FeatureView]) -> Generation | None:
        """The live generation of a view as it is defined now; None if it was never published.

        Raises:
            StoreError: the store fails, or what it says of it cannot be read.
        """
        pointer = self._pointer(view)
        return read_pointer(view.name, pointer) if pointer is not None else None

    def live_whole(self, view: type[FeatureView]) -> Generation | None:
        """The live generation of a view; None also where it cannot be read, or was lost.

        Raises:
            StoreError: the store fails.
        """
        pointer = self._pointer(view)
        try:
            generation = read_pointer(view.name, pointer) if pointer is not None else None
        except StoreError:
            return None
        if generation is None:
            return None
        marker = GenerationNames(self._deployment, view.name).marker(generation.name)
        with store_errors(f"reading whether {generation.name} is whole"):
            return generation if self._redis.exists(marker) else None

    def _pointer(self, view: type[FeatureView]) -> bytes | None:
        """What the store says of a view's live generation."""
        with store_errors(f"reading which generation of {view.name} is live"):
            store: Any = self._redis
            pointer: bytes | None = store.hget(pointers(self._deployment), pointer_field(view))
        return pointer

    def streamed_since(self, view: type[FeatureView]) -> datetime | None:
        """The first arrival that the archive of a view's stream has seen (UTC, without a zone)."""
        if not view.windowed or not view.source.stream:
            return None
        names = StreamNames(self._deployment, view.source)
        with store_errors(f"reading when the stream of {view.source.name} began"):
            first = self._redis.get(names.first)
        return instant(int(first)).replace(tzinfo=None) if first else None

    def kept_since(self, views: Iterable[type[FeatureView]]) -> datetime | None:
        """The least instant up to which any generation of some views that is kept knows events.

        Returns:
            The instant (UTC, without a zone); None where nothing is published of them.

        Raises:
            StoreError: the store fails.
        """
        live = [one for view in views if (one := self.live_whole(view)) is not None]
        known = [kept.as_of for one in live for kept in (one, *one.kept)]
        return min(known).replace(tzinfo=None) if known else None

    def rollback(
        self,
        *views: type[FeatureView],
        to: str | None = None,
        rebuild: bool = False,
        pin: bool = False,
    ) -> list[Moved]:
        """Make older generations of some views live again, of all of them in one step.

        What was live before is kept, so that it can be gone forward to; the next publish goes on
        from what is live.

        Args:
            views: the views, each once.
            to: the generation, by its name or by how the id of its publish begins; by default, of
                those that were published before the live one the one that was live last.
            rebuild: whether a generation may go live of which workers have to make anew what the
                stream added: until they have, the view is MISSING.
            pin: whether no publish takes their place until ``unpin``.

        Raises:
            StoreError: the store fails, or one of the views cannot be rolled back; none is.
        """
        with store_errors(f"rolling {', '.join(view.name for view in views)} back", writes=False):
            back = RollBack(self._redis, self._deployment, views, to, rebuild=rebuild, pin=pin)
            return back.run()

    def views_of_publish(
        self, registry: Registry, publish: str
    ) -> tuple[str, list[type[FeatureView]]]:
        """The views whose live generation is of a publish, and what that is known by.

        Args:
            registry: the definitions.
            publish: what it is known by, or how that begins.

        Raises:
            StoreError: the store fails, there is no such publish of which something is live, or
                there are several.
        """
        with store_errors(f"looking for what is live of {publish}"):
            return views_of_publish(self._redis, self._deployment, registry, publish)

    def generations(
        self, registry: Registry, view: type[FeatureView] | None = None
    ) -> list[StoredGeneration]:
        """What the store has of generations.

        Args:
            registry: the definitions.
            view: the view; by default all, those too that are no longer defined.

        Raises:
            StoreError: the store fails.
        """
        with store_errors("listing generations"):
            return stored_generations(self._redis, self._deployment, registry, view)

    def clean(self, view: type[FeatureView], keep: int | None = None) -> list[str]:
        """Delete what is kept of a view besides its live generation, beyond some number.

        Args:
            view: the view.
            keep: how many stay; by default as many as a publish keeps.

        Returns:
            The names of those that were deleted, among them what others left behind.

        Raises:
            StoreError: the store fails; the next call goes on.
        """
        names, most = GenerationNames(self._deployment, view.name), self._keep
        with store_errors(f"cleaning {view.name}", writes=False):
            return keep_no_more_than(
                self._redis, names, pointer_field(view), most if keep is None else keep
            )

    def pinned(self, view: type[FeatureView]) -> str | None:
        """Since when a view's live generation is pinned, as text; None if it is not.

        Raises:
            StoreError: the store fails.
        """
        with store_errors(f"publishing {view.name}"):
            return self._said(pin_field(pointer_field(view)))

    def unpin(self, view: type[FeatureView]) -> bool:
        """Let the next publish of a view go live again; whether it was pinned.

        Raises:
            StoreError: the store fails.
        """
        with store_errors(f"unpinning {view.name}"):
            store: Any = self._redis
            return bool(store.hdel(pointers(self._deployment), pin_field(pointer_field(view))))

    def held_back(self, view: type[FeatureView]) -> str | None:
        """Since when a view's runs were held back, as text; None if its latest was not.

        Raises:
            StoreError: the store fails.
        """
        with store_errors(f"reading whether {view.name} is held back"):
            return self._said(held_field(pointer_field(view)))

    def _said(self, field: str) -> str | None:
        """What the store says in a field beside pointers, as text; None if it says nothing."""
        store: Any = self._redis
        found = store.hget(pointers(self._deployment), field)
        return found.decode(errors="replace") if found else None

    def tell_held_back(
        self, held: Iterable[type[FeatureView]], passed: Iterable[type[FeatureView]]
    ) -> None:
        """Tell whoever looks at the store which views a run left as they were, and which not.

        What goes live tells by that alone that it passed.

        Args:
            held: the views whose rows were not to go live, or could not be made.
            passed: others, of which what is live is what the run made.

        Raises:
            StoreError: the store fails.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        name = pointers(self._deployment)
        with store_errors("telling which views are held back"):
            store: Any = self._redis
            for view in held:
                # The first of several in a row is what tells how long nothing came.
                if self.held_back(view) is None:
                    store.hset(name, held_field(pointer_field(view)), now)
            if gone := [held_field(pointer_field(view)) for view in passed]:
                store.hdel(name, *gone)

    def remove_former(self, registry: Registry, published: Generation) -> list[str]:
        """Delete all of the views that the definitions no longer have.

        Their last generation is served until the second publish that does without them: for as
        long as some generation before the live one knows no more events than it does.

        Args:
            registry: the definitions.
            published: the generation of any of their views that was just published.

        Returns:
            The names of the views that were deleted.

        Raises:
            StoreError: the store fails; the next call goes on.
        """
        if published.previous is None:
            return []
        with store_errors("removing views that are no longer defined"):
            since = min(published.as_of, published.previous.as_of)
            return remove_former(self._redis, self._deployment, set(registry.views), since)


def pinned(view: type[FeatureView], since: str) -> StoreError:
    """The error of a publish of a view that is pinned."""
    return StoreError(
        f"{view.name} is not published, as its live generation is pinned since {since}: "
        f"`slate unpin {view.name}` lets the next publish go live"
    )
