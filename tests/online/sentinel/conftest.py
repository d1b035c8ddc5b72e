from pathlib import Path

import pytest

from slate.deployment import Deployment
from tests.online.sentinel.servers import SentinelSet, watched

__all__ = ["watched"]


@pytest.fixture
def bikes(watched: SentinelSet, tmp_path: Path) -> Deployment:
    return Deployment(
        name="bikes",
        definitions="tests.deployments.bikes.definitions",
        root=Path(__file__).parents[3],
        dbt_project=tmp_path,
        data=tmp_path,
        redis=watched.address,
    )
