"""Landing files of a stream's archive are told by their name, in Python and in SQL alike."""

import duckdb
import pytest

from slate.stream_files import is_stream_file, stream_file_sql


@pytest.mark.parametrize(
    ("name", "of_stream"),
    [
        ("12-stream.parquet", True),
        ("00-stream-1764288000000000.parquet", True),
        ("12.parquet", False),
        ("12-stream-0a1b2c3d.parquet", False),
        ("12-live-stream-0a1b2c3d.parquet", False),
        ("12-event-stream-2025-0a1b2c3d.parquet", False),
        ("12-stream-refused.parquet", False),
        ("112-stream.parquet", False),
        ("12-stream.parquet.bad", False),
    ],
)
def test_it_is_the_whole_name_that_tells(name: str, of_stream: bool) -> None:
    assert is_stream_file(name) is of_stream
    path = f"orders/2026-03-01/{name}"
    found = duckdb.execute(f"select {stream_file_sql('$1')}, {stream_file_sql('$2')}", [name, path])
    assert found.fetchall() == [(of_stream, of_stream)]
