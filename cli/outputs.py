"""Standard output and error of a command: there from its start, and written to its end."""

import contextlib
import io
import os
import select
import sys
from typing import Any, TextIO

CLOSED = (
    "slate: standard output is closed, and what this command prints would be lost: let it go "
    "somewhere, be it to /dev/null"
)


def require_outputs() -> None:
    """Refuse to begin where standard output is closed; a closed error output tells nobody anything.

    What is opened later would take their places, be it a file of data.

    Raises:
        SystemExit: standard output is closed.
    """
    for number, mode in ((0, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w")  # noqa: SIM115
    if sys.stdout is None:
        print(CLOSED, file=sys.stderr)
        sys.exit(1)
    sys.stdout = _text(_Printed(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Told(2, "w", closefd=False), sys.stderr)


class _Printed(io.FileIO):
    """Standard output, which knows what failed: an error alone does not tell of which file it is.

    Attributes:
        why: why something could not be written; None where all was.
    """

    why: str | None = None

    def write(self, data: Any, /) -> int:
        """Write, as a file does."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.why = error.strerror
            raise


class _Told(io.FileIO):
    """Standard error: that a disk is full, on which a log lies, ends nothing that goes on."""

    def write(self, data: Any, /) -> int:
        """Write, as far as that is possible."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return len(data)


def _text(raw: io.FileIO, like: Any) -> io.TextIOWrapper:
    """A file as text, as another one is."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )


def has_no_reader(output: TextIO) -> bool:
    """Whether an output is a pipe, or the like, whose other end is closed."""
    poll = select.poll()
    poll.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def why_not_written() -> str | None:
    """Why some of what was printed could not be written; None where all of it was."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.why if isinstance(raw, _Printed) else None


def let_go(output: TextIO) -> None:
    """Let what is still buffered go nowhere, so that nothing fails by it again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output.fileno())
    os.close(nowhere)


def write_out() -> None:
    """Write what is left of both outputs, as far as that is possible."""
    for output in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            output.flush()
