"""Health: how what is served stands, and what somebody on call has to do about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from slate.assets.freshness import allowed_age
from slate.assets.stream_readings import TIMEOUT, Reading, read_streams
from slate.assets.streams import limits
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import Publisher
from slate.online.publishing.listing import Standing, StoredGeneration, stored_generations
from slate.online.store.generations import pointer_field, pointers, read_pointer
from slate.online.store.redis_client import connect, running_store
from slate.online.store.told_drift import ToldDrift, told
from slate.online.stream.workers.catching_up import lacking
from slate.online.stream.workers.status import known_until
from slate.quality import gate_history
from slate.sources import Source
from slate.views import FeatureView

RESTS = (
    "the online store does not run: `slate run` fills it and lets it rest; `slate serve`, "
    "`slate ui` and whatever asks for features start it as it was left"
)

HELD_BACK = (
    "{view}: its runs are held back since {since}, so what was live stays: the page of the last "
    "one in `slate ui` says what for"
)

LACKS = (
    "{view}: its rows lack what its stream added to them, and are MISSING: start `slate stream` "
    "with the present definitions, or run `slate apply` again, which makes it anew"
)


@dataclass(frozen=True)
class ViewHealth:
    """How a view's rows in the online store stand.

    Attributes:
        view: the view's name.
        generation: the name of its live generation; None if nothing is live.
        published_at: when that was published (UTC).
        as_of: the instant up to which its rows know all events (UTC).
        known_until: up to when what happened is in what is served (UTC), by the platform's clock:
            for a view that a stream keeps fresh, how far its workers are.
        rows, size: of the live generation, the bytes in ``size``.
        pinned: whether it was pinned by a roll back, so that no publish goes live.
    """

    view: str
    generation: str | None
    published_at: datetime | None = None
    as_of: datetime | None = None
    known_until: datetime | None = None
    rows: int = 0
    size: int = 0
    pinned: bool = False


@dataclass(frozen=True)
class Health:
    """How all of a deployment's views and streams stand.

    Attributes:
        at: when that was, by the platform's clock (UTC).
        views: the views, in the order of their definition.
        streams: the streams that keep a view fresh.
        drifts: how far what is served is from what was trained, as the latest audits told.
        troubles: what is wrong, where, and what to do, one text each.
    """

    at: datetime
    views: list[ViewHealth]
    streams: list[Reading]
    troubles: list[str]
    drifts: list[ToldDrift] = field(default_factory=list)


def health(deployment: Deployment) -> Health:
    """How a deployment stands, as its online store knows it. A store that rests is not started.

    Raises:
        StoreError: the deployment's own store cannot be reached.
    """
    now, registry = deployment.now(), deployment.registry
    address = running_store(deployment)
    if address is None:
        return Health(now, [], [], [RESTS])
    try:
        with connect(address, TIMEOUT) as redis:
            stored = stored_generations(redis, deployment.name, registry)
            unread = _unread(redis, deployment)
            drifts = told(redis, deployment.name, registry.services)
            publisher = Publisher(redis, deployment.name)
            of_sources = {view.source: view for view in registry.views.values() if view.windowed}
            began = {source: publisher.streamed_since(view) for source, view in of_sources.items()}
            lacks = {view.name for view in lacking(redis, deployment)}
            since = {view.name: publisher.held_back(view) for view in registry.views.values()}
    except (RedisError, OSError) as error:
        raise StoreError(
            f"how the views stand is not known, as the online store cannot be reached: {error}; "
            "see that it runs, and to its address (redis in slate.toml, or SLATE_REDIS)"
        ) from error
    streams = read_streams(deployment) or []
    live = {
        one.view: one for one in stored if one.standing is Standing.LIVE and one.same_definition
    }
    pairs = [
        (view, _of_view(view, live.get(view.name), streams, began, now))
        for view in registry.views.values()
    ]
    troubles = [
        text
        for view, one in pairs
        for text in unread.get(view.name) or _view_troubles(view, one, now)
    ]
    troubles += [LACKS.format(view=one.view) for _, one in pairs if one.view in lacks]
    troubles += [text for _, one in pairs if (text := _held_back(deployment, one, since[one.view]))]
    troubles += [
        f"{reading.source.stream}: {limit.description}"
        for reading in streams
        for limit in limits(reading)
        if not limit.passed
    ]
    troubles += [text for one in drifts if (text := _apart(one))]
    return Health(now, [one for _, one in pairs], streams, troubles, drifts)


def _held_back(deployment: Deployment, one: ViewHealth, since: str | None) -> str:
    """What its gate said of a view's last run, where that was held back; empty else.

    Args:
        deployment: the deployment.
        one: how the view stands.
        since: since when its runs were held back, as the store was told; None if they were not.
    """
    lines = gate_history.newest(deployment.reports, one.view, 1)
    if not lines or lines[0]["passed"]:
        # Reports may lie on another machine, and where a model cannot be built there is none.
        return HELD_BACK.format(view=one.view, since=since) if since else ""
    reasons = lines[0]["held_back_for"] or ["see its check"]
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return (
        f"{one.view}: its last run was held back, so what was live stays: {reasons[0]}{more}; mend "
        f"it, or `slate accept {one.view}` where it is meant, and run again"
    )


def _unread(redis: Redis, deployment: Deployment) -> dict[str, list[str]]:
    """Why what is said to be live of views cannot be read, by view, of those where it cannot."""
    found: dict[str, list[str]] = {}
    store: Any = redis
    said = store.hgetall(pointers(deployment.name))
    for view in deployment.registry.views.values():
        try:
            if (pointer := said.get(pointer_field(view).encode())) is not None:
                read_pointer(view.name, pointer)
        except StoreError as error:
            found[view.name] = [str(error)]
    return found


def _apart(drift: ToldDrift) -> str:
    if not drift.beyond:
        return ""
    first = next(iter(drift.beyond))
    return (
        f"{drift.service}: {len(drift.beyond)} features are served otherwise than trained, {first} "
        f"by a PSI of {drift.psi[first]:.3g}, and {drift.limit:g} is allowed: the check "
        "served_as_trained of its audit in `slate ui` shows both"
    )


def _of_view(
    view: type[FeatureView],
    live: StoredGeneration | None,
    streams: list[Reading],
    began: Mapping[type[Source], datetime | None],
    now: datetime,
) -> ViewHealth:
    if live is None or live.told is None:
        return ViewHealth(view.name, None)
    told = live.told
    known = told.as_of
    for one in streams if view.windowed else ():
        if one.source is view.source:
            known = known_until(told, began[view.source], one.status, now)
    return ViewHealth(
        view.name,
        live.name,
        published_at=told.published_at,
        as_of=told.as_of,
        known_until=known,
        rows=told.rows,
        size=told.size,
        pinned=bool(live.pinned),
    )


def _view_troubles(view: type[FeatureView], one: ViewHealth, now: datetime) -> Iterator[str]:
    if one.known_until is None:
        yield (
            f"{view.name}: nothing is live as it is defined now, so its defaults are served: "
            "`slate run` publishes it, and tells what holds it back"
        )
        return
    limit = view.fresh_within_us
    if limit is not None and now - one.known_until > timedelta(microseconds=limit):
        yield (
            f"{view.name}: what happened after {one.known_until:%Y-%m-%d %H:%M} is not in what is "
            f"served; {allowed_age(view)}: see in `slate ui` what its last run says"
        )
    if one.pinned:
        yield (
            f"{view.name}: it is pinned to an older generation, and no publish goes live: "
            f"`slate unpin {view.name}` once the cause is mended"
        )
