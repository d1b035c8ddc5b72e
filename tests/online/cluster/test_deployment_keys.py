"""What a preview has on the nodes of a cluster is found on all of them."""

from tests.online.test_deployment_keys import (  # noqa: F401
    test_all_of_a_preview_goes_and_nothing_else,
)
