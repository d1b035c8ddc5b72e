"""Every error that Slate raises on purpose.

::

    SlateError
    ├── DefinitionError        a definition is wrong; raised at import
    │   └── UnknownNameError   a name that does not exist; an AttributeError too
    ├── ConfigurationError     slate.toml, or what it points to, is wrong
    ├── RequestError           a lookup asks for what cannot be answered
    ├── StoreError             the online store cannot be read or written
    │   └── StreamFullError    workers are too far behind for more events
    ├── MissingPackageError    what is asked for needs a package; an ImportError too
    ├── ClosedError            a client or writer is used after its end
    └── DataError              landing, warehouse or training data cannot be used as they are
        └── HeldBackError      what a view's tables hold did not pass its check

Each message says what is wrong, where, and what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class SlateError(Exception):
    """The base of all errors that Slate raises on purpose."""


class DefinitionError(SlateError):
    """A definition is wrong. The message names the definition and the mend."""


class UnknownNameError(DefinitionError, AttributeError):
    """A definition refers to a name that does not exist."""


class ConfigurationError(SlateError):
    """The deployment's configuration, or what it points to, is wrong."""


class RequestError(SlateError):
    """A lookup asks for something that cannot be answered."""


class StoreError(SlateError):
    """The online store cannot be read or written."""


class MissingPackageError(SlateError, ImportError):
    """What is asked for needs a package that is not installed."""


class ClosedError(SlateError):
    """A client or writer is used after it was closed, or on another event loop than before."""


class StreamFullError(StoreError):
    """A stream holds as many events as may wait to be applied.

    Args:
        stream: its name in the store.
        pending: how many of its events wait.
        limit: how many may.
        written: how many events of the same write had been written before.
    """

    def __init__(self, stream: str, pending: int, limit: int, written: int = 0) -> None:
        super().__init__(
            f"the stream {stream} is full: {pending:,} of its events wait to be applied, and "
            f"{limit:,} may; {written:,} of these events were written. Write them all again later "
            "(ids tell which were written), or give write(..., wait=seconds); if this goes on, "
            "see that workers run, and start more of them"
        )
        self.stream = stream
        self.pending = pending
        self.limit = limit
        self.written = written


class DataError(SlateError):
    """Landing files, warehouse tables or training sets cannot be used as they are."""


class HeldBackError(DataError):
    """What a view's tables hold now did not pass its check, so it does not go out."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint that ends an "unknown name" message.

    Examples:
        >>> nearest("tap", ["taps", "orders"])
        "did you mean 'taps'?"
        >>> nearest("xyz", ["taps", "orders"])
        'known: orders, taps'
    """
    names = sorted(known)
    if (near := close(name, names)) is not None:
        return f"did you mean {near!r}?"
    return "known: " + (", ".join(names) or "none")


def close(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like another, if one is like it at all.

    Examples:
        >>> close("sub_total", ["subtotal", "total"])
        'subtotal'
    """
    names = sorted(known)
    # To one that is far longer none is close, and to find that out takes long.
    comparable = len(name) <= 4 * max(map(len, names), default=0)
    found = get_close_matches(name, names, n=1, cutoff=0.6) if comparable else []
    return found[0] if found else None


def unknown(where: str, name: str, known: list[str]) -> UnknownNameError:
    """The error for a reference to a name that a definition lacks."""
    return UnknownNameError(f"{where} has no {name!r}: {nearest(name, known)}")
