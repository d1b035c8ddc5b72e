"""Commands as the bytes that the store is sent.

A request names thousands of rows, which differ by their keys alone: to join those is many times
faster than to hand the store's client one name after another.
"""

from collections.abc import Sequence


def command(*words: str) -> bytes:
    r"""A command of a few words.

    Examples:
        >>> command("GET", "x")
        b'*2\r\n$3\r\nGET\r\n$1\r\nx\r\n'
    """
    return b"*%d\r\n" % len(words) + _arguments("", words, "")


def fetch(rows: Sequence[tuple[str, Sequence[str | int]]]) -> bytes:
    """The command that fetches rows.

    Args:
        rows: what the names of some rows begin with, and their keys.
    """
    number = 1 + sum(len(keys) for _, keys in rows)
    names = [_arguments(f"{prefix}{{", keys, "}") for prefix, keys in rows if keys]
    return b"".join([b"*%d\r\n" % number, _arguments("", ["MGET"], ""), *names])


def _arguments(before: str, keys: Sequence[str | int], behind: str) -> bytes:
    """Each of the keys between the same texts, and before that the number of its bytes."""
    texts = [key if isinstance(key, str) else str(key) for key in keys]
    if len(set(map(len, texts))) == 1 and "".join(texts).isascii():
        size = len((before + behind).encode()) + len(texts[0])
        head, tail = f"${size}\r\n{before}", f"{behind}\r\n"
        return f"{head}{f'{tail}{head}'.join(texts)}{tail}".encode()
    encoded = [f"{before}{text}{behind}".encode() for text in texts]
    return b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in encoded])
