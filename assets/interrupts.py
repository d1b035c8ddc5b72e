"""Interrupts while another process works for this one."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deaf() -> Iterator[None]:
    """A process that is started meanwhile is deaf to what is typed at a terminal.

    That goes to every process there. This one hears it a little later.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End a process where there is an interrupt, and raise that when all of its output was read.

    Raised at once, it would leave the process running, with the files that it writes.

    Raises:
        DagsterExecutionInterruptedError: there was an interrupt.
    """
    if threading.current_thread() is not threading.main_thread():  # it is not sent any
        yield
        return
    heard = []

    def end(number: int, _: FrameType | None) -> None:
        heard.append(number)
        process.terminate()

    before = {number: signal.signal(number, end) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        raise dg.DagsterExecutionInterruptedError
