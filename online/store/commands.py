"""Commands as the bytes that the store is sent.

A request names thousands of rows, and a publish writes as many with each command. They differ by
their keys alone: to join those is many times faster than to hand the store's client one word after
another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from slate.online.rows.keys import Keys


@dataclass(frozen=True)
class Packed:
    """Commands to be sent together.

    Attributes:
        data: the bytes of all.
        number: how many they are, and so how many replies will come.
    """

    data: bytes
    number: int = 1


def command(*words: str | bytes) -> Packed:
    r"""A command of a few words.

    Examples:
        >>> command("GET", "x")
        Packed(data=b'*2\r\n$3\r\nGET\r\n$1\r\nx\r\n', number=1)
    """
    return Packed(_words(words))


def together(packed: Sequence[Packed]) -> Packed:
    """Commands as one."""
    return Packed(b"".join([one.data for one in packed]), sum(one.number for one in packed))


def transaction(*packed: Packed) -> Packed:
    """Commands as one that nobody comes between, and of which all are done or none."""
    return together([command("MULTI"), *packed, command("EXEC")])


def fields(name: str, wanted: Sequence[str], size: int | None) -> Packed:
    """The command that fetches fields of a hash.

    Args:
        name: the hash.
        wanted: the fields.
        size: the bytes that each of them has; None if they differ, or are not all ASCII.
    """
    if size is None:
        return encoded_fields(name, [one.encode() for one in wanted])
    between = f"\r\n${size}\r\n"
    return Packed(
        _hash(b"HMGET", name, len(wanted)) + f"{between[2:]}{between.join(wanted)}\r\n".encode()
    )


def encoded_fields(name: str, wanted: Sequence[bytes]) -> Packed:
    r"""The command that fetches fields of a hash, given as bytes.

    Examples:
        >>> encoded_fields("x", [b"y", b"zz"]).data
        b'*4\r\n$5\r\nHMGET\r\n$1\r\nx\r\n$1\r\ny\r\n$2\r\nzz\r\n'
    """
    head, sizes = _hash(b"HMGET", name, len(wanted)), set(map(len, wanted))
    if len(sizes) == 1:
        between = b"\r\n$%d\r\n" % sizes.pop()
        return Packed(b"".join([head, between[2:], between.join(wanted), b"\r\n"]))
    return Packed(b"".join([head, *map(_argument, wanted)]))


def fetch(rows: Sequence[tuple[str, Keys]], others: Sequence[str] = ()) -> Packed:
    """The command that fetches rows.

    Args:
        rows: what the names of some rows begin with, and their keys.
        others: the names of what else it fetches, behind them.
    """
    return _of_rows(b"MGET", rows, others)


def exists(rows: Sequence[tuple[str, Keys]]) -> Packed:
    """The command that tells how many of some rows there are, whatever it is that they are.

    Args:
        rows: as of ``fetch``.
    """
    return _of_rows(b"EXISTS", rows)


def _of_rows(what: bytes, rows: Sequence[tuple[str, Keys]], others: Sequence[str] = ()) -> Packed:
    number = 1 + sum(len(keys.values) for _, keys in rows) + len(others)
    head = b"*%d\r\n%b" % (number, _argument(what))
    names = [_names(*one) for one in rows]
    return Packed(b"".join([head, *names, *[_argument(name.encode()) for name in others]]))


def _words(words: Sequence[str | bytes]) -> bytes:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    return b"".join([b"*%d\r\n" % len(words), *[_argument(word) for word in encoded]])


def delete(prefix: str, keys: Keys) -> Packed:
    """The command that deletes rows, whose room the store gives free in the background.

    Args:
        prefix: what their names begin with.
        keys: their keys.
    """
    head = b"*%d\r\n$6\r\nUNLINK\r\n" % (1 + len(keys.values))
    return Packed(head + _names(prefix, keys))


def write(names: Sequence[str], values: Sequence[bytes]) -> Packed:
    r"""The command that writes values.

    Examples:
        >>> write(["x"], [b"1"]).data
        b'*3\r\n$4\r\nMSET\r\n$1\r\nx\r\n$1\r\n1\r\n'
    """
    words = _pairs([name.encode() for name in names], values)
    return Packed(b"".join([b"*%d\r\n$4\r\nMSET\r\n" % (1 + 2 * len(words)), *words]))


def write_fields(name: str, keys: Sequence[bytes], values: Sequence[bytes]) -> Packed:
    r"""The command that writes fields of a hash.

    Examples:
        >>> write_fields("x", [b"y"], [b"123"]).data
        b'*4\r\n$4\r\nHSET\r\n$1\r\nx\r\n$1\r\ny\r\n$3\r\n123\r\n'
    """
    return Packed(b"".join([_hash(b"HSET", name, 2 * len(keys)), *_pairs(keys, values)]))


def _pairs(names: Sequence[bytes], values: Sequence[bytes]) -> list[bytes]:
    pairs = zip(names, values, strict=True)
    return [b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(n), n, len(v), v) for n, v in pairs]


def _names(prefix: str, keys: Keys) -> bytes:
    if keys.size is None:
        names = [f"{prefix}{{{key}}}".encode() for key in keys.texts]
        return b"".join([_argument(name) for name in names])
    head = f"${len(prefix.encode()) + keys.size + 2}\r\n{prefix}{{"
    between = f"}}\r\n{head}"
    return f"{head}{between.join(keys.texts)}}}\r\n".encode()


def _hash(what: bytes, name: str, number: int) -> bytes:
    """How a command on a hash begins, of so many words behind its name."""
    return b"*%d\r\n%b%b" % (2 + number, _argument(what), _argument(name.encode()))


def _argument(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)
