"""What all tests share: which start processes, and which only `make test-all` runs."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import depth, warm_dbt
from tests.made_once import keep_in

# These machines are small and busy: how long an example takes says nothing.
settings.register_profile("slate", deadline=None)
settings.load_profile("slate")

# Whole folders of tests that do, and fixtures that start a store or run dbt.
FOLDERS = {"cli", "orchestration"}
FIXTURES = {"server", "project", "cluster"}
# Those that take longest come first: one that began last would be waited for alone.
LONG = (
    "orchestration/test_chain",
    "parity/test_streamed",
    "orchestration/test_streams",
    "parity",
    "orchestration",
    "examples",
    "cli",
    "history",
)
STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"}

_forbidden = False

# A shell starts what runs in the background deaf to interrupts; what a test starts must hear them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run the tests that are marked thorough too, and draw more examples in others",
    )


def pytest_configure(config: pytest.Config) -> None:
    depth.choose(config.getoption("--thorough"))


@pytest.fixture(scope="session", autouse=True)
def _shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the processes of a run share what is made once: the folder around each one's own.

    And find the commands of this environment, of which dbt is loaded once too.
    """
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    keep_in(shared)
    found = [warm_dbt.program(shared / "bin"), Path(sys.executable).parent]
    path = [str(folder) for folder in found if folder is not None]
    os.environ["PATH"] = os.pathsep.join([*path, os.environ.get("PATH", os.defpath)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts a process by its folder or its fixtures; the rest is marked by hand."""
    if not config.getoption("--thorough"):
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
    items.sort(key=_place)
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if item.path.parent.name in FOLDERS or FIXTURES & names:
            item.add_marker(pytest.mark.process)


def _place(item: pytest.Item) -> int:
    """How early a test's file comes: the others keep their order."""
    folder = item.path.parent.name
    names = (f"{folder}/{item.path.stem}", folder)
    return min((LONG.index(name) for name in names if name in LONG), default=len(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold a test that is not marked to it."""
    global _forbidden
    _forbidden = item.get_closest_marker("process") is None
    try:
        return (yield)
    finally:
        _forbidden = False


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if _forbidden and event in STARTS:
        raise AssertionError(
            "this test starts a process: mark it with @pytest.mark.process, so that "
            "`make test-fast` leaves it out"
        )


sys.addaudithook(_refuse)
