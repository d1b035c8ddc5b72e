"""What tells landing files that a stream's archive wrote from those that others did: their name."""

import re

# As a regular expression, of Python and of DuckDB alike.
STREAM_FILE = r"[0-9]{2}-stream(-[0-9]+)?[.]parquet"


def is_stream_file(name: str) -> bool:
    """Whether a landing file of this name, without its folder, came by the stream."""
    return re.fullmatch(STREAM_FILE, name) is not None


def stream_file_sql(name: str) -> str:
    """The same in SQL, of a landing file's path.

    Args:
        name: the path, as SQL.
    """
    return f"regexp_matches({name}, '(^|/){STREAM_FILE}$')"
