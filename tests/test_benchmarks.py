"""Each benchmark measures to its end, at its smallest: commands that nobody else would run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECONDS = 600


@pytest.mark.process
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ("damage --trials 50", r"damage: trials=50 wrong_unflagged=0 exceptions=0"),
        ("engine --rounds 5 --seconds 1", r"engine: streamed=50000 rows=2000 .* floor_ratio=.*"),
        ("faults --seconds 5", r"availability: requests=\d+ .* wrong=0 lost=0 doubled=0"),
        (
            "freshness --rates 200 --seconds 8 --backlog 5000 --soak 5",
            r"soak: events=\d+ seconds=5",
        ),
        ("logged --rounds 20", r"logged: share=0\.1 requests=20 .* lost=0"),
        ("parity --compared 5000 --http", r"parity: compared=\d+ mismatched=0.*"),
        ("server --seconds 1 --long 1", r"server: arrow_p50_ms=.* errors=0"),
        ("training --events 20000 --rows 2000", r"training: rows=2000 features=155 .*"),
    ],
)
def test_it_ends_with_its_figures(arguments: str, last: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", *f"benchmarks.{arguments}".split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.strip().splitlines()
    assert re.fullmatch(last, lines[-1]), ran.stdout
