"""Processes that tests start, or find: whether they run."""

import subprocess
from contextlib import suppress
from pathlib import Path


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    if Path("/proc/self").exists():
        with suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    asked = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")
