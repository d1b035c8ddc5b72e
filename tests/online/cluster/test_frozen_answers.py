"""Answers are frozen on a cluster as on one server."""

from tests.online.test_frozen_answers import (  # noqa: F401
    client,
    frozen,
    none_left,
    test_all_who_ask_at_once_get_the_same,
    test_an_id_gets_the_same_values_again,
    test_an_id_is_of_one_request,
)
