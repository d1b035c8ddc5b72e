"""The bounds of what one event or one request may bring, the same wherever it comes from.

What is longer is a fault of whoever sends it: it would be kept, sent and looked up with every key
for years. An event that exceeds a bound is refused with the reason, a request is a
``RequestError`` before anything is sent. Lengths are bytes of UTF-8.
"""

from slate.errors import ConfigurationError

# A key of an entity, and an event's unique id.
KEY_BYTES = 1_024
# Any other text: a column of an event, an attribute, an input of a request.
TEXT_BYTES = 65_536
# The rows of one request; a deployment that ranks more says so with `connect(max_rows=...)`.
REQUEST_ROWS = 50_000
# The best rows of a ranking: where nothing is said, and at most.
RANKED_ROWS, MOST_RANKED_ROWS = 50, 10_000

# A float of an event: so that no sum of such, nor of their squares, leaves what a double holds, in
# whatever order.
LARGEST = 1e100

# How many seconds a client may wait: more, as in ``inf``, are none that a socket takes.
LONGEST = 1_000_000


def too_long(limit: int) -> str:
    """Why a text of more bytes is refused, in the words of both ways in."""
    return f"longer than {limit:,} bytes"


def check_timeout(timeout: float) -> None:
    """Refuse a timeout that is not a time.

    Raises:
        ConfigurationError: it is 0 or less, too long, or not a number.
    """
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not (number and 0 < timeout <= LONGEST):
        raise ConfigurationError(
            f"timeout={timeout!r}: give seconds, more than 0 and {LONGEST:,} at most"
        )
