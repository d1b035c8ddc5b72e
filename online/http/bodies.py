"""Bodies: requests read from JSON and Arrow, and answers written as either."""

import gc
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from slate.errors import RequestError
from slate.expressions import Array
from slate.kinds import Kind
from slate.online.serving import answer_stream, client_stream, request_stream
from slate.online.serving.answer import Answer, Column
from slate.online.serving.messages import shown
from slate.plans import Plan

JSON, ARROW = "application/json", answer_stream.CONTENT_TYPE
REQUESTS = "requests"
# How many of them may be in one body.
MANY = 1_000

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC


@dataclass(frozen=True)
class LookupRequest:
    """What one request asks for.

    Attributes:
        at: the instant asked about; None for now.
        given: its keys and inputs.
    """

    at: datetime | None
    given: dict[str, Any]


def read_arrow(plan: Plan, body: bytes, max_rows: int) -> LookupRequest:
    """The request in an Arrow stream.

    Raises:
        RequestError: it is none, or too large.
    """
    given, at = request_stream.read(body, max_rows)
    if "at" in given:
        raise RequestError(
            "the instant asked about is no column: give it as `at` in the schema's metadata"
        )
    return LookupRequest(_instant("at", at), given)


def read_json(plan: Plan, body: bytes, max_rows: int) -> list[LookupRequest] | LookupRequest:
    """The request in a JSON object, or those of its list ``requests``.

    Raises:
        RequestError: it is none, or they ask for too many rows.
    """
    try:
        found = _loaded(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f'the body is not JSON ({error}): send an object such as {{"{_a_key(plan)}": ...}}'
        ) from error
    many = found.get(REQUESTS) if isinstance(found, dict) else None
    # What is too much is refused before any time is spent on it.
    if not isinstance(many, list) or REQUESTS in _kinds(plan):
        request_stream.require_few(_rows(found), max_rows)
        return _asked(plan, found)
    if found.keys() != {REQUESTS}:
        other = next(name for name in found if name != REQUESTS)
        raise RequestError(
            f"the body has {REQUESTS!r} and {shown(other)}: what holds for a request goes into its "
            "own object"
        )
    if len(many) > MANY:
        raise RequestError(
            f"{len(many):,} requests in one body, and {MANY:,} may be: send fewer at once"
        )
    request_stream.require_few(sum(map(_rows, many)), max_rows)
    all_ = []
    for place, one in enumerate(many):
        try:
            all_.append(_asked(plan, one))
        except RequestError as error:
            raise RequestError(f"{REQUESTS}[{place}]: {error}") from error
    return all_


def _loaded(body: bytes) -> Any:
    """What a body of JSON holds.

    Collecting what is no longer used would look again and again at all the lists that are made
    meanwhile, and of millions of empty ones take seconds, in which nobody else is answered.
    """
    gc.disable()
    try:
        return json.loads(body)
    finally:
        gc.enable()


def _a_key(plan: Plan) -> str:
    return plan.service.request_keys[0]


def _asked(plan: Plan, found: Any) -> LookupRequest:
    if not isinstance(found, dict):
        raise RequestError(
            f'{shown(found)} is not an object: send one such as {{"{_a_key(plan)}": ...}}'
        )
    given = dict(found)
    at = _instant("at", given.pop("at", None))
    for name, kind in _kinds(plan).items():
        if kind is Kind.TIME and name in given:
            value = given[name]
            given[name] = (
                [_instant(name, one) for one in value]
                if isinstance(value, list)
                else _instant(name, value)
            )
    return LookupRequest(at, given)


def _kinds(plan: Plan) -> dict[str, Kind]:
    kinds = {name: kind for entity in plan.service.keys for name, kind in entity.keys.items()}
    return kinds | {feature.column: feature.kind for feature in plan.inputs}


def _instant(name: str, text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        if isinstance(text, str):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise RequestError(
        f"{name} is {shown(text)}, and has to be a time in ISO 8601 such as "
        "'2026-11-22T09:30:00+00:00' (UTC where it has no zone), or null"
    )


def _rows(found: Any) -> int:
    """How many rows an object asks for, if it is one."""
    values = found.values() if isinstance(found, dict) else ()
    return max((len(value) for value in values if isinstance(value, list)), default=1)


def write_json(answer: Answer, *, states_by_row: bool) -> bytes:
    """An answer as JSON: null where a value is null, or a number that is not finite."""
    return orjson.dumps(_json(answer, states_by_row), option=_OPTIONS)


def write_json_of_many(answers: list[Answer], *, states_by_row: bool) -> bytes:
    """The answers to a list of requests, in its order."""
    many = {"answers": [_json(answer, states_by_row) for answer in answers]}
    return orjson.dumps(many, option=_OPTIONS)


def write_arrow(answer: Answer, *, states_by_row: bool) -> pa.Buffer:
    """An answer as an Arrow stream."""
    return answer_stream.write(answer, states_by_row=states_by_row)


def write_for_clients(answer: Answer, *, states_by_row: bool) -> pa.Buffer:
    """An answer as Slate's own clients read it, states by row in any case."""
    return client_stream.write(answer)


def _json(answer: Answer, states_by_row: bool) -> dict[str, Any]:
    about = answer_stream.told(answer)
    if states_by_row:
        for view, state in answer.states.items():
            rows = {"state": state.state, "age": state.age}
            about["states"][view] |= {
                name: np.ascontiguousarray(array) for name, array in rows.items()
            }
    columns = answer.columns.items()
    values = {column.name: _values(column, array, answer.rows) for column, array in columns}
    return about | {"rows": answer.rows, "keys": answer.keys, "values": values}


def _values(column: Column, values: Array, rows: int) -> Any:
    """Values as orjson takes them."""
    type_ = column.value_type
    if type_.is_number:
        return np.ascontiguousarray(type_.padded(values, rows))
    if len(values) == 1 and rows > 1:
        # These are converted one by one.
        return _values(column, values, 1) * rows
    if type_.length is not None:
        lists: list[Any] = type_.to_arrow(values, rows).to_pylist()
        return lists
    padded = type_.padded(values, rows)
    if type_.kind is Kind.STRING:
        return [None if text != text else text for text in padded.tolist()]
    # NumPy's own times are faster, but NaT is not among them for orjson.
    return padded.tolist()


def error(message: str) -> bytes:
    """An error as JSON."""
    return orjson.dumps({"error": message})


def document(content: Mapping[str, Any]) -> bytes:
    """Any other content as JSON."""
    return orjson.dumps(content)
