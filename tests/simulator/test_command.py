import subprocess
import sys
from pathlib import Path

import pytest

from live_shopping.simulator.__main__ import main

SMALL = ["--days=1", "--events=500", "--viewers=100", "--sellers=20", "--end=2026-11-22T09"]


def test_the_command_tells_what_it_wrote_and_then_that_nothing_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*SMALL, f"--data={tmp_path}"]

    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "24 hours, 2026-11-21 09:00 to 2026-11-22 09:00 UTC" in out
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "events",
        "impressions",
        "viewer_accounts",
        "seller_accounts",
        "show_listings",
        "orders",
        "order_outcomes",
    ]
    assert "24/24 hours" in err

    assert main(command) == 0
    assert "nothing to do" in capsys.readouterr().out

    assert main([*command, "--seed=8"]) == 1
    assert "seed was 7, now 8" in capsys.readouterr().err


@pytest.mark.process
def test_the_data_directory_comes_from_the_environment(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "live_shopping.simulator", *SMALL],
        check=True,
        capture_output=True,
        env={"SLATE_DATA": str(tmp_path / "elsewhere"), "PYTHONPATH": ":".join(sys.path)},
    )
    assert (tmp_path / "elsewhere" / "landing" / "events").is_dir()
