"""One key, without Enter: where there is a keyboard, q ends what waits."""

import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STANDARD_INPUT = 0
QUIT = b"qQ"
# A signal does not cut the wait for a key short.
SLICE = 0.1


def has_keyboard() -> bool:
    """Whether what is typed at a terminal comes to us, and not to what runs in the foreground."""
    try:
        return os.tcgetpgrp(STANDARD_INPUT) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def keyboard(stop: threading.Event) -> Iterator[Callable[[float], object]]:
    """Take keys as they are typed, until this is left.

    Args:
        stop: set when q is typed.

    Yields:
        What waits for so many seconds, or until ``stop`` is set.
    """
    if not has_keyboard():
        yield stop.wait
        return
    before = termios.tcgetattr(STANDARD_INPUT)

    def pause(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not stop.is_set():
            if not select.select([STANDARD_INPUT], [], [], min(left, SLICE))[0]:
                continue
            typed = os.read(STANDARD_INPUT, 64)
            if any(key in QUIT for key in typed):
                stop.set()
            elif not typed:
                # Nobody is at the terminal any more.
                stop.wait(left)

    try:
        tty.setcbreak(STANDARD_INPUT)
        yield pause
    finally:
        termios.tcsetattr(STANDARD_INPUT, termios.TCSADRAIN, before)
