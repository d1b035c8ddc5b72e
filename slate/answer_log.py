"""What is kept of answers that are logged, for whoever writes or reads the log.

A logged answer is a row for each of its own rows::

    request_id, request_row     which request, and which of its rows
    asked_at                    the instant asked about
    answered_at                 when it was answered, by the machine's clock
    stored_at                   when it was stored, by the store's clock; once it was taken in
    <keys and inputs>           what the request brought
    <features>                  their values, by their full names
    <view>:state                where values of the view come from: the number of a `State`
    <view>:generation           what was live of the view; null if that is not known
    <view>:as_of                up to when that generation knows all events
    <view>:known_until          up to when all events were known, those of its stream too
    errors                      what kept values from being read

A feature's column says in its metadata by which definition it was served.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import pyarrow as pa

from slate.descriptions import of_feature, of_key
from slate.locks.contracts import fingerprints
from slate.plans import Plan
from slate.states import NUMBERED

_TIME = pa.timestamp("us", tz="UTC")
_HASH_BYTES = 8
# The metadata of a feature's column that names its definition.
_DEFINITION = b"slate.definition"


def is_logged(request_id: str, share: float) -> bool:
    """Whether an answer is among the share that is logged: always the same for an id.

    Args:
        request_id: the request's id.
        share: from 0 (none) to 1 (all).
    """
    if share >= 1:
        return True
    number = int.from_bytes(blake2b(request_id.encode(), digest_size=_HASH_BYTES).digest())
    return number < share * (1 << 8 * _HASH_BYTES)


def views_of(plan: Plan) -> list[str]:
    """The views that a service's rows are read of, each once."""
    return list(dict.fromkeys(read.view.name for read in plan.reads))


def described(plan: Plan) -> dict[str, str]:
    """What each column of a service's log is."""
    service = plan.service
    texts = {
        "request_id": "The request's id.",
        "request_row": "Which of the answer's rows it is, counted from 0.",
        "asked_at": "The instant asked about (UTC).",
        "answered_at": "When it was answered, by the clock of the machine that did (UTC).",
        **{key: of_key(key, entity) for entity in service.keys for key in entity.keys},
        **{feature.column: of_feature(feature) for feature in plan.inputs},
        **{feature.name: of_feature(feature) for feature in service.features},
    }
    for view in views_of(plan):
        texts |= {
            f"{view}:state": f"Where values of {view} come from: {NUMBERED}.",
            f"{view}:generation": f"What was live of {view}.",
            f"{view}:as_of": f"Up to when that generation of {view} knows all events (UTC).",
            f"{view}:known_until": f"Up to when all events of {view} were known, those of its "
            "stream too (UTC).",
        }
    return texts | {"errors": "What kept values from being read."}


@cache
def log_schema(plan: Plan) -> pa.Schema:
    """The columns of a service's log."""
    service = plan.service
    keys = {name: kind.arrow for entity in service.keys for name, kind in entity.keys.items()}
    inputs = {feature.column: feature.kind.arrow for feature in plan.inputs}
    columns: dict[str, pa.DataType] = {
        "request_id": pa.string(),
        "request_row": pa.int32(),
        "asked_at": _TIME,
        "answered_at": _TIME,
        **keys,
        **inputs,
        **{feature.name: feature.value_type.arrow for feature in service.features},
    }
    for view in views_of(plan):
        columns |= {
            f"{view}:state": pa.uint8(),
            f"{view}:generation": pa.string(),
            f"{view}:as_of": _TIME,
            f"{view}:known_until": _TIME,
        }
    columns["errors"] = pa.list_(pa.string())
    made_of = fingerprints(plan)
    return pa.schema(
        [
            pa.field(name, kind, metadata={_DEFINITION: made_of[name]} if name in made_of else None)
            for name, kind in columns.items()
        ]
    )


def definitions_in(schema: pa.Schema) -> dict[str, str]:
    """By which definitions features were served, as the columns of a log tell it.

    Args:
        schema: the columns; those that earlier versions of Slate logged do not tell.

    Returns:
        The hash of all that a feature is made of (``slate.locks.contracts``), by its full name.
    """
    return {
        field.name: field.metadata[_DEFINITION].decode()
        for field in schema
        if field.metadata and _DEFINITION in field.metadata
    }


@dataclass(frozen=True)
class PresentForm:
    """Rows of a log with the columns that the log has by now.

    Attributes:
        table: the rows; what they lack is null there. Their columns tell by which definitions
            they were served.
        lacking: the names of columns that were not logged yet.
        of_other_types: of those that were, of types which cannot be made the present ones.
    """

    table: pa.Table
    lacking: list[str]
    of_other_types: list[str]


def in_present_form(table: pa.Table, schema: pa.Schema) -> PresentForm:
    """Rows that were logged, maybe under former definitions, as they are logged by now.

    Args:
        table: the rows.
        schema: the columns that are wanted.
    """
    columns, fields, lacking, of_other_types = [], list[pa.Field](), list[str](), list[str]()
    for field in schema:
        metadata = None
        try:
            columns.append(table[field.name].cast(field.type))
            metadata = table.schema.field(field.name).metadata
        except (KeyError, pa.ArrowException) as error:
            (lacking if isinstance(error, KeyError) else of_other_types).append(field.name)
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
        fields.append(field.with_metadata(metadata) if metadata else field.remove_metadata())
    return PresentForm(pa.table(columns, schema=pa.schema(fields)), lacking, of_other_types)
