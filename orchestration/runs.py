"""Running the whole chain from a terminal, as a run that the UI shows like any other."""

import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from slate.assets.dbt_project import parse_if_changed
from slate.assets.hours import is_over
from slate.assets.interrupts import deaf
from slate.assets.landing_files import EXPECTED, landed, landing_sources
from slate.assets.publish_step import TOGETHER, WHOLE
from slate.deployment import Deployment
from slate.errors import DataError, SlateError
from slate.orchestration.assembly import assemble
from slate.orchestration.home import prepare_home, write_history_quickly
from slate.orchestration.interrupts import interrupts
from slate.orchestration.outcomes import alarms, told
from slate.orchestration.own_assets import own_assets
from slate.processes import is_there

# The tag of a run from a terminal: its process.
PROCESS = "slate/process"


def run_everything(
    deployment: Deployment,
    together: Collection[str] = (),
    landing: Callable[[], None] | None = None,
    began: float | None = None,
) -> bool:
    """Run the whole chain for what landed since the last run, in this process.

    Args:
        deployment: the deployment.
        together: the names of views that go live together or not at all; others do so as far as
            they pass their checks.
        landing: where files land meanwhile, waits until they have: called when all is loaded that
            needs none of them.
        began: since when the seconds count that its lines tell, as ``time.monotonic`` has it; by
            default since its first step.

    Returns:
        Whether all of it succeeded; what failed has been told.

    Raises:
        ConfigurationError: dbt cannot parse its project.
        DataError: nothing has landed yet, or the data folder cannot be written.
        KeyboardInterrupt: it was interrupted; the run is marked as canceled.
    """
    if landing is None:
        _require_landed(deployment)
    with _refusals_of_the_disk(deployment):
        prepare_home(deployment)
        write_history_quickly()
        parse_if_changed(deployment)
    if landing is not None:
        # What the deployment's own assets load, as for a model, takes seconds too.
        own_assets(deployment)
        landing()
        _require_landed(deployment)
    with _refusals_of_the_disk(deployment):
        return _run_whole(deployment, together, began)


def _run_whole(deployment: Deployment, together: Collection[str], began: float | None) -> bool:
    lines = {} if began is None else {"config": {"began": began}}
    job = assemble(deployment).resolve_job_def(WHOLE)
    with dg.DagsterInstance.get() as instance:
        _end_killed_runs(instance)
        _copy_output_undisturbed(instance)
        with interrupts() as interrupted:
            result = job.execute_in_process(
                run_config={"loggers": {"console": lines}},
                instance=instance,
                tags=_tags(together),
                raise_on_error=False,
            )
            if not result.success and interrupted():
                instance.report_run_canceled(result.dagster_run, "it was interrupted")
                raise KeyboardInterrupt
        if said := alarms(result) if result.success else told(result):
            sys.stderr.write(f"slate: {said}\n")
        return result.success


def _tags(together: Collection[str]) -> dict[str, str]:
    tags = {PROCESS: str(os.getpid())}
    return tags | ({TOGETHER: ",".join(sorted(together))} if together else {})


@contextmanager
def _refusals_of_the_disk(deployment: Deployment) -> Iterator[None]:
    """Tell of a data folder that cannot be written, where Dagster's history is the first to notice.

    Raises:
        DataError: it cannot.
    """
    try:
        yield
    except SlateError:
        raise
    except Exception as error:
        reason: BaseException | None = error
        while reason is not None and not _is_refusal(reason, deployment.data):
            reason = reason.__cause__ or reason.__context__
        if reason is None:
            raise
        raise DataError(
            f"{deployment.data} cannot be written ({reason}): see that its disk has room and lets "
            "this user write, then run again; what was done by then stays"
        ) from error


def _is_refusal(error: BaseException, data: Path) -> bool:
    """Whether an error is of the disk that the data folder is on; other files have their own."""
    if isinstance(error, sqlite3.Error):
        return True
    if not isinstance(error, OSError):
        return False
    named = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if name]
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return full or any(path.is_relative_to(data) for path in named)


def _copy_output_undisturbed(instance: dg.DagsterInstance) -> None:
    """Let what Dagster starts to copy a run's output be deaf to interrupts.

    An interrupt typed at a terminal goes to every process there. These would end with a traceback,
    and take with them what the run has yet to say; Dagster ends them itself when the run has ended.
    """
    manager: Any = instance.compute_log_manager
    capture = manager.capture_logs

    @contextmanager
    def capture_undisturbed(log_key: Sequence[str]) -> Iterator[Any]:
        with ExitStack() as captured:
            with deaf():
                context = captured.enter_context(capture(log_key))
            yield context

    manager.capture_logs = capture_undisturbed


def _end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Tell Dagster of the runs whose process was killed: it takes them for running ever since."""
    begun = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    for run in begun:
        if PROCESS in run.tags and not is_there(int(run.tags[PROCESS])):
            instance.report_run_canceled(run, "its process was killed")


def _require_landed(deployment: Deployment) -> None:
    found = [landed(deployment.landing, s) for s in landing_sources(deployment.registry)]
    if found and not any(is_over(deployment, hour) for source in found for hour in source.hours):
        misnamed = ", ".join(name for source in found for name in source.misnamed[:1])
        raise DataError(
            f"nothing has landed in {deployment.landing} of an hour that is over: load a file by "
            f"`slate load`, or write landing files there first ({EXPECTED})"
            + (f"; other names are not taken in, such as {misnamed}" if misnamed else "")
        )
