"""Which events the serving side can have known, by what its answer told of that."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from slate.compile.model_names import RAW
from slate.offline.events_anew import KnownEvents, ValuesAnew
from slate.offline.served_log import ServedLog
from slate.stream_files import stream_file_sql

Ids = tuple[str | int, ...]
# Up to how many arrivals a stream may have been applied, of those that are tried.
CUTS = 10


def known_at_least(log: ServedLog, rows: pa.Table) -> dict[str, KnownEvents]:
    """Up to when views were known, of those that were not known up to the instant asked about.

    Args:
        log: the log.
        rows: rows of one answer in it.
    """
    asked = _instant(rows, "asked_at")
    found = {}
    for view in log.views:
        until = pc.cast(rows[f"{view}:known_until"], pa.int64())[0].as_py()
        if until is not None and until < asked:
            found[view] = KnownEvents(until)
    return found


def known_perhaps(
    log: ServedLog, whole: ValuesAnew, known: Mapping[str, KnownEvents], asked: int
) -> Iterator[Mapping[str, KnownEvents]]:
    """What may have been known: what was told at least, all of streams, or some of the latest.

    A stream is applied in order of arrival, and what was told of it was true for all keys: of
    some it may have been applied further.

    Args:
        log: the log.
        whole: the values as they follow from all events, once they were asked for.
        known: what was known at least.
        asked: the instant asked about, in microseconds.
    """
    if not known:
        return
    yield known
    yield {view: of for view, of in known.items() if not is_streamed(log, view)}
    arrivals = {
        arrival
        for view, of in known.items()
        if is_streamed(log, view)
        for arrival in whole.arrivals.get(view, ())
        if of.before is not None and of.before <= arrival < asked
    }
    for arrival in sorted(arrivals, reverse=True)[:CUTS]:
        yield {
            view: KnownEvents(max(arrival, of.before or 0)) if is_streamed(log, view) else of
            for view, of in known.items()
        }


def came_later(log: ServedLog, rows: pa.Table) -> dict[str, Ids]:
    """The ids of a view's events that came by landing files after an answer, if there are any.

    Args:
        log: the log.
        rows: rows of the answer in it.
    """
    found: dict[str, Ids] = {}
    answered, asked = answered_and_asked(rows)
    for name in log.views:
        view = log.deployment.registry.views[name]
        if not view.windowed or not view.source.landing:
            continue
        source = view.source
        ids = log.connection.execute(
            f"""select distinct {source.unique_id} from {RAW}.{source.landing} as landed
            join {RAW}.files as files on files.file = landed._file
            where files.taken_in_at > ? and {source.arrival_time} < ?
            and not {stream_file_sql("files.name")}""",
            [answered, asked],
        ).fetchall()
        if ids:
            found[name] = tuple(one for (one,) in ids)
    return found


def replaced_later(log: ServedLog, rows: pa.Table) -> set[str]:
    """The sources of which a landing file took another's place after an answer.

    What that had held is not known any more.

    Args:
        log: the log.
        rows: rows of the answer in it.
    """
    answered, asked = answered_and_asked(rows)
    found = log.connection.execute(
        f"""select distinct source from {RAW}.files
        where replaced and taken_in_at > ? and hour < ?""",
        [answered, asked],
    )
    return {source for (source,) in found.fetchall()}


def answered_and_asked(rows: pa.Table) -> tuple[datetime, datetime]:
    """When an answer was given, and the instant asked about, as the warehouse has instants."""
    answered, asked = (rows[name][0].as_py() for name in ("answered_at", "asked_at"))
    return answered.replace(tzinfo=None), asked.replace(tzinfo=None)


def without(ids: Mapping[str, Ids], known: Mapping[str, KnownEvents]) -> dict[str, KnownEvents]:
    """What is known of views, but for events of these ids."""
    all_known = {**dict.fromkeys(ids, KnownEvents()), **known}
    return {view: replace(of, not_ids=ids.get(view, ())) for view, of in all_known.items()}


def is_streamed(log: ServedLog, view: str) -> bool:
    """Whether a stream adds to a view."""
    found = log.deployment.registry.views[view]
    return found.windowed and bool(found.source.stream)


def _instant(rows: pa.Table, name: str) -> int:
    found: int = pc.cast(rows[name], pa.int64())[0].as_py()
    return found
