from dataclasses import replace

import pytest

from slate.deployment import Deployment


@pytest.fixture
def bikes(deployment: Deployment) -> Deployment:
    """The bike-share, in the tests' store and a data folder of its own."""
    return replace(deployment, name="bikes", definitions="tests.deployments.bikes.definitions")
