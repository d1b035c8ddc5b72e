"""Audits find what was served otherwise than the warehouse tells, and what it is due to."""

import fcntl
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from redis import Redis

import slate
from slate.assets import served_drift
from slate.assets.answer_files import answers_in, names
from slate.assets.answer_log import log_key
from slate.assets.audits import CHECK, audit_key
from slate.assets.forgetting.looked import Looked
from slate.cli.main import command
from slate.compile.project import write
from slate.deployment import Deployment, load
from slate.errors import DataError
from slate.exposures import exposures_folder
from slate.offline.audit import Audit
from slate.offline.causes import Cause
from slate.offline.warehouse import reading
from slate.online import EventWriter, FeatureClient, Publisher
from slate.online.serving.answer import Answer
from slate.online.serving.exposures import Exposure
from slate.online.store.generations import GenerationNames
from slate.online.store.redis_client import connect, open_store
from slate.online.store.stream_names import StreamNames
from slate.online.stream.workers.worker import Worker
from slate.orchestration.assembly import assemble
from slate.orchestration.forgetting import Forgetting
from slate.orchestration.runs import run_everything
from slate.quality import training_drift
from slate.subjects import Subjects
from tests.orchestration import small
from tests.orchestration.parsed import parse_once
from tests.orchestration.tried import EXPERIMENT
from tests.parity.landing import moment, write_landing
from tests.parity.scenarios import HOUR, MIDDAY

MINUTE = HOUR // 60
GUESTS = ["ann", "eve", "dan", "nobody"]
STAYS, LETTERS = "guest_stays.stays_1d", "guest_letters.letters_1d"
# Where there is something of a guest.
PLACES = {
    "store: frozen answers",
    "warehouse: raw.stays",
    "warehouse: raw.letters",
    "warehouse: raw.quarantine",
    "warehouse: main.stg_stays",
    "files: landing/stays",
    "files: landing/letters",
    "files: stream/stays",
    "files: log/welcome_v1",
    "files: log/exposures",
    "files: training/welcome_v1",
    "files: training/welcome_v2",
    "files: reports",
    "files: redis",
    "store: dead letters of stays",
    "store: stream stays",
    "store: logged answers",
    "store: guest_stays, rows",
    "store: guest_stays, what streams add",
    "store: guest_letters, rows",
}


def stay(number: int, arrival: int, guest: str = "ann") -> dict[str, Any]:
    return {
        "stay_id": f"s{number}",
        "event_ts": moment(arrival - MINUTE),
        "received_at": moment(arrival),
        "guest_id": guest,
    }


def letter(number: int, arrival: int) -> dict[str, Any]:
    row = stay(number, arrival)
    return {"letter_id": f"l{number}", **{k: v for k, v in row.items() if k != "stay_id"}}


class House:
    """A deployment whose answers are logged; its stays stream, its letters land."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.now = MIDDAY
        self.redis: Redis = connect(open_store(deployment)[0])
        source = deployment.registry.sources["stay"]
        self.writer = EventWriter.connect(deployment, source, now=lambda: self.now)
        self.client = FeatureClient.connect(deployment, timeout=5, refresh=0)
        self.worker = Worker(self.redis, deployment, flush=0, now=lambda: self.now)

    def stream(self, minute: int, *stays: tuple[int, str]) -> None:
        self.now = MIDDAY + minute * MINUTE
        self.writer.write([stay(number, self.now, guest) for number, guest in stays])

    def ask(self, request: str, minute: int) -> Answer:
        self.now = MIDDAY + minute * MINUTE
        return self.client.get(
            "welcome_v1", at=moment(self.now), request_id=request, guest_id=GUESTS
        )

    def row_of(self, view: str, guest: str) -> str:
        with Publisher.connect(self.deployment) as publisher:
            live = publisher.live(self.deployment.registry.views[view])
        assert live is not None
        names = GenerationNames(self.deployment.name, view)
        return f"{names.prefix(live.name)}{{{guest}}}"

    def close(self) -> None:
        self.client.close()
        self.writer.close()
        self.redis.close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One whose answers were logged, and of which more became known later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small.welcome, "logged", 1.0)
        deployment = small.place(tmp_path_factory.mktemp("audits"), "events")
        write(deployment.registry, deployment.dbt_project)
        parse_once(deployment)
        landing = deployment.landing
        write_landing(landing, small.Stay, [stay(n, MIDDAY - n * HOUR) for n in (1, 2, 3)])
        write_landing(landing, small.Letter, [letter(n, MIDDAY - n * HOUR) for n in (1, 2)])
        assert run_everything(replace(deployment, clock=moment(MIDDAY)))
        house = House(deployment)
        house.stream(5, (10, "ann"), (11, "eve"))
        house.worker.step()
        house.ask("usual", 10)
        house.stream(18, (12, "ann"))
        house.ask("unapplied", 20)
        house.worker.step()
        house.redis.delete(house.row_of("guest_letters", "ann"))
        house.ask("row deleted", 25)
        house.redis.set(house.row_of("guest_letters", "ann"), b"x" * 40)
        house.ask("row damaged", 26)
        house.now = MIDDAY + 2 * HOUR
        house.worker.step()
        house.close()
        # A letter of the hour after what is published, and a stay that comes hours too late.
        write_landing(landing, small.Letter, [letter(5, MIDDAY + 5 * MINUTE)])
        write_landing(landing, small.Stay, [stay(7, MIDDAY - 5 * HOUR, "dan")])
        assert run_everything(replace(deployment, clock=moment(MIDDAY + 2 * HOUR)))
        assert materialized(deployment, log_key).success
        yield deployment


def materialized(deployment: Deployment, key: Callable[[Any], dg.AssetKey]) -> Any:
    job = {log_key: "take_in_log", audit_key: "audit_log"}[key]
    with dg.DagsterInstance.ephemeral() as instance:
        found = assemble(deployment).resolve_job_def(job)
        return found.execute_in_process(instance=instance, raise_on_error=False)


def evaluations(found: Any) -> dict[str, Any]:
    """What the checks of a run found, by their names."""
    return {one.check_name: one for one in found.get_asset_check_evaluations()}


def log_of(deployment: Deployment) -> pa.Table:
    folder = deployment.answers / "welcome_v1"
    return pa.concat_tables(answers_in(folder, name) for name in names(folder))


def causes(deployment: Deployment, table: pa.Table) -> dict[tuple[str, str, str], Cause]:
    """What differences are due to, by request, guest and feature."""
    with reading(deployment) as connection:
        found = Audit(deployment, "welcome_v1", connection).of(table)
    return {(one.request_id, GUESTS[one.row], one.feature): one.cause for one in found.differences}


EXPECTED = {
    **{(request, "ann", LETTERS): Cause.GENERATION for request in ("usual", "unapplied")},
    **{
        (request, "dan", STAYS): Cause.LATE
        for request in ("usual", "unapplied", "row deleted", "row damaged")
    },
    ("unapplied", "ann", STAYS): Cause.BEHIND,
    ("row deleted", "ann", LETTERS): Cause.ROW_LOST,
    ("row damaged", "ann", LETTERS): Cause.NOT_KNOWN,
}


def test_each_difference_has_its_cause(deployment: Deployment) -> None:
    assert causes(deployment, log_of(deployment)) == EXPECTED


def test_what_the_warehouse_has_wrong_is_a_defect(deployment: Deployment, tmp_path: Path) -> None:
    """As after a wrong filter in generated SQL, or an hour that was left out."""
    shutil.copy(deployment.warehouse, tmp_path)
    elsewhere = replace(deployment, data=tmp_path)
    with duckdb.connect(elsewhere.warehouse) as connection:
        connection.execute("delete from guest_stays_tiles where guest_id = 'ann'")
    found = causes(elsewhere, log_of(deployment))
    assert (
        found.items()
        >= {(r, "ann", STAYS): Cause.WAREHOUSE for r in ("usual", "row deleted")}.items()
    )
    assert found[("unapplied", "dan", STAYS)] is Cause.LATE


def changed(table: pa.Table, column: str, to: Callable[[Any], Any]) -> pa.Table:
    """A log in which a column's values are others."""
    values = pa.array(
        [to(one) for one in table[column].to_pylist()], table.schema.field(column).type
    )
    return table.set_column(table.column_names.index(column), column, values)


def test_what_was_served_wrong_is_a_defect(deployment: Deployment) -> None:
    wrong = changed(log_of(deployment), STAYS, lambda value: value + 1)
    found = causes(deployment, wrong)
    # Of those that were right before, none has an excuse.
    assert {found[(r, "ann", STAYS)] for r in ("usual", "row damaged")} == {Cause.UNEXPLAINED}
    assert (
        found[("usual", "nobody", STAYS)] is Cause.ROW_LOST
        or found[("usual", "nobody", STAYS)] is Cause.UNEXPLAINED
    )
    assert all(cause.is_defect for (_, guest, name), cause in found.items() if guest == "eve")


def test_a_clock_that_goes_ahead_is_told(deployment: Deployment) -> None:
    ahead = changed(log_of(deployment), "stored_at", lambda _: moment(MIDDAY))
    assert {
        cause for key, cause in causes(deployment, ahead).items() if key[0] != "row damaged"
    } == {Cause.CLOCK}


def test_many_at_once_are_counted(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slate.offline.causes.LOOKED_INTO", 1)
    found = Counter(causes(deployment, log_of(deployment)).values())
    # Two are due to a generation, and one answer is looked into.
    assert found[Cause.UNEXAMINED] == len(EXPECTED) - 3


def test_what_former_definitions_logged_is_no_defect(deployment: Deployment) -> None:
    """Of a feature that there was not yet, of another type, or of what was defined otherwise."""
    logged = log_of(deployment)
    features = [feature.name for feature in deployment.registry.service("welcome_v1").features]
    earlier = logged.drop_columns([LETTERS])
    of_stays = {k: v for k, v in EXPECTED.items() if k[2] != LETTERS}
    assert causes(deployment, earlier) == of_stays
    with reading(deployment) as connection:
        found = Audit(deployment, "welcome_v1", connection).of(earlier)
    assert found.values == logged.num_rows * (len(features) - 1)
    words = pa.array(["many"] * logged.num_rows)
    place = logged.column_names.index(LETTERS)
    other = logged.set_column(place, LETTERS, words)
    assert causes(deployment, other) == of_stays
    wrong = changed(logged, STAYS, lambda value: value + 1)
    former = changed(wrong, "guest_stays:generation", lambda name: name and f"0{name[1:]}x")
    found_of = {k: v for k, v in causes(deployment, former).items() if k[2] == STAYS}
    assert set(found_of.values()) == {Cause.DEFINITION}


def test_a_view_that_changed_beside_a_feature_is_no_excuse_for_it(deployment: Deployment) -> None:
    """As where another feature was added to the view since."""
    logged = changed(log_of(deployment), "guest_stays:generation", lambda name: name and f"x{name}")
    assert causes(deployment, logged) == EXPECTED
    place = logged.column_names.index(STAYS)
    field, values = logged.schema.field(STAYS), logged[STAYS].to_pylist()
    wrong = logged.set_column(place, field, pa.array([value + 1 for value in values], field.type))
    assert causes(deployment, wrong)[("usual", "eve", STAYS)] is Cause.UNEXPLAINED
    former = field.with_metadata(dict.fromkeys(field.metadata, b"another"))
    found = causes(deployment, wrong.set_column(place, former, wrong[STAYS]))
    assert {cause for (_, _, name), cause in found.items() if name == STAYS} == {Cause.DEFINITION}


def test_a_late_event_and_a_stream_that_was_further_than_told(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Ann was served her stays of the last hours but two, which came late, and one of the stream.

    It had been applied for her, which was not told yet.
    """
    shutil.copy(deployment.warehouse, tmp_path)
    elsewhere = replace(deployment, data=tmp_path)
    with duckdb.connect(elsewhere.warehouse) as connection:
        connection.execute(
            """update raw.files set taken_in_at = timestamp '2100-01-01'
            where file in (select _file from raw.stays where stay_id in ('s1', 's2'))"""
        )
    logged = log_of(deployment)
    logged = logged.filter(pc.equal(logged["request_id"], "usual"))
    told = changed(logged, "guest_stays:known_until", lambda _: moment(MIDDAY + 4 * MINUTE))
    served = changed(told, STAYS, lambda value: value - 2 if value == 4 else value)
    assert causes(elsewhere, served)[("usual", "ann", STAYS)] is Cause.LATE


def test_what_a_landing_file_held_before_it_was_replaced_is_not_known(
    deployment: Deployment, tmp_path: Path
) -> None:
    shutil.copy(deployment.warehouse, tmp_path)
    elsewhere = replace(deployment, data=tmp_path)
    wrong = changed(log_of(deployment), STAYS, lambda value: value + 1)
    assert causes(elsewhere, wrong)[("usual", "eve", STAYS)] is Cause.UNEXPLAINED
    with duckdb.connect(elsewhere.warehouse) as connection:
        connection.execute(
            """update raw.files set replaced = true, taken_in_at = timestamp '2100-01-01'
            where source = 'stay'"""
        )
    found = causes(elsewhere, wrong)
    assert found[("usual", "eve", STAYS)] is Cause.LATE
    assert found[("row deleted", "ann", LETTERS)] is Cause.ROW_LOST


def test_answers_to_one_id_are_told_apart(deployment: Deployment) -> None:
    """The one was asked about the future, the other was not."""
    logged = log_of(deployment)
    ahead = changed(logged, "stored_at", lambda _: moment(MIDDAY))
    ahead = changed(ahead, "answered_at", lambda _: moment(MIDDAY))
    both = pa.concat_tables([ahead, logged])
    with reading(deployment) as connection:
        found = Audit(deployment, "welcome_v1", connection).of(both).differences
    of_late = [one.cause for one in found if one.request_id == "usual" and one.feature == STAYS]
    assert sorted(of_late) == [Cause.CLOCK, Cause.LATE]


def test_the_check_fails_for_defects_alone(deployment: Deployment) -> None:
    folder = deployment.answers / "welcome_v1"
    found = materialized(deployment, audit_key)
    # One of the causes is a row that was lost, which nobody may lose.
    check = evaluations(found)[CHECK]
    assert (check.check_name, check.passed) == (CHECK, False)
    assert "1 without an excuse: the first is guest_letters.letters_1d" in check.description
    assert (
        "slate trace welcome_v1 'row deleted' guest_letters.letters_1d --row 0" in check.description
    )
    (made,) = found.asset_materializations_for_node("audit__welcome_v1")
    told = {name: value.value for name, value in made.metadata.items()}
    assert (told["answers"], told["values"], told["differences"]) == (4, 32, len(EXPECTED))
    assert told["due to: late event"] == 4
    written = pa.concat_tables(map(pq.read_table, (folder / "differences").glob("*.parquet")))
    assert Counter(written["cause"].to_pylist()) == Counter(map(str, EXPECTED.values()))
    # What was audited is not audited again.
    again = materialized(deployment, audit_key)
    check = evaluations(again)[CHECK]
    assert check.passed
    assert check.metadata["values"].value == 0


def test_what_was_served_is_held_against_what_was_trained(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Guests are asked about of whom there is no training row, so what is served differs.
    monkeypatch.setattr(training_drift, "LEAST_VALUES", 1)
    service = deployment.registry.service("welcome_v1")
    for limit, passed in ((None, True), (0.01, False)):
        monkeypatch.setattr(service, "max_drift", limit)
        check = evaluations(materialized(deployment, audit_key))[served_drift.CHECK]
        assert check.passed is passed
        assert "16 rows served until" in check.description
        assert f"| {STAYS} |" in check.metadata["features"].value
        assert "| | trained | served |" in check.metadata["furthest apart"].value
    assert "features are further apart than 0.01" in check.description
    monkeypatch.setenv("SLATE_CONFIG", str(deployment.root / "slate.toml"))
    _, server = open_store(deployment)
    try:
        assert command(["status"]) == 1
        page = capsys.readouterr().out
        assert re.search(rf"welcome_v1 .* 16 .*{STAYS} ", page)
        assert "! welcome_v1: " in page
        assert "features are served otherwise than trained" in page
        assert command(["status", "--json"]) == 1
        (told,) = json.loads(capsys.readouterr().out)["served_against_trained"]
        assert max(told["psi"].values()) == round(check.metadata["greatest_psi"].value, 4)
    finally:
        if server is not None:
            server.stop()


def test_a_training_set_is_made_of_what_was_served(
    deployment: Deployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(deployment.root / "slate.toml"))

    def make(service: str, out: str, *given: str) -> int:
        options = ["--from", "log", "--out", str(tmp_path / out), *given]
        return command(["training", service, *options])

    assert make("welcome_v1", "all") == 0
    found = pq.read_table(tmp_path / "all")
    logged = log_of(deployment)
    made = pq.read_table(deployment.training / "welcome_v1" / "current")
    features = [feature.name for feature in deployment.registry.service("welcome_v1").features]
    assert found.num_rows == logged.num_rows == 16
    for name in ("request_id", "request_row", "guest_id", *features):
        assert found[name].equals(logged[name].cast(found.schema.field(name).type)), name
    assert found["event_ts"].equals(logged["asked_at"])
    for name in ("guest_id", "event_ts", *features):
        assert found.schema.field(name).type == made.schema.field(name).type, name
    since = f"{moment(MIDDAY + 20 * MINUTE):%Y-%m-%dT%H:%M}"
    assert make("welcome_v1", "later", "--since", since) == 0
    assert make("welcome_v1", "before", "--until", since) == 0
    ids = [set(pq.read_table(tmp_path / n)["request_id"].to_pylist()) for n in ("before", "later")]
    assert ids == [{"usual"}, {"unapplied", "row deleted", "row damaged"}]
    capsys.readouterr()
    assert make("welcome_v1", "none", "--since", "2030-01-01") == 1
    assert "is about an instant since 2030-01-01 00:00" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    # What a process left that was killed is no hindrance; what one writes is.
    unfinished = tmp_path / ".held.unfinished"
    unfinished.mkdir()
    (unfinished / "part-00007.parquet").write_text("half")
    held = os.open(unfinished, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert make("welcome_v1", "held") == 1
    assert "another process writes" in capsys.readouterr().err
    assert [path.name for path in unfinished.iterdir()] == ["part-00007.parquet"]
    os.close(held)
    assert make("welcome_v1", "held") == 0
    assert pq.read_table(tmp_path / "held").num_rows == 16
    assert not unfinished.exists()
    capsys.readouterr()
    assert make("welcome_v2", "none") == 1
    said = capsys.readouterr().err
    assert "answers of welcome_v2 are not logged (there is of welcome_v1): give it" in said
    assert command(["training", "welcome_v1", "--since", since]) == 2


def test_a_value_is_traced_to_its_events(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(deployment.root / "slate.toml"))

    def trace(*given: str) -> int:
        return command(["trace", "welcome_v1", *given])

    assert trace("unapplied", "stays_1d", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["served"], told["value"]["told"], told["cause"]) == (4, 5, "worker behind")
    assert told["value"]["keys"] == {"guest_id": "ann"}
    assert [event["id"] for event in told["value"]["events"]] == ["s12", "s10", "s1", "s2", "s3"]
    assert [event["surely_known"] for event in told["value"]["events"]] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert trace("usual", LETTERS) == 0
    text = capsys.readouterr().out
    assert "3, another value, due to: generation" in text
    assert re.search(r"l5 .* perhaps not known", text)
    assert "Count of Letter, in the last day" in text
    folder = deployment.answers / "welcome_v1"
    (name,) = names(folder)
    logged = answers_in(folder, name)
    usual = [index for index, one in enumerate(logged["request_id"].to_pylist()) if one == "usual"]
    later = changed(logged.take(usual), STAYS, lambda value: value + 7)
    later = changed(later, "answered_at", lambda at: at + timedelta(seconds=1))
    both = folder / f"{int(name.partition('-')[0]) + 1}-0.parquet"
    try:
        pq.write_table(pa.concat_tables([logged.take(usual), later]), both)
        assert trace("usual", STAYS, "--json") == 0
        told = capsys.readouterr()
        assert json.loads(told.out)["served"] == 4 + 7
        assert "2 answers to request 'usual' were logged: this is the last one" in told.err
        both.write_bytes(both.read_bytes()[:100])
        assert trace("usual", STAYS) == 1
        assert f"{both} cannot be read" in capsys.readouterr().err
    finally:
        both.unlink()
    # Of an instant that the warehouse does not know yet, what was served is told all the same.
    newer = changed(later, "asked_at", lambda at: at + timedelta(days=30))
    try:
        pq.write_table(newer, both)
        assert trace("usual", STAYS, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["served"], told["value"], told["cause"]) == (4 + 7, None, None)
        assert told["views"]["guest_stays"]["generation"]
        assert trace("usual", STAYS) == 0
        text = capsys.readouterr().out
        assert re.search(r"warehouse +not known yet", text)
        assert "request 'usual' asked about 2" in text
    finally:
        both.unlink()
    (folder / "mine.parquet").write_bytes(b"of somebody else")
    assert trace("usual", STAYS) == 0
    (folder / "mine.parquet").unlink()
    capsys.readouterr()
    assert trace("unheard", LETTERS) == 1
    assert "request 'unheard' is not in the log of welcome_v1" in capsys.readouterr().err
    assert trace("usual", "stays_2d") == 1
    assert "has no feature 'stays_2d'" in capsys.readouterr().err
    assert trace("usual", LETTERS, "--row", "9") == 1
    assert "the answer has the rows 0 to 3: 9 is none" in capsys.readouterr().err


def forgetting(house: House) -> Forgetting:
    address, server = open_store(house.deployment)
    subjects = Subjects.of(house.deployment.registry, [("guest_id", ["ann"])])
    return Forgetting(
        house.deployment, subjects, house.redis, address, server, print, lambda: house.now
    )


def expose(house: House, guest: str, arm: str, minute: int) -> None:
    """Tell the log that a guest was welcomed by an arm."""
    answer = house.client.get("welcome_v2", at=moment(MIDDAY + 2 * HOUR), guest_id=guest)
    answer.at, answer.request_id = moment(MIDDAY + minute * MINUTE), f"{guest} {minute}"
    (shown,) = [one for one in EXPERIMENT.arms if one.name == arm]
    service = house.deployment.registry.services["welcome_v2"]
    rows = np.arange(1)
    house.client.log_exposure(Exposure(EXPERIMENT, shown, guest, service, answer, rows, "1"))


def test_arms_are_compared_by_what_came_of_exposures(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = replace(deployment, rankings="tests.orchestration.tried", clock=None)
    house = House(tried)
    try:
        expose(house, "ann", "with_letters", 7)
        expose(house, "ann", "with_letters", 15)
        expose(house, "eve", "without", 2)
        expose(house, "dan", "without", 3)
        expose(house, "zoe", "without", 118)
        expose(house, "sue", "without", 8)
        expose(house, "sue", "with_letters", 9)
    finally:
        house.close()
    with dg.DagsterInstance.ephemeral() as instance:
        jobs = assemble(tried)
        for name in ("take_in_log", "compare_arms"):
            done = jobs.resolve_job_def(name).execute_in_process(instance=instance)
            assert done.success
        assert "log__exposures__letters" not in {
            node.name for node in jobs.resolve_job_def("build_warehouse").nodes
        }
    (made,) = done.asset_materializations_for_node("experiments__letters")
    told = {name: value.value for name, value in made.metadata.items()}
    assert told["exposures"] == 7
    assert (told["units of with_letters"], told["units of without"]) == (1, 3)
    # Of ann one stay came after her first exposure and within an hour, the one before does not
    # count; of eve one; of dan none. Zoe's hour is not over, and sue has had both.
    assert "| stays | with_letters | 1 | 1 |" in told["compared"]
    assert "| stays | without | 2 | 0.5 | -0.5 (-50.0%) |" in told["compared"]
    assert (
        "their time is not over, so these do not count yet: stays 1, letters 1"
        in (told["compared"])
    )
    assert "1 units were exposed to several arms" in told["compared"]
    assert Path(told["picture"]).read_text().startswith("<svg ")
    config = deployment.root / "slate.toml"
    monkeypatch.setenv("SLATE_CONFIG", str(config))
    assert command(["experiments"]) == 0
    assert "no ranking is an experiment" in capsys.readouterr().out
    text = config.read_text()
    config.write_text(text + 'rankings = "tests.orchestration.tried"\n')
    try:
        assert command(["experiments", "letters"]) == 0
        assert "without       2      0.5   -0.5 (-50.0%)" in capsys.readouterr().out
        assert command(["experiments", "lettres"]) == 1
        assert "no experiment 'lettres': did you mean 'letters'?" in capsys.readouterr().err
        damaged = exposures_folder(deployment, "letters") / "9.parquet"
        damaged.write_text("PAR1")
        assert command(["experiments", "letters"]) == 1
        assert "the exposures of letters cannot be read (" in capsys.readouterr().err
        damaged.unlink()
    finally:
        config.write_text(text)


def of_ann(looked: Iterable[Looked]) -> dict[str, int]:
    """What is found of her, by place."""
    looked = list(looked)
    assert not [one.unread for one in looked if one.unread]
    return {one.place: one.found for one in looked if one.found}


def test_somebody_is_forgotten_and_nobody_else(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Comes last: of ann the deployment has nothing then."""
    monkeypatch.setenv("SLATE_CONFIG", str(deployment.root / "slate.toml"))
    monkeypatch.setenv("SLATE_CLOCK", f"{moment(MIDDAY + 2 * HOUR):%Y-%m-%dT%H:%M:%S}")
    house = House(load())
    try:
        house.stream(125, (20, "ann"), (21, "eve"))
        house.worker.step()
        house.stream(126, (22, "ann"), (23, "dan"))
        others = house.ask("last", 128).to_dicts()[1:]
        service = house.deployment.registry.plan("welcome_v1").service
        with pytest.MonkeyPatch.context() as freezing:
            freezing.setattr(service, "frozen_us", 3_600_000_000)
            house.ask("frozen", 128)
        # What it has logged is in the store by its end.
        expose(house, "ann", "without", 128)
        house.client.close()
        house.client = FeatureClient.connect(house.deployment, timeout=5, refresh=0)
        with duckdb.connect(deployment.warehouse) as connection:
            refused = ["letter", 1, 0, None, "no id", '{"guest_id":"ann"}', None]
            connection.execute("insert into raw.quarantine values (?, ?, ?, ?, ?, ?, ?)", refused)
        letters = StreamNames(deployment.name, small.Stay).dead
        house.redis.xadd(letters, {"reason": "bad", "arrival": 1, "event": '{"guest_id": "ann"}'})
        report = deployment.reports / "old.html"
        report.write_text("<td>ann</td><td>anna</td>")
        house.worker.leave()
        assert command(["forget", "guest_id=ann", "--dry-run", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        before = {one["place"]: one["found"] for one in told["places"] if one["found"]}
        assert told["found"] == sum(before.values())
        assert before.keys() >= PLACES, PLACES - before.keys()
        # A third of the stays, and all letters, are hers.
        assert command(["accept", "guest_stays", "guest_letters", "--because", "forgotten"]) == 0
        one = forgetting(house)
        # A preview would keep what is hers.
        review = deployment.preview("review").data
        review.mkdir(parents=True)
        with pytest.raises(DataError, match="review: previews have what production had"):
            one.run()
        unread = [why for looked in one.search() for why in looked.unread]
        assert unread == ["the preview review has what production had: `slate env remove review`"]
        with pytest.raises(DataError, match="review is a preview, and its landing files are"):
            replace(one, deployment=deployment.preview("review")).run()
        review.rmdir()
        # Killed after its first steps, it is done again from the beginning.
        one._take_in()
        one._folder.take_out()
        assert one.run()
        found = one.search()
        assert of_ann(found) == {}
        # Who was served before may have been served what followed from her.
        more = changed(log_of(house.deployment), STAYS, lambda value: value + 1)
        assert causes(house.deployment, more)[("usual", "eve", STAYS)] is Cause.FORGOTTEN
        assert {looked.place for looked in found} >= {"files: redis", "warehouse: raw.stays"}
        assert report.read_text() == "<td>[forgotten]</td><td>anna</td>"
        again = house.ask("after", 128).to_dicts()
        # Of dan a stay had waited then.
        others[1][STAYS] += 1
        assert again[1:] == others
        assert again[0][STAYS] == again[0][LETTERS] == 0
        exposures = pq.read_table(deployment.answers / "exposures" / "letters")
        assert set(exposures["guest_id"].to_pylist()) == {"eve", "dan", "sue", "zoe"}
        rows = pq.read_table(deployment.training / "welcome_v1" / "current")
        assert set(rows["guest_id"].to_pylist()) == {"eve", "dan"}
        assert len(list((deployment.training / "welcome_v1" / "versions").iterdir())) == 1
        # Offline and online agree on those who are left, and on her.
        asked = pa.table({"guest_id": GUESTS, "event_ts": [moment(MIDDAY + 2 * HOUR - 1)] * 4})
        history = slate.history("welcome_v1", asked, deployment=house.deployment)
        at = moment(MIDDAY + 2 * HOUR - 1)
        served = house.client.get("welcome_v1", at=at, guest_id=GUESTS).to_dicts()
        for name in (STAYS, LETTERS):
            assert history[name].to_pylist() == [row[name] for row in served]
        assert command(["forget", "guest_id=nobody at all", "--dry-run"]) == 0
        assert "of guest_id=nobody at all nothing was found" in capsys.readouterr().out
        assert command(["forget", "guest=ann"]) == 1
        assert "no entity has the key 'guest': did you mean 'guest_id'?" in capsys.readouterr().err
    finally:
        house.close()
