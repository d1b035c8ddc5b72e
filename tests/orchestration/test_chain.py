"""The whole chain, run after run, from landing files to training sets and the online store.

Each stage of the story goes on from the one before it: first, late, broken, mended. That what was
held back goes out, and what was changed is built anew, runs of smaller deployments show too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from slate.assets.manifests import Manifest
from slate.assets.publishing import published_tables
from slate.compile.model_names import tiles_model, training_model
from slate.deployment import Deployment
from slate.identifiers import RAW_TABLES
from slate.offline.forgotten import FORGOTTEN
from slate.online import FeatureClient, Generation, Publisher
from slate.orchestration.assembly import assemble
from slate.orchestration.runs import run_everything
from slate.quality.validations import validate
from tests.orchestration.bikes import SEED, happenings, ran, renamed
from tests.orchestration.outcomes import (
    Run,
    Table,
    generations,
    ledger,
    manifests,
    query,
    runs,
    tables,
    unlike,
    wrong_current,
    wrong_online,
    wrong_training,
)
from tests.parity.landing import moment
from tests.parity.scenarios import MIDDAY

# Hours of arrival around midday of what comes late.
LATE = (-20, -16)
# What crews, that are swapped with it, add up to.
ODD = -77_777
PROMISED = "crew is at least 0"
# Of the hour after all others, which holds nothing back that is known.
UNREADABLE = Path("moves/2026-03-11/00-broken.parquet")
# Which hold back what is made of their sources, and nothing else.
CUT = [Path("checkups/2026-03-10/05-cut.parquet"), Path("bike_changes/2026-03-10/07-cut.parquet")]


@dataclass(frozen=True)
class Stage:
    """How things stand after a stage's runs.

    Attributes:
        deployment: the deployment.
        landed: the paths of its landing files by source.
        rows: how many rows they have.
        success: whether each run succeeded.
        runs: what Dagster knows of them, the newest first.
        ledger: how many rows it counts, and how many of them were refused.
        tables: the warehouse's.
        training: the training sets.
        live: the live generations by view.
        wrong_training, wrong_current, wrong_online: what the oracle says otherwise, where all
            runs succeeded.
    """

    deployment: Deployment
    landed: dict[str, list[Path]]
    rows: int
    success: tuple[bool, ...]
    runs: list[Run]
    ledger: tuple[int, int]
    tables: dict[str, Table]
    training: dict[str, tuple[Path, Manifest]]
    live: dict[str, Generation]
    wrong_training: list[str]
    wrong_current: list[str]
    wrong_online: list[str]


class Story:
    """A deployment whose store is held, and who asks it."""

    def __init__(self, folder: Path) -> None:
        self.deployment, self.landing = ran(folder)
        self._publisher = Publisher.connect(self.deployment)
        self._client = FeatureClient.connect(self.deployment, timeout=5, refresh=0, near=False)

    def close(self) -> None:
        self._client.close()
        self._publisher.close()

    def land_damaged(self, path: Path) -> None:
        """Land a file that cannot be read."""
        file = self.deployment.landing / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"no Parquet")

    def swap_crews(self) -> None:
        """Replace the newest file of depots: crews that can be by such as cannot, or these back."""
        path, rows = list(self.landing.files["depot_change"].items())[-1]
        self.landing.replace(
            "depot_change", path, [{**row, "crew": ODD - row["crew"]} for row in rows]
        )

    def change_model(self, text: str, other: str) -> None:
        """Change the hand-written model of riders."""
        file = self.deployment.dbt_project / "models/features/rider_profile.sql"
        before = file.read_text()
        assert text in before
        file.write_text(before.replace(text, other))

    def live(self) -> dict[str, Generation]:
        """The live generation of each view."""
        return generations(self.deployment, self._publisher)

    def run(self) -> Stage:
        return self.stage(run_everything(self.deployment))

    def stage(self, *success: bool) -> Stage:
        sources, judged = self.landing.sources, all(success)
        return Stage(
            self.deployment,
            {name: list(files) for name, files in self.landing.files.items()},
            self.landing.rows,
            success,
            runs(self.deployment, len(success)),
            ledger(self.deployment),
            tables(self.deployment),
            manifests(self.deployment),
            self.live(),
            wrong_training(self.deployment, sources) if judged else [],
            wrong_current(self.deployment, sources) if judged else [],
            wrong_online(self.deployment, self._client, sources) if judged else [],
        )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    story = Story(tmp_path_factory.mktemp("story") / "bikes")
    yield story
    story.close()


@pytest.fixture(scope="module")
def first(story: Story) -> Stage:
    """Everything, from nothing, in a copy of where it ran."""
    return story.stage(True)


@pytest.fixture(scope="module")
def late(story: Story, first: Stage) -> Stage:
    """After late files for old hours, replaced files, and one that is none."""
    registry, landing = story.deployment.registry, story.landing
    landing.write(renamed(registry, happenings(registry, SEED + 1, *LATE), every=4), "-late")
    for name in ("move", "offer"):
        path = list(landing.files[name])[10]
        landing.replace(name, path, landing.files[name][path][1::2])
    story.land_damaged(UNREADABLE)
    return story.run()


@pytest.fixture(scope="module")
def broken(story: Story, late: Stage) -> Stage:
    """A file is replaced by one that says what cannot be, and two are cut short."""
    for path in CUT:
        story.land_damaged(path)
    story.swap_crews()
    return story.run()


@pytest.fixture(scope="module")
def mended(story: Story, broken: Stage) -> Stage:
    """The file is as it was, the two are set aside, and a model is written in other words."""
    for path in CUT:
        file = story.deployment.landing / path
        file.rename(file.with_suffix(".parquet.bad"))
    story.swap_crews()
    story.change_model("favourite\n", "if(true, favourite, 'moon') as favourite\n")
    return story.run()


def test_the_first_run_succeeds(first: Stage) -> None:
    assert first.success == (True,)
    assert first.runs[0].made("online") == set(first.deployment.registry.views)
    assert first.runs[0].made("training") == set(first.training)
    assert {check.passed for check in first.runs[0].checks.values()} == {True}


@pytest.mark.parametrize(
    "stage", ["first", "late", pytest.param("mended", marks=pytest.mark.thorough)]
)
def test_training_sets_and_lookups_are_what_the_oracle_says(
    stage: str, request: pytest.FixtureRequest
) -> None:
    found: Stage = request.getfixturevalue(stage)
    assert found.wrong_training == []
    assert found.wrong_current == []
    assert found.wrong_online == []


def test_every_row_is_taken_in_or_refused(first: Stage, late: Stage) -> None:
    for stage in (first, late):
        assert stage.ledger == (stage.rows, 0)


def test_no_landing_folder_can_have_the_name_of_a_table_of_slates_own(first: Stage) -> None:
    with duckdb.connect(first.deployment.warehouse, read_only=True) as connection:
        found = connection.sql("select table_name from duckdb_tables() where schema_name = 'raw'")
        held = {name for (name,) in found.fetchall()}
    landing = {source.landing for source in first.deployment.registry.sources.values()}
    assert held - landing == RAW_TABLES - {FORGOTTEN}


def test_assets_tell_what_was_done(first: Stage) -> None:
    (run,) = first.runs
    rows = {}
    for source in first.deployment.registry.sources.values():
        told = run.metadata("raw", source.landing)
        assert told["rows_per_second"] == pytest.approx(
            told["rows_taken_in"] / told["seconds"], rel=0.1, abs=1
        )
        assert (told["rows_quarantined"], told["files_known"]) == (0, 0)
        assert told["rows_taken_in"] == told["dagster/row_count"]
        rows[source.name] = told["dagster/row_count"]
    assert sum(rows.values()) == first.rows
    repeats = {
        source.name: run.metadata(source.model)["rows_repeated"]
        for source in first.deployment.registry.sources.values()
    }
    assert max(repeats.values()) > 0
    for source in first.deployment.registry.sources.values():
        assert repeats[source.name] == rows[source.name] - len(first.tables[source.model])
    for name, table in first.tables.items():
        assert run.metadata(name)["dagster/row_count"] == len(table)
    for view, generation in first.live.items():
        told = run.metadata("online", view)
        assert (told["generation"], told["dagster/row_count"], told["bytes"]) == (
            generation.name,
            generation.rows,
            generation.size,
        )
        assert told["seconds"] > 0
    for service, (path, manifest) in first.training.items():
        told = run.metadata("training", service)
        assert Path(told["path"]).parts[-2:] == (path.parents[1].name, "current")
        assert (told["dagster/row_count"], told["days"]) == (manifest.rows, len(manifest.days))
        assert (told["rows_written"], told["days_written"]) == (manifest.rows, len(manifest.days))


def test_column_lineage_goes_back_to_what_landed(first: Stage) -> None:
    """From a column of a training set, step by step."""
    (run,) = first.runs
    key, column = dg.AssetKey(["training", "bike_choice_v2"]), "rider_rides.metres_30d"
    passed = []
    while key.path[0] != "raw":
        passed.append(key.path[-1])
        lineage = run.materialized[key][-1].metadata["dagster/column_lineage"].value
        assert isinstance(lineage, dg.TableColumnLineage)
        dep = next(d for d in lineage.deps_by_column[column] if d.column_name != "kind")
        key, column = dep.asset_key, dep.column_name
    assert (passed[0], passed[-1]) == ("bike_choice_v2", "stg_moves")
    assert (key.path, column) == (["raw", "moves"], "metres")


def test_every_hour_that_has_files_is_a_partition(first: Stage) -> None:
    for name, source in first.deployment.registry.sources.items():
        events = first.runs[0].materialized[dg.AssetKey(["raw", source.landing])]
        landed = [f"{path.parent.name}-{path.stem}:00" for path in first.landed[name]]
        assert [event.partition for event in events] == [*sorted(landed), None]


def test_what_came_late_is_taken_in(late: Stage) -> None:
    (run,) = late.runs
    assert late.success == (True,)
    for name, source in late.deployment.registry.sources.items():
        files = [path for path in late.landed[name] if "-late" in path.name]
        wanted = len(files) + (name in ("move", "offer"))
        assert run.metadata("raw", source.landing)["files_taken_in"] == wanted, name


def test_what_came_late_changes_only_what_came_after(first: Stage, late: Stage) -> None:
    registry, changed = late.deployment.registry, unlike(first.tables, late.tables)
    assert {"stg_moves", "station_moves_tiles", "station_moves_current"} <= set(changed)
    arrivals = {source.model: source.arrival_time for source in registry.sources.values()}
    arrivals |= {
        training_model(service): service.spine.arrival_time
        for service in registry.services.values()
    }
    arrivals |= {tiles_model(v): "arrived_hour" for v in registry.views.values() if v.windowed}
    start = (moment(MIDDAY) + timedelta(hours=LATE[0])).replace(tzinfo=None)
    for name, arrival in arrivals.items():
        before, after = (
            [row for row in tables[name] if row[arrival] < start]
            for tables in (first.tables, late.tables)
        )
        assert before == after, name


def test_a_good_run_publishes_what_is_not_live_already(first: Stage, late: Stage) -> None:
    views = late.deployment.registry.views
    for view, generation in late.live.items():
        names = published_tables(views[view])
        before, after = ({name: stage.tables[name] for name in names} for stage in (first, late))
        # A stream is told of new files also where the rows stay the same.
        if unlike(before, after) or generation.taken_in != first.live[view].taken_in:
            assert generation.previous is not None
            assert generation.previous.name == first.live[view].name != generation.name
        else:
            assert generation == first.live[view]
        assert generation.as_of == first.live[view].as_of
        assert late.runs[0].metadata("online", view)["generation"] == generation.name


@pytest.mark.thorough
def test_what_was_built_by_hours_is_what_is_built_at_once(late: Stage, mended: Stage) -> None:
    assert mended.success == (True,)
    # What was set aside is newer than what was taken in before it.
    assert unlike(late.tables, mended.tables) in ([], ["streamed_until"])


def test_a_file_that_cannot_be_read_is_told_of(late: Stage) -> None:
    told = late.runs[0].metadata("raw", "moves")
    assert (told["files_unread"], told["rows_quarantined"]) == (1, 0)


def test_a_view_that_fails_its_check_is_held_back(late: Stage, broken: Stage) -> None:
    assert broken.success == (False,)
    (run,) = broken.runs
    failed = [
        key.path[-1]
        for key, check in run.checks.items()
        # A view as of an earlier hour may differ from the last good one, and warns.
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    assert failed == ["depot_profile_current"]
    assert broken.live["depot_profile"] == late.live["depot_profile"]
    assert broken.training["bike_choice_v2"] == late.training["bike_choice_v2"]


def test_all_else_goes_on(late: Stage, broken: Stage) -> None:
    (run,) = broken.runs
    others = broken.live.keys() - {"depot_profile"}
    assert run.made("online") == others
    assert run.made("training") == {"station_outlook_v1"}
    written = {view for view in others if broken.live[view].name != late.live[view].name}
    assert written == {"bike_health", "bike_profile"}, "of the others nothing changed"


def test_what_cannot_be_known_is_as_of_the_hour_before(late: Stage, broken: Stage) -> None:
    held = {"bike_health": 5, "bike_profile": 7}
    for view in broken.live.keys() - {"depot_profile"}:
        as_of = late.live[view].as_of
        expected = as_of.replace(hour=held[view], day=10) if view in held else as_of
        assert broken.live[view].as_of == expected, view
    before, after = (
        [row["offered_at"] for row in s.tables["bike_choice_v2"]] for s in (late, broken)
    )
    limit = datetime(2026, 3, 10, 5)
    assert max(before) > limit
    assert sorted(after) == sorted(at for at in before if at <= limit)


@pytest.mark.parametrize(
    ("stage", "unread"), [("broken", 1), pytest.param("mended", 0, marks=pytest.mark.thorough)]
)
def test_files_that_cannot_be_read_are_told_of_until_they_are_set_aside(
    stage: str, unread: int, request: pytest.FixtureRequest
) -> None:
    (run,) = request.getfixturevalue(stage).runs
    for path in CUT:
        assert run.metadata("raw", path.parts[0])["files_unread"] == unread


def test_the_check_shows_the_rows_that_failed(broken: Stage) -> None:
    check = broken.runs[0].checks[dg.AssetKey("depot_profile_current")]
    told = {name: value.value for name, value in check.metadata.items()}
    rows = [row for row in broken.tables["depot_profile_current"] if row["crew"] < 0]
    assert (told["failed"], check.severity) == (1, dg.AssetCheckSeverity.ERROR)
    assert check.description is not None
    assert check.description.startswith(PROMISED)
    header, _, *shown = str(told["failing_rows"]).splitlines()
    found = [dict(zip(header.split(" | "), row.split(" | "), strict=True)) for row in shown]
    assert (
        [(one["depot"], one["crew"]) for one in found]
        == [(row["depot"], str(row["crew"])) for row in rows]
        != []
    )
    assert PROMISED in str(told["result"])
    assert PROMISED in Path(str(told["report"])).read_text()


def test_the_catalogue_tells_what_was_held_back(broken: Stage) -> None:
    """It is written at the end of a run, also of one that failed."""
    check = broken.runs[0].checks[dg.AssetKey("depot_profile_current")]
    page = Path(str(check.metadata["catalogue"].value)).read_text()
    assert "1 held back" in page
    assert PROMISED in page
    crews = [row["crew"] for row in broken.tables["depot_profile_current"] if row["crew"] < 0]
    assert crews
    assert not [crew for crew in crews if str(crew) in page], "these rows the report shows"


@pytest.mark.thorough
def test_the_next_good_run_has_all_of_it_live(late: Stage, mended: Stage) -> None:
    for view in ("depot_profile", "rider_profile"):
        assert mended.live[view].name == late.live[view].name
    assert mended.live["bike_health"].previous is not None
    assert mended.live["bike_health"].as_of == late.live["bike_health"].as_of
    assert mended.runs[0].made("online") == set(mended.live)
    assert mended.runs[0].made("training") == set(mended.training)


@pytest.mark.thorough
def test_a_changed_model_is_built_anew_for_all_hours(late: Stage, mended: Stage) -> None:
    """Also what stands upon it: every day of its training set is written again."""
    path, manifest = mended.training["bike_choice_v2"]
    assert path != late.training["bike_choice_v2"][0]
    told = mended.runs[0].metadata("training", "bike_choice_v2")
    assert told["days_written"] == len(manifest.days)


@pytest.mark.thorough
def test_what_a_change_does_not_touch_is_not_built_anew(mended: Stage) -> None:
    newest = "select anew from raw.builds order by built_at desc limit 1"
    ((anew,),) = query(mended.deployment, newest)
    assert {"rider_profile", "rider_profile_current", "bike_choice_v2"} <= set(anew)
    # Training rows are joined of what was built with them.
    assert "offer__station_moves__by_bike_profile_station_id" in anew
    assert not {"stg_moves", "station_moves_tiles", "station_moves_current"} & set(anew)
    assert "station_outlook_v1" not in anew


def test_a_run_leaves_nothing_behind_in_the_dbt_project(broken: Stage) -> None:
    left = sorted(path.name for path in broken.deployment.dbt_project.glob("target/*-*/"))
    assert left == []


def test_what_is_checked_is_what_is_published(story: Story, first: Stage) -> None:
    """A fault in the published tables alone fails the check, and they do not go out with it."""
    before, view = story.live(), story.deployment.registry.view("station_moves")
    with duckdb.connect(story.deployment.warehouse) as connection:
        connection.execute("update station_moves_online_tiles set taken__n = -taken__n")
        validation = validate(view, connection)
    assert ("taken_36h",) in {failed.expectation.columns for failed in validation.failed}
    assert not validation.success
    job = assemble(story.deployment).resolve_job_def("publish_online")
    with dg.DagsterInstance.from_config(str(story.deployment.data / "dagster")) as instance:
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    live = story.live()
    # One is still held back where the broken file was not mended.
    unchanged = {name for name in live if live[name] == before[name]} - {"depot_profile"}
    assert unchanged == {"station_moves"}, "all else went out again, as it was checked"
