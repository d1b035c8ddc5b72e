"""How a step that fails tells why: by its reason, where the UI and the terminal show it first."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import dagster as dg
from dagster_dbt import DbtCliInvocation

from slate.errors import DataError, SlateError
from slate.offline.warehouse import known_failure

Step = TypeVar("Step", bound=Callable[..., Any])

_FAILED = ("error", "fail", "runtime error")
_SHOWN = 5


def explained(step: Step) -> Step:
    """Let a step end with the message of Slate's error that it fails with, not a stack trace.

    What fails otherwise is a fault of Slate's, and keeps its trace.
    """
    if inspect.isgeneratorfunction(step):

        @wraps(step)
        def iterate(*given: Any, **named: Any) -> Iterator[Any]:
            with _explained():
                yield from step(*given, **named)

        return cast(Step, iterate)

    @wraps(step)
    def run(*given: Any, **named: Any) -> Any:
        with _explained():
            return step(*given, **named)

    return cast(Step, run)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except SlateError as error:
        raise dg.Failure(str(error), {"kind": type(error).__name__}, allow_retries=False) from None


def dbt_failure(invocation: DbtCliInvocation, warehouse: Path, error: Exception) -> DataError:
    """What dbt could not build, or did not let pass, in its own words.

    Args:
        invocation: the run of dbt, which has ended.
        warehouse: the DuckDB file.
        error: what was raised of it.
    """
    try:
        results = invocation.get_artifact("run_results.json")["results"]
    except FileNotFoundError:
        return DataError(f"dbt ended before it built anything: {error}")
    failed = [
        (result["unique_id"].split(".")[2], " ".join(str(result["message"]).split()))
        for result in results
        if result["status"] in _FAILED
    ]
    for _, message in failed:
        if (known := known_failure(warehouse, message)) is not None:
            return DataError(known)
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    told = "; ".join(f"{name}: {message}" for name, message in failed[:_SHOWN])
    return DataError(
        f"dbt failed on {told}{more}. What depends on it is not built; fix the model, or the data "
        "that it is about, and run again"
    )
