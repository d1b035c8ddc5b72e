"""Work in processes of its own, and what memory and CPU they take."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

T = TypeVar("T")

CONTEXT = multiprocessing.get_context("spawn")
# The seconds within which a process answers.
PATIENT = 900.0

_STATUS, _ROLLUP = Path("/proc/self/status"), Path("/proc/self/smaps_rollup")


def memory_is_told() -> bool:
    """Whether this system tells what memory a process has: Linux does."""
    return _ROLLUP.exists()


def resident(peak: bool = False) -> float:
    """The memory that this process has, or had at most, in MB; NaN where that is not told."""
    return _megabytes(_STATUS, "VmHWM:" if peak else "VmRSS:")


def proportional() -> float:
    """The same, of what is shared its share alone, in MB; NaN where that is not told."""
    return _megabytes(_ROLLUP, "Pss:")


def _megabytes(path: Path, name: str) -> float:
    if not path.exists():
        return float("nan")
    return int(path.read_text().split(name)[1].split()[0]) / 1_000


def warm() -> None:
    """Have pyarrow import now what it does with its first array: pandas, where that is there."""
    pa.array([""])


class Cpu:
    """The CPU that all threads of this process take from now on."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    @property
    def percent(self) -> float:
        """Of one core."""
        return 100 * (time.process_time() - self._cpu) / (time.perf_counter() - self._began)


def alone(work: Callable[..., T], *arguments: Any) -> T:
    """What a function gives in a process of its own."""
    with CONTEXT.Pool(1) as pool:
        return pool.apply_async(work, arguments).get(PATIENT)
