"""What a run says of itself last, and what its page in Dagster shows of a failure."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from slate.assets.database import Warehouse
from slate.assets.failures import explained
from slate.errors import DataError, HeldBackError
from slate.offline import warehouse as warehouse_file
from slate.orchestration.console import console
from slate.orchestration.outcomes import alarms, told
from tests.orchestration.bikes import BIKES

ROOT = Path(__file__).parents[2]
REASON = "landing/events/09.parquet is damaged: write it again"


@dg.asset(check_specs=[dg.AssetCheckSpec("drift", asset="sound")])
def sound() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(check_name="drift", passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(check_specs=[dg.AssetCheckSpec("files", asset="short")])
def short() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(check_name="files", passed=False, description="09.parquet is cut")


@dg.asset
@explained
def damaged() -> Iterator[dg.MaterializeResult[None]]:
    yield dg.MaterializeResult()
    raise DataError(REASON)


@dg.asset
def checked() -> None:
    pass


@dg.asset_check(asset=checked)
@explained
def expectations() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        description="price is at least 0; 3 of the rows are otherwise\n\nkind is one of a, b",
        metadata={"report": dg.MetadataValue.path("reports/latest/checked.html")},
    )


@dg.asset(deps=[checked])
@explained
def published() -> None:
    raise HeldBackError("checked did not pass its check, and is held back")


@dg.asset(deps=[damaged])
def skipped() -> None:
    pass


@dataclass(frozen=True)
class Told:
    """A run, and the lines that it printed."""

    result: dg.ExecuteInProcessResult
    lines: list[str]


@pytest.fixture(scope="module")
def run() -> Told:
    definitions = dg.Definitions(
        [sound, short, damaged, checked, published, skipped],
        asset_checks=[expectations],
        loggers={"console": console},
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    with redirect_stderr(StringIO()) as printed:
        result = job.execute_in_process(
            run_config={"loggers": {"console": {}}}, raise_on_error=False
        )
    return Told(result, printed.getvalue().splitlines())


def test_a_failed_run_ends_with_its_reasons(run: Told) -> None:
    first, *reasons, missing, last = told(run.result).splitlines()
    assert first == "the run failed:"
    assert sorted(reasons) == [
        "  checked, check expectations: price is at least 0; 3 of the rows are otherwise; "
        "kind is one of a, b (report: reports/latest/checked.html)",
        f"  damaged: {REASON}",
    ]
    assert missing == "  not made, so what was there before stays: published, skipped"
    assert last == "  `slate ui` shows it step by step"


def test_the_page_of_a_run_shows_the_reason(run: Told) -> None:
    (event,) = [e for e in run.result.all_events if e.is_step_failure and e.step_key == "damaged"]
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    assert failure.description == REASON
    assert failure.metadata["kind"].value == "DataError"


def test_a_run_that_succeeded_ends_with_what_is_wrong_all_the_same() -> None:
    good = dg.materialize([sound])
    assert (good.success, alarms(good)) == (True, "")
    found = dg.materialize([sound, short])
    assert found.success
    assert alarms(found).splitlines() == [
        "the run succeeded, but:",
        "  short, check files: 09.parquet is cut",
    ]


def test_what_holds_nothing_back_is_a_warning(run: Told) -> None:
    said = [line.split("s  ", 1)[1] for line in run.lines if "check " in line]
    assert sorted(" ".join(line.split()) for line in said) == [
        "checked_expectations check expectations FAILED: what depends on it is held back",
        "short check files FAILED; the run goes on",
        "sound check drift warns; nothing is held back for it",
    ]


def test_no_line_of_a_run_is_a_stack_trace(run: Told) -> None:
    assert [line for line in run.lines if REASON in line]
    assert not [line for line in run.lines if "Traceback" in line or "\x1b" in line]


def overwritten(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 4_096)


@pytest.mark.parametrize(
    ("damage", "opens"),
    [
        (lambda path: path.write_bytes(b"not a database" * 999), False),
        (lambda path: path.write_bytes(b""), False),
        (lambda path: path.write_bytes(path.read_bytes()[:20_000]), False),
        (lambda path: overwritten(path, 4_096), False),
        (lambda path: overwritten(path, 12_288), True),
    ],
    ids=["other", "empty", "cut", "head", "rows"],
)
def test_a_damaged_warehouse_is_told_of_at_once(
    tmp_path: Path, damage: Callable[[Path], object], opens: bool
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table numbers as from range(200_000)")
    damage(path)
    warehouse = Warehouse(database=str(path))

    def read() -> None:
        with warehouse.get_connection() as connection:
            assert opens
            connection.execute("select sum(range) from numbers").fetchall()

    began = time.monotonic()
    with pytest.raises(DataError, match=f"the warehouse {path} is damaged .*: move it away"):
        read()
    assert time.monotonic() - began < 5


def test_what_needs_more_memory_than_the_warehouse_may_take_goes_to_disk_or_is_told_of(
    tmp_path: Path,
) -> None:
    path = tmp_path / "warehouse.duckdb"
    warehouse = Warehouse(database=str(path), memory="100MB")
    texts = "select md5(i::varchar) || md5((-i)::varchar) as text from range(2_000_000) r(i)"
    with warehouse.get_connection() as connection:
        connection.execute(f"create table sorted as {texts} order by text")
        used = connection.execute("select current_setting('temp_directory')").fetchone()
        assert used == (f"{path}.tmp",)
    with (
        pytest.raises(DataError, match=r"needs more memory than it may take.*SLATE_MEMORY") as told,
        warehouse.get_connection() as connection,
    ):
        connection.execute(f"select list(text) from ({texts})").fetchone()
    assert "\n" not in str(told.value)


def test_dbt_may_take_as_much_memory_as_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATE_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    # Of the two deployments one is asked, as all else in their profiles is the same.
    one, other = (folder / "dbt_project/profiles.yml" for folder in (ROOT, BIKES))
    assert one.read_text().splitlines()[1:] == other.read_text().splitlines()[1:]
    shutil.copy(one, tmp_path)
    (tmp_path / "dbt_project.yml").write_text("name: small\nprofile: live_shopping\n")

    def limit() -> str:
        asked = "select current_setting('memory_limit') as is_limited_to"
        shown = subprocess.run(
            ["dbt", "--quiet", "show", "--inline", asked, "--output", "json",
             "--project-dir", tmp_path, "--profiles-dir", tmp_path],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        (row,) = json.loads(shown.stdout)["show"]
        return str(row["is_limited_to"])

    with Warehouse(database=str(tmp_path / "other.duckdb")).get_connection() as connection:
        half = connection.execute("select current_setting('memory_limit')").fetchone()
    assert (limit(),) == half
    monkeypatch.setenv("SLATE_MEMORY", "3GiB")
    assert limit() == "3.0 GiB"


def test_a_warehouse_that_another_process_has_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_file, "LOCK_SECONDS", 0.0)
    path = tmp_path / "warehouse.duckdb"
    code = f"import duckdb\nheld = duckdb.connect({str(path)!r})\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        warehouse = Warehouse(database=str(path))
        with (
            pytest.raises(DataError, match=f"another process has the warehouse {path} open"),
            warehouse.get_connection(),
        ):
            pass
        other.communicate(b"\n")
