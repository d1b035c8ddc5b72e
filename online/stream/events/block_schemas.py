"""What the columns of a source's events are, as they are written and as they are read."""

from hashlib import blake2b

import pyarrow as pa

from slate.online.stream.events.validation import written_columns
from slate.refusals import rules_text
from slate.sources import Source

# The column that holds a hash of the unique id.
ID = "_id"
_BYTES = 8


def block_schema(source: type[Source]) -> pa.Schema:
    """The schema of the blocks that are written under a source's definition.

    It says too what their events were checked against, so that equal digests mean equal checks.
    """
    columns = {name: kind.arrow for name, kind in written_columns(source).items()}
    return pa.schema({**columns, ID: pa.uint64()}, {"rules": rules_text(source)})


def events_schema(source: type[Source]) -> pa.Schema:
    """The schema of events as they are read: the source's columns and the hash of the id."""
    columns = {column.name: column.kind.arrow for column in source.columns.values()}
    return pa.schema({**columns, ID: pa.uint64()})


def digest(schema: pa.Schema) -> str:
    """What a schema is known by."""
    return blake2b(schema.serialize(), digest_size=_BYTES).hexdigest()
