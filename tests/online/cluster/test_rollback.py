"""Roll backs over a cluster while events stream in: the tests of one server."""

from tests.online.stream.test_rollback import (  # noqa: F401
    both,
    publisher,
    test_it_is_refused_where_rows_of_the_stream_are_not_there,
    test_what_streamed_is_added_to_the_generation_that_is_gone_back_to,
)
