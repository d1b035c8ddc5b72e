"""`slate plan` on the command line: its forms and exit codes."""

import json
from pathlib import Path

import pytest

from slate.deployment import load
from slate.online import Publisher
from slate.online.store.embedded_server import EmbeddedServer
from tests.cli.conftest import Slate
from tests.cli.test_locks import FULL, NARROW, define
from tests.cli.test_locks import folder as folder  # a fixture
from tests.online.stream.moves import NOON


def test_it_works_without_store_and_warehouse(slate_here: Slate, folder: Path) -> None:
    assert slate_here("lock").code == 0
    told = slate_here("plan")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "nothing to do, as far as could be looked at"
    assert any(line.startswith("bike_choice_v2      locked, kept  ") for line in lines)
    store, warehouse, training = lines[-3:]
    assert store.startswith("the online store: there is none yet in ")
    assert warehouse.startswith("the warehouse: there is no warehouse ")
    assert training.startswith("training sets: there is no ")
    assert not (folder / "data").exists()

    define(folder, NARROW, FULL)
    assert slate_here("plan").err.startswith("slate: generated files are out of date")
    slate_here("compile")
    told = slate_here("plan", "--detailed-exitcode")
    assert told.code == 3
    assert "a run refuses this\nbike_choice_v2 is locked, and its models" in told.out
    lines = slate_here("plan", "--markdown").out.splitlines()
    assert lines[0] == "### `slate plan` of bikes"
    assert any(line.startswith("| bike_choice_v2 | locked, CHANGED | ") for line in lines)
    found = json.loads(slate_here("plan", "--json").out)
    assert {one["name"]: one["how"] for one in found["services"]} == {
        "bike_choice_v2": "changed",
        "station_outlook_v1": "kept",
    }
    assert found["samples"] == []
    assert slate_here("plan", "--sample", "few").code == 2


def test_a_key_is_for_a_server(slate: Slate) -> None:
    refused = slate("plan", "--key", "k")
    assert (refused.code, "give --server URL too" in refused.err) == (2, True)


@pytest.mark.process
@pytest.mark.usefixtures("up_to_date")
def test_an_apply_that_is_not_finished_is_a_part_of_each_form(slate: Slate) -> None:
    bikes = load()
    with EmbeddedServer.attach(bikes.data / "redis"), Publisher.connect(bikes) as store:
        store.publish(bikes.registry.view("rider_rides"), [], NOON, stream_from=NOON)
        plain, marked, told = (slate("plan", *form) for form in ((), ("--markdown",), ("--json",)))
    lacks = "rider_rides lacks what streams added to it, and is MISSING in answers: run `slate app"
    assert f"\n\nnot finished\n{lacks}" in plain.out
    assert f"\n\n**not finished**\n\n- {lacks}" in marked.out
    assert json.loads(told.out)["unfinished"] == ["rider_rides"]
