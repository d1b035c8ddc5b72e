"""`slate` as the shell knows it: help, exit codes, pipes, interrupts."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from slate.cli.main import INTERRUPTED, PIPE_CLOSED, command
from tests.cli.conftest import BIKES, Slate

ROOT = Path(__file__).parents[2]
SLATE = (sys.executable, "-m", "slate.cli.main")
COMMANDS = ("check", "compile", "list", "describe", "explain", "query", "training", "run", "ui")
COMMANDS += ("init", "load", "lock", "plan")
HEAVY = {"dagster", "dbt", "duckdb", "great_expectations"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    settings = {"SLATE_CONFIG": str(BIKES / "slate.toml"), "SLATE_DATA": str(tmp_path / "data")}
    return {**os.environ, **settings, "PYTHONPATH": str(ROOT)}


def run(command: Sequence[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_names_every_command_and_loads_nothing_heavy(environment: dict[str, str]) -> None:
    script = (
        "import sys\nfrom slate.cli.main import command\n"
        "try:\n    command(['--help'])\n"
        f"finally:\n    print(*{HEAVY} & sys.modules.keys(), file=sys.stderr)"
    )
    helped = run([sys.executable, "-c", script], environment)
    assert helped.returncode == 0
    for name in COMMANDS:
        assert f"\n    {name} " in helped.stdout
    assert not helped.stderr.split()


def test_looking_up_loads_nothing_heavy(environment: dict[str, str]) -> None:
    script = (
        "import sys\nfrom slate.cli.main import command\n"
        "for line in ['list', 'describe station_moves', 'explain bike_choice',\n"
        "             'query station_outlook station_id=1 expected=2']:\n"
        "    assert command(line.split()) == 0\n"
        f"print(*{HEAVY} & sys.modules.keys(), file=sys.stderr)"
    )
    done = run([sys.executable, "-W", "error", "-c", script], environment)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("list", "extra"),
        ("describe",),
        ("query", "station_outlook"),
        ("query", "station_outlook", "station_id"),
        ("query", "station_outlook", "=7"),
        ("query", "station_outlook", "station_id=7", "--at", "noon"),
        ("ui", "--port", "65536"),
    ],
)
def test_a_wrong_command_line_is_refused(slate: Slate, arguments: tuple[str, ...]) -> None:
    refused = slate(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("usage: slate")


def test_a_wrong_command_line_exits_with_2(environment: dict[str, str]) -> None:
    refused = run([*SLATE, "lst"], environment)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("usage: slate")


def test_what_is_wrong_is_told_in_one_line_and_exits_with_1(environment: dict[str, str]) -> None:
    failed = run([*SLATE, "explain", "bike_choise"], environment)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr == (
        "slate: there is no service 'bike_choise': did you mean 'bike_choice'?\n"
    )


def test_a_deployment_that_is_missing_exits_with_1(
    environment: dict[str, str], tmp_path: Path
) -> None:
    missing = tmp_path / "nowhere.toml"
    failed = run([*SLATE, "check"], {**environment, "SLATE_CONFIG": str(missing)})
    assert failed.returncode == 1
    assert failed.stderr == (f"slate: {missing} does not exist: set SLATE_CONFIG to a slate.toml\n")


def test_a_pipe_gets_plain_text(environment: dict[str, str]) -> None:
    done = run([*SLATE, "list"], environment)
    assert done.returncode == 0
    assert done.stdout.startswith("entities\n")
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_error(environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as pipe:
        done = subprocess.run(
            [*SLATE, "list"], env=environment, stdout=pipe, stderr=subprocess.PIPE, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == PIPE_CLOSED
    assert done.stderr == b""


def shell(line: str, environment: dict[str, str], **more: str) -> tuple[int, str, str]:
    """How a command ended that a shell gave its outputs."""
    words = f"{shlex.quote(sys.executable)} -m slate.cli.main {line}"
    done = run(["sh", "-c", words], {**environment, **more})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("arguments", ["list", "--help", "describe station_moves"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_is_told(
    environment: dict[str, str], arguments: str, unbuffered: str
) -> None:
    line = f"{arguments} > /dev/full"
    assert shell(line, environment, PYTHONUNBUFFERED=unbuffered) == (
        1,
        "",
        "slate: standard output cannot be written (No space left on device), so not all of it is "
        "there: make room, or let it go elsewhere\n",
    )


def test_an_output_that_is_closed_is_told(environment: dict[str, str]) -> None:
    code, _, told = shell("list >&-", environment)
    assert (code, told.startswith("slate: standard output is closed, and what")) == (1, True)
    assert shell("list >&- 2>&-", environment)[0] == 1


@pytest.mark.parametrize("way", ["2>&-", "2>/dev/full"])
def test_nobody_has_to_be_told_what_is_wrong(environment: dict[str, str], way: str) -> None:
    """Nor does what goes to standard error end up among the data."""
    code, out, _ = shell(f"list {way}", environment)
    assert (code, out.startswith("entities\n")) == (0, True)
    assert shell(f"explain bike_choise {way}", environment)[:2] == (1, "")
    assert shell(f"ingest move - {way} <&-", environment)[:2] == (0, "")


def test_a_store_that_is_not_there_is_told_of_in_one_line(environment: dict[str, str]) -> None:
    lost = {"SLATE_REDIS": "redis://127.0.0.1:1", "SLATE_CONFIG": str(ROOT / "slate.toml")}
    failed = run([*SLATE, "live", "--plain", "--seconds", "1"], {**environment, **lost})
    assert failed.returncode == 1
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("slate: ")]
    assert line.startswith("slate: the online store fails (")
    assert "Traceback" not in failed.stderr


def test_an_interrupt_exits_with_130(environment: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "slate.toml"
    os.mkfifo(config)
    command = subprocess.Popen(
        [*SLATE, "list"], env={**environment, "SLATE_CONFIG": str(config)}, stderr=subprocess.PIPE
    )
    # It opens its configuration, and so runs; but there is nothing to read yet.
    with config.open("w"):
        time.sleep(0.1)
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=60)
    assert command.returncode == INTERRUPTED
    assert told == b"interrupted\n"


def test_another_pipe_than_its_output_that_is_closed_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        reads, writes = os.pipe()
        os.close(reads)
        try:
            os.write(writes, b"x")
        finally:
            os.close(writes)

    monkeypatch.delenv("SLATE_ENV", raising=False)
    monkeypatch.setattr("slate.cli.list.run", fail)
    assert command(["list"]) == 1
    assert "has closed the connection ([Errno 32] Broken pipe)" in capfd.readouterr().err
