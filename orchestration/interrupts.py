"""Interrupts while others handle the signals.

Dagster takes an interrupt for a failure of the step that it comes in, DuckDB for one of its query.
Python notes each signal that it is sent beside all that.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_INTERRUPTS = {signal.SIGINT, signal.SIGTERM}
_MOST = 4_096


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Watch for interrupts, in the main thread.

    Yields:
        What tells whether there was one since it was asked before.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def interrupted() -> bool:
        try:
            return not _INTERRUPTS.isdisjoint(os.read(reader, _MOST))
        except BlockingIOError:
            return False

    try:
        yield interrupted
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
