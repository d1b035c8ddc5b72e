"""Rolling back: generations that are kept made live again, those of several views at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from slate.errors import StoreError
from slate.fingerprints import fingerprint
from slate.online.publishing.streamed_rows import StreamedRows
from slate.online.rows.row_format import FORMAT
from slate.online.store.cluster_client import clustered
from slate.online.store.generations import (
    Generation,
    GenerationNames,
    pointer_field,
    pointers,
    read_pointer,
)
from slate.online.store.landed_ids import LandedIds
from slate.online.store.pointers import Pointers, pin_field
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView

REBUILD = (
    "with `--rebuild` workers make these rows anew from the archive, and until then the view is "
    "MISSING; or publish it anew"
)


@dataclass(frozen=True)
class Moved:
    """A view of which another generation is live by now.

    Attributes:
        view: its name.
        left: the generation that was live before, and is kept.
        live: the one that is.
        rebuilt: whether workers have to make anew what its stream adds, so that it is MISSING until
            they have.
    """

    view: str
    left: Generation
    live: Generation
    rebuilt: bool = False


class RollBack:
    """Makes older generations of views live again: of all of them in one step, or of none.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        views: the views, each once.
        to: the generation, by its name or by how the id of its publish begins; by default, of
            those that were published before the live one the one that was live last.
        rebuild: whether a generation may go live for which rows of the stream have to be made anew.
        pin: whether they stay live until they are unpinned.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: str,
        views: Sequence[type[FeatureView]],
        to: str | None = None,
        *,
        rebuild: bool = False,
        pin: bool = False,
    ) -> None:
        self._redis: Any = redis
        self._deployment = deployment
        self._views = views
        self._to = to
        self._rebuild = rebuild
        self._pin = pin
        self._landed: dict[type[Source], LandedIds] = {}
        # What is to be, once it is known: to try again is not to go back further.
        self._moves: dict[type[FeatureView], Moved] = {}

    def run(self) -> list[Moved]:
        """Do it.

        Raises:
            StoreError: one of the views cannot be rolled back; none is.
            RedisError: the store fails.
        """
        self._redis.transaction(self._change, pointers(self._deployment))
        for view, move in self._moves.items():
            if move.rebuilt:
                StreamedRows(self._redis, self._deployment, view, self._landed).forgotten()
        return list(self._moves.values())

    def _change(self, pipeline: Any) -> None:
        found = pipeline.hgetall(pointers(self._deployment))
        streamed = {
            view: StreamedRows.of(self._redis, self._deployment, view, self._landed, found)
            for view in self._views
        }
        refused, moves = [], {}
        for view, rows in streamed.items():
            if rows is not None and not clustered(self._redis):
                pipeline.watch(*rows.watched)
            try:
                moves[view] = self._move(view, found, rows)
            except StoreError as error:
                refused.append(str(error))
        if refused:
            raise StoreError("; ".join(refused))
        self._moves = moves
        pipeline.multi()
        for view, move in moves.items():
            field, rows = pointer_field(view), streamed[view]
            pipeline.hset(pointers(self._deployment), field, move.live.to_pointer())
            if self._pin:
                since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
                pipeline.hset(pointers(self._deployment), pin_field(field), since)
            if rows is not None and move.rebuilt:
                rows.forget(pipeline)

    def _move(
        self, view: type[FeatureView], found: dict[bytes, bytes], rows: StreamedRows | None
    ) -> Moved:
        names = GenerationNames(self._deployment, view.name)
        pointer = found.get(pointer_field(view).encode())
        if pointer is None:
            raise not_rolled_back(view, "it was never published as it is defined now")
        live = read_pointer(view.name, pointer)
        aim = self._moves.get(view)
        if aim is not None and aim.live.name == live.name:
            # It was done, and the reply was lost, or another did the same.
            return replace(aim, live=live)
        to = self._to if aim is None else aim.live.name
        target = _target(view, live, Pointers.of(names, found), to)
        if (lost := unreadable(self._redis, names, target)) is not None:
            raise not_rolled_back(view, lost)
        if rows is None:
            return Moved(view.name, live, target.behind(live))
        lacking = rows.lacking(target)
        if lacking is not None and not self._rebuild:
            raise not_rolled_back(view, f"of {target.name}, {lacking}: {REBUILD}")
        # Said, as who leaves nothing to the stream is served without asking for its word.
        since = target.stream_from or target.as_of
        again = replace(target, stream_from=since).behind(live)
        return Moved(view.name, live, again, lacking is not None)


def _target(
    view: type[FeatureView], live: Generation, known: Pointers, to: str | None
) -> Generation:
    """The generation that is to be live."""
    if to is None:
        if live.older is not None:
            return live.older
        if not live.kept:
            raise not_rolled_back(view, "no other generation of it is kept")
        raise not_rolled_back(
            view,
            f"no generation that is kept was published before {live.name}: go forward with "
            f"`--to {live.kept[0].name}`",
        )
    found = _meant(to, (live, *live.kept))
    if len(found) > 1:
        raise not_rolled_back(view, f"{to!r} may be {' or '.join(one.name for one in found)}")
    if found == [live]:
        raise not_rolled_back(view, f"{live.name} is live already")
    if found:
        return found[0]
    for one in _meant(to, [one for its in known.live.values() for one in (its, *its.kept)]):
        raise not_rolled_back(view, of_another_definition(view, one))
    kept = ", ".join(one.name for one in live.kept) or "none"
    raise not_rolled_back(view, f"it has no generation {to!r} that is kept; kept are: {kept}")


def _meant(to: str, among: Iterable[Generation]) -> list[Generation]:
    """The generations of a name, or of a publish whose id begins so."""
    return [one for one in among if one.name == to or (to and one.publish.startswith(to))]


def views_of_publish(
    redis: Redis, deployment: str, registry: Registry, publish: str
) -> tuple[str, list[type[FeatureView]]]:
    """The views whose live generation is of a publish, and what that is known by.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.
        publish: what it is known by, or how that begins.

    Raises:
        StoreError: nothing is live of such a publish, or something is of several.
        RedisError: the store fails.
    """
    store: Any = redis
    found: dict[bytes, bytes] = store.hgetall(pointers(deployment))
    live: dict[str, list[type[FeatureView]]] = {}
    for view in registry.views.values():
        its = Pointers.of(GenerationNames(deployment, view.name), found).live
        if (one := its.get(pointer_field(view))) is not None and one.publish:
            live.setdefault(one.publish, []).append(view)
    meant = [name for name in sorted(live) if publish and name.startswith(publish)]
    if len(meant) != 1:
        what = (
            "several publishes of which something is live begin" if meant else "no publish begins"
        )
        of = f"of these something is live: {', '.join(sorted(live))}" if live else "nothing is live"
        raise StoreError(f"{what} with {publish!r}: {of}")
    return meant[0], live[meant[0]]


def unreadable(redis: Redis, names: GenerationNames, generation: Generation) -> str | None:
    """Why a generation cannot be read, whatever is live; None if it can."""
    if generation.format != FORMAT:
        return f"{generation.name} is of another version of Slate"
    if redis.mget([names.marker(generation.name)]) != [generation.name.encode()]:
        return f"the store has lost {generation.name}"
    return None


def of_another_definition(view: type[FeatureView], generation: Generation) -> str:
    """Why a generation of another definition is not gone back to."""
    return (
        f"{generation.name} is of another definition ({generation.definition}, and it is "
        f"{fingerprint(view)} now), which only processes with that definition can read: check out "
        "the definitions of then, and start `slate serve`, `slate stream` and applications with "
        "them; they find it live"
    )


def not_rolled_back(view: type[FeatureView], why: str) -> StoreError:
    """The error of a view that is not rolled back."""
    return StoreError(f"{view.name} cannot be rolled back: {why}")
