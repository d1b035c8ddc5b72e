"""Commands as the bytes that the store is sent.

A request names thousands of rows, which differ by their keys alone: to join those is many times
faster than to hand the store's client one name after another.
"""

from collections.abc import Sequence

from online.keys import Keys


def command(*words: str) -> bytes:
    r"""A command of a few words.

    Examples:
        >>> command("GET", "x")
        b'*2\r\n$3\r\nGET\r\n$1\r\nx\r\n'
    """
    encoded = [word.encode() for word in words]
    return b"".join([b"*%d\r\n" % len(words), *(_argument(word) for word in encoded)])


def fetch(rows: Sequence[tuple[str, Keys]]) -> bytes:
    """The command that fetches rows.

    Args:
        rows: what the names of some rows begin with, and their keys.
    """
    number = 1 + sum(len(keys.values) for _, keys in rows)
    return b"".join([b"*%d\r\n$4\r\nMGET\r\n" % number, *(_names(*one) for one in rows)])


def _names(prefix: str, keys: Keys) -> bytes:
    if keys.size is None:
        names = [f"{prefix}{{{key}}}".encode() for key in keys.texts]
        return b"".join([_argument(name) for name in names])
    head = f"${len(prefix.encode()) + keys.size + 2}\r\n{prefix}{{"
    between = f"}}\r\n{head}"
    return f"{head}{between.join(keys.texts)}}}\r\n".encode()


def _argument(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)
