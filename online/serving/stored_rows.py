"""What the store holds under one key of a view: where it lies, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from slate.encoded import array
from slate.errors import RequestError, StoreError
from slate.features import Feature
from slate.kinds import Kind
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.hour_sections import Since
from slate.online.rows.instants import instant
from slate.online.rows.keys import Keys
from slate.online.rows.partitioning import partition
from slate.online.rows.row_format import NO_TIME
from slate.online.serving.view_read import decoded_together, view_read
from slate.online.serving.view_rows import Deltas, Published
from slate.online.store.commands import command, row_names, values
from slate.online.store.live_generations import LiveGenerations, require_not_before
from slate.online.store.sending import read_all
from slate.online.store.stream_names import route, tag
from slate.registry import Registry
from slate.states import State
from slate.views import FeatureView
from slate.windows import HOUR

_ALWAYS = 1 << 62


@dataclass(frozen=True)
class StoredRow:
    """What is stored of a key, and the values that it stands for.

    Attributes:
        generation: the name of the live generation.
        as_of: the instant up to which it knows all events.
        published_at: the name of the published value; of pairs it holds those of the first key.
        published: the bytes of that value; None if there is none.
        streamed_at: the name of the hash that holds what the stream adds; None if none does.
        streamed: the bytes of what it adds; None if it adds nothing.
        hours: the hours of arrival of what it adds that count.
        values: of each feature, its value without what the stream adds, and with it.
        states: of the row without what the stream adds, and with it.
        errors: what cannot be read, and what to do.
    """

    generation: str
    as_of: datetime
    published_at: str
    published: int | None
    streamed_at: str | None
    streamed: int | None
    hours: list[datetime]
    values: dict[Feature, tuple[Any, Any]]
    states: tuple[State, State]
    errors: tuple[str, ...]


def stored_row(
    redis: Redis,
    deployment: str,
    registry: Registry,
    view: type[FeatureView],
    key: Sequence[str],
    at: int,
) -> StoredRow:
    """Read what is stored under a key.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: its definitions.
        view: the view.
        key: the key's texts, one for each of the view's key columns.
        at: the instant, in microseconds, as of which windows are merged.

    Raises:
        RequestError: these are not keys of the view, or the instant lies before what is published.
        StoreError: nothing of the view is known.
        RedisError: the store fails.
    """
    keys = [Keys.of([one]) for one in _typed(view, key)]
    generations = LiveGenerations(deployment, registry, [view])
    known = generations.take(read_all(redis, [generations.question]))
    if view.name not in known.live:
        raise StoreError(known.unknown[view.name])
    live = known.live[view.name]
    require_not_before(view, at, live)
    (name,) = row_names(live.prefix, keys[0])
    read = view_read(view)
    asked, wanted = [values([name])], read.wanted(keys)
    hash_ = None
    if live.deltas is not None:
        hash_ = f"{live.deltas}{tag(route(view), partition(keys[0].texts[0]))}"
        asked.append(command("HMGET", hash_, wanted.texts[0]))
    (value,), *added = read_all(redis, asked)
    published = Published(live.prefix, [value])
    (without,) = decoded_together([(read, wanted, read.fetched(wanted, published))], at)
    with_it, streamed, hours = without, None, list[datetime]()
    if live.deltas is not None:
        streamed = added[0][0]
        deltas = Deltas(live.deltas, [streamed], live.stream_from)
        fetched = read.fetched(wanted, published, deltas)
        (with_it,) = decoded_together([(read, wanted, fetched)], at)
        opened = read.format.sections.open(live.deltas, wanted.sums, [streamed])
        found = Since(opened, live.stream_from, _ALWAYS).hours
        hours = [instant(hour * HOUR) for hour in found]
    return StoredRow(
        live.name,
        instant(live.as_of),
        name,
        None if value is None else len(value),
        hash_,
        None if streamed is None else len(streamed),
        hours,
        {
            feature: (_value(feature, without), _value(feature, with_it))
            for feature in view.features.values()
        },
        (_state(without), _state(with_it)),
        with_it.errors,
    )


def _typed(view: type[FeatureView], key: Sequence[str]) -> list[Any]:
    """The texts of a key as its values."""
    columns = view.entity.keys
    if len(key) != len(columns):
        raise RequestError(
            f"{view.name} is kept by {', '.join(columns)}: give {len(columns)}, not {len(key)}"
        )
    found: list[Any] = []
    for (name, kind), text in zip(columns.items(), key, strict=True):
        try:
            found.append(text if kind is Kind.STRING else int(text))
        except ValueError:
            raise RequestError(f"{name} is a whole number, and {text!r} is none") from None
    return found


def _state(decoded: Decoded) -> State:
    if decoded.errors:
        return State.MISSING
    if decoded.stale is not None and decoded.stale[0]:
        return State.STALE
    return State.DEFAULT if decoded.event_ts[0] == NO_TIME else State.PRESENT


def _value(feature: Feature, decoded: Decoded) -> Any:
    column = array(decoded.values[feature])
    return feature.value_type.to_arrow(column[:1], 1).to_pylist()[0]
