"""Releases over a cluster: the tests of one server."""

from tests.online.test_releases import (  # noqa: F401
    effects,
    live,
    publisher,
    test_a_publish_is_rolled_back_as_a_whole,
    test_a_publisher_that_is_killed_before_any_effect_changes_all_or_nothing,
    test_two_rollbacks_at_the_same_time_go_back_once,
)
