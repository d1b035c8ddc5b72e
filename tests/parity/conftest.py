"""The engines of both deployments, compiled once and fed by many tests."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from slate.deployment import load
from slate.online import FeatureClient, Publisher
from slate.online.store.redis_client import open_store
from tests.parity.engines import Engines, Project, compiled
from tests.parity.near import NearPath
from tests.parity.over_http import OverHttp

# Near views decode all their rows for each instant: to ask them as often takes as long again.
NEAR_EVERY = 8
# How many generations a view can be rolled back to.
KEPT = 3
HTTP_EVERY = 16
ROOT = Path(__file__).resolve().parents[2]
CONFIGS = {
    "live_shopping": ROOT / "slate.toml",
    "bikes": ROOT / "tests" / "deployments" / "bikes" / "slate.toml",
}
# The bike-share has all kinds of aggregates, windows and expressions that the marketplace has. Keys
# of two texts and texts that lead to keys it has not: so of the marketplace training sets, lookups
# and, over a cluster, what streams are compared always.
second_is_thorough = pytest.mark.parametrize(
    "project",
    ["bikes", pytest.param("live_shopping", marks=pytest.mark.thorough)],
    indirect=True,
)


@pytest.fixture(scope="module", params=CONFIGS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A deployment with its generated and compiled dbt project."""
    deployment = replace(load(CONFIGS[request.param]), kept_generations=KEPT)
    return compiled(deployment, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def engines(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """The engines of a deployment, with an online store of its own."""
    # As by two processes, where that can be.
    shared = tmp_path_factory.mktemp("near")
    with (
        Publisher.connect(project.deployment) as publisher,
        FeatureClient.connect(project.deployment, timeout=5, refresh=0, near=False) as client,
        closing(NearPath(project.deployment, open_store(project.deployment)[0], shared)) as near,
        closing(OverHttp(project.deployment)) as http,
    ):
        yield Engines(project, publisher, client, near, NEAR_EVERY, http, HTTP_EVERY)
