"""The demonstration's landing files, brought up to now in a process of its own.

To load Dagster and to read dbt's project takes as long, and waits for none of them.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import IO

from slate.cli.demo import demo
from slate.cli.text import Say
from slate.deployment import Deployment, load
from slate.errors import DataError, SlateError


@contextmanager
def preparing(deployment: Deployment, say: Say) -> Iterator[Callable[[], None]]:
    """Let the deployment's demonstration prepare while this process does other things.

    Args:
        deployment: the deployment, which has a demonstration; its process loads the same by the
            environment that ``processes.prepare`` made.
        say: tells of its progress.

    Yields:
        What waits until it is done, and raises a DataError if it failed, which has been told.
        Where it is not waited for, it ends with the context.
    """
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        # What is typed at a terminal goes to this process alone, which then ends that one.
        start_new_session=True,
    ) as process:
        teller = Thread(target=_tell, args=(process.stdout, say), daemon=True)
        teller.start()

        def wait() -> None:
            teller.join()
            if process.wait():
                raise DataError(
                    f"the demonstration {deployment.demo} could not bring its landing files up to "
                    "now; what it says of it is above"
                )

        try:
            yield wait
        finally:
            process.terminate()
            teller.join()


def _tell(lines: IO[str], say: Say) -> None:
    for line in lines:
        say(line.rstrip("\n"))


def _end_with_parent() -> None:
    # Of a process that was killed nobody ends what it started; but its end of the pipe is closed.
    sys.stdin.read()
    os._exit(1)


def _main() -> int:
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        deployment = load()
        if (shown := demo(deployment)) is not None:
            shown.prepare(deployment, lambda text: print(text, flush=True))
    except SlateError as error:
        print(f"slate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
