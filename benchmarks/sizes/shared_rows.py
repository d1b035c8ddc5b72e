"""Near rows that one process keeps for all, beside those that each keeps: memory and CPU of each.

Each process asks a few times a second for some of the rows.
"""

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import quantiles
from benchmarks.sizes.latency import LOADING, TIMEOUT, require_equal, require_loaded
from benchmarks.sizes.near_rows import SERVICE, VIEW, publish, requests, ten
from benchmarks.sizes.processes import (
    CONTEXT,
    PATIENT,
    Cpu,
    memory_is_told,
    proportional,
    resident,
    warm,
)
from slate.online import FeatureClient
from slate.online.near.near_views import keep

# The seconds between a process's requests.
EVERY = 0.1
# How many different requests there are.
DIFFERENT = 20
# As `slate serve` does: files in memory.
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Process:
    """What one process takes.

    Attributes:
        keeps: whether it keeps rows for others.
        proportional: its memory in MB, of what is shared its share.
        resident: its memory in MB, with all that is shared.
        cpu: in percent of a core.
        p50: the median of its requests in milliseconds; NaN of one that asks nothing.
    """

    keeps: bool
    proportional: float
    resident: float
    cpu: float
    p50: float


@dataclass(frozen=True)
class Processes:
    """What processes take that read the same near rows.

    Attributes:
        number: how many read.
        own: where each keeps them.
        shared: where one more process keeps them for all.
    """

    number: int
    own: list[Process]
    shared: list[Process]


def by_processes(
    address: str, rows: int, numbers: Sequence[int], seconds: float
) -> list[Processes]:
    """Ever more processes that read so many near rows."""
    if not memory_is_told():
        print("\nshared near rows: not measured, as only Linux tells what memory a process shares")
        return []
    publish(address, rows)
    print(
        f"\n{rows:,} near rows, kept by each process and shared by all, asked for every "
        f"{EVERY * 1_000:.0f} ms: memory (of what is shared its share; resident), CPU"
    )
    _tell("none, read from the store", _run(address, rows, 1, False, seconds))
    found = []
    for number in numbers:
        own = _run(address, rows, number, True, seconds)
        _tell(f"{number}, each its own", own)
        with tempfile.TemporaryDirectory(prefix="slate-near-", dir=MEMORY) as folder:
            shared = _run(address, rows, number, Path(folder), seconds)
        _tell(f"{number}, shared", shared)
        found.append(Processes(number, own, shared))
    return found


def _tell(what: str, processes: Sequence[Process]) -> None:
    """Print what some processes take."""
    total = sum(one.proportional for one in processes)
    told = [f"{total:6,.0f} MB and {sum(one.cpu for one in processes):5.1f} % of a core in all"]
    for keeps in (False, True):
        some = [one for one in processes if one.keeps is keeps]
        if some:
            memory, held, cpu, p50 = np.mean(
                [(one.proportional, one.resident, one.cpu, one.p50) for one in some], axis=0
            )
            who = "the keeper" if keeps else "each"
            asked = "" if keeps else f", p50 {p50:.2f} ms"
            told.append(f"{who} {memory:,.0f} MB ({held:,.0f}), {cpu:.1f} %{asked}")
    print(f"  {what:<26} {'; '.join(told)}", flush=True)


def _run(address: str, rows: int, number: int, near: bool | Path, seconds: float) -> list[Process]:
    """What processes take that read near rows, and the one that keeps them for all."""
    folder = near if isinstance(near, Path) else None
    meeting, told = CONTEXT.Barrier(number + (folder is not None)), CONTEXT.Queue()
    asking = (address, rows, near, seconds, meeting, told)
    running: list[BaseProcess] = [
        CONTEXT.Process(target=_read, args=asking, daemon=True) for _ in range(number)
    ]
    if folder is not None:
        keeping = (address, folder, seconds, meeting, told)
        running.append(CONTEXT.Process(target=_keep, args=keeping, daemon=True))
    for process in running:
        process.start()
    found = [told.get(timeout=PATIENT) for _ in running]
    for process in running:
        process.join()
    return found


def _read(
    address: str, rows: int, near: bool | Path, seconds: float, meeting: Any, told: Any
) -> None:
    """Ask for some rows now and then."""
    warm()
    of, asked = ten(address), list(requests(rows, DIFFERENT))
    with FeatureClient.connect(of, timeout=TIMEOUT, near=near) as client:
        require_loaded(client.wait_until_near(LOADING))
        client.get(SERVICE, item_id=asked[0])
        meeting.wait(PATIENT)
        cpu, taken, until = Cpu(), list[float](), time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            client.get(SERVICE, item_id=asked[len(taken) % DIFFERENT]).matrix()
            taken.append(time.perf_counter() - began)
            time.sleep(max(EVERY - taken[-1], 0))
        found = Process(False, proportional(), resident(), cpu.percent, quantiles(taken)[0])
        # What is shared counts for all who are there.
        meeting.wait(PATIENT)
        if near:
            with FeatureClient.connect(of, timeout=TIMEOUT, near=False) as store:
                one, other = (each.get(SERVICE, item_id=asked[0]) for each in (client, store))
                require_equal(one, other, VIEW.name)
        meeting.wait(PATIENT)
    told.put(found)


def _keep(address: str, folder: Path, seconds: float, meeting: Any, told: Any) -> None:
    """Keep the rows for others."""
    warm()
    keeper = keep(ten(address), address, folder)
    # Those who read have waited for it.
    meeting.wait(PATIENT)
    cpu = Cpu()
    time.sleep(seconds)
    found = Process(True, proportional(), resident(), cpu.percent, math.nan)
    meeting.wait(PATIENT)
    meeting.wait(PATIENT)
    keeper.close()
    told.put(found)
