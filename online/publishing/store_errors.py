"""Failures of the store, as what a publisher tells."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import OutOfMemoryError, RedisError

from slate.errors import StoreError

# What to do where a publish finds the store full, and where what is there is changed alone.
_PUBLISH = (
    "what was written is deleted again, and what was live stays so: give it room for two "
    "generations of each view more than are kept beside the live one"
)
_CHANGE = (
    "what is live stays so: give it room, or make some by deleting generations that are not needed "
    "(`slate generations --clean --keep N`), and do this again"
)


@contextmanager
def store_errors(doing: str, *, writes: bool = True) -> Iterator[None]:
    """Tell of a store that fails as a ``StoreError``.

    Args:
        doing: what is being done.
        writes: whether rows are written with it, which are deleted again where that fails.

    Raises:
        StoreError: it does.
    """
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreError(
            f"{doing}: the online store is full ({error}); {_PUBLISH if writes else _CHANGE}"
        ) from error
    except (RedisError, OSError) as error:
        raise StoreError(f"{doing}: the online store fails: {error}") from error
