"""How a step that fails tells why: by its reason, where the UI and the terminal show it first."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import dagster as dg

from slate.errors import SlateError

Step = TypeVar("Step", bound=Callable[..., Any])


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
