"""`slate trace`: one value that was served, down to its events."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.assets.answer_files import answers_in, names
from slate.cli.text import heading, shown_instant, shown_value, table
from slate.deployment import load
from slate.errors import DataError
from slate.offline.audit import Audit
from slate.offline.trace import Trace, Traced, trace
from slate.offline.warehouse import reading
from slate.states import State


def run(options: Namespace) -> int:
    """Print what a logged value is made of."""
    deployment = load()
    service = deployment.registry.service(options.service)
    answer = _answer(deployment.answers / service.full_name, options.request, service.full_name)
    with reading(deployment) as connection:
        audit = Audit(deployment, service.full_name, connection)
        found = trace(audit, answer, options.row, options.feature)
    if options.json:
        print(json.dumps(asdict(found), default=_json, indent=2))
        return 0
    for line in _lines(found):
        print(line)
    return 0


def _answer(folder: Path, request: str, service: str) -> pa.Table:
    """The rows of an answer in the log; of several with the id, of the last that was given."""
    # The newest first: it is mostly these that are asked about.
    for name in reversed(names(folder)):
        rows = answers_in(folder, name)
        mask = pc.equal(rows["request_id"], request)
        if pc.any(mask).as_py():
            return _last(rows.filter(mask), request)
    raise DataError(
        f"request {request!r} is not in the log of {service} in {folder}: no answer to it was "
        "logged, it was not taken in yet (the job take_in_log does that), or it is older than "
        "kept_answers in slate.toml"
    )


def _last(rows: pa.Table, request: str) -> pa.Table:
    """Of answers that were given to the same id the last one; the others are told of."""
    # An answer's rows stand together, in their order.
    places, at = (pc.cast(rows[name], pa.int64()) for name in ("request_row", "answered_at"))
    begins = (np.diff(places) <= 0) | (np.diff(at) != 0)
    starts = [0, *(np.flatnonzero(begins) + 1).tolist()]
    if len(starts) > 1:
        print(
            f"slate trace: {len(starts)} answers to request {request!r} were logged: this is the "
            "last one. Give each request an id of its own, or freeze the service's answers",
            file=sys.stderr,
        )
    return rows.slice(starts[-1])


def _lines(found: Trace) -> Iterator[str]:
    if found.value is None:
        told = "not known yet"
    else:
        same = "the same" if found.cause is None else f"another value, due to: {found.cause}"
        told = f"{shown_value(found.value.told)}, {same}"
    yield table(
        [
            ("feature", found.feature),
            ("served", shown_value(found.served)),
            ("warehouse", told),
            *((name, shown_value(value)) for name, value in found.request.items()),
        ]
    )
    yield ""
    views = [
        (
            view,
            State(of["state"]).word,
            of["generation"] or "",
            _moment(of["as_of"]),
            _moment(of["known_until"]),
        )
        for view, of in found.views.items()
    ]
    yield table(views, head=("view", "state", "generation", "as of", "known until"))
    if found.value is not None:
        yield from _traced(found.value)
        return
    request, at = found.request["request_id"], shown_instant(found.request["asked_at"])
    yield ""
    yield (
        f"request {request!r} asked about {at}, and the warehouse knows what happened up to "
        f"{shown_instant(found.known_until)}: which events are behind the value can be told after "
        "a `slate run` once that hour is over"
    )


def _traced(value: Traced) -> Iterator[str]:
    yield ""
    of = ", ".join(f"{key}={shown_value(one)}" for key, one in value.keys.items())
    yield heading(f"{value.feature} = {shown_value(value.told)}" + (f"  ({of})" if of else ""))
    yield value.definition
    if value.events:
        names = [name for name in value.events[0] if name != "surely_known"]
        rows = [
            (
                *(shown_value(event[name]) for name in names),
                "" if event["surely_known"] else "perhaps not known",
            )
            for event in value.events
        ]
        yield table(rows, head=(*names, "when served"))
    elif value.keys:
        yield "no events"
    if value.more:
        yield f"and {value.more:,} before these"
    for part in value.parts:
        yield from _traced(part)


def _moment(value: datetime | None) -> str:
    return "" if value is None else shown_instant(value)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
