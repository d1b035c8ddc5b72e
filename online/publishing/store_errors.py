"""Failures of the store, as what a publisher tells."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import OutOfMemoryError, RedisError

from slate.errors import StoreError


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Tell of a store that fails as a ``StoreError``.

    Args:
        doing: what is being done.

    Raises:
        StoreError: it does.
    """
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreError(
            f"{doing}: the online store is full ({error}); what was written is deleted again, and "
            "what was live stays so: give it room for two generations of each view more than are "
            "kept beside the live one"
        ) from error
    except (RedisError, OSError) as error:
        raise StoreError(f"{doing}: the online store fails: {error}") from error
