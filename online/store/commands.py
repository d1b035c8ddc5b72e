"""Commands as the bytes that the store is sent.

A request names thousands of rows, and a publish writes as many with each command. They differ by
their keys alone: to join those is many times faster than to hand the store's client one word after
another.

One server is sent these bytes. What a cluster needs besides, to send each of its nodes its part, is
noted beside them; see ``slate.online.store.cluster_flows``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from slate.online.rows.keys import Keys

# What the names of rows begin with, and their keys; None where the keys are names as they stand.
SomeRows: TypeAlias = tuple[str | None, Keys]


@dataclass(frozen=True)
class Spread:
    """A command on names of any slots, which a cluster is sent name by name.

    Attributes:
        what: the command, as it is for one name.
        rows: the names.
        values: of a command that writes, the value of each row.
        behind: names whose values are asked for once the replies about all rows are there.
    """

    what: bytes
    rows: Sequence["SomeRows"]
    values: Sequence[bytes] = ()
    behind: Sequence[str] = ()


@dataclass(frozen=True)
class Packed:
    """Commands to be sent together.

    Attributes:
        data: the bytes of all.
        number: how many they are, and so how many replies will come.
        name: a name that they are about, where all of them lie in one slot of a cluster.
        spread: of one command, what it is where its names lie in many slots.
        parts: the commands of which they consist; none if they go to one node together.
    """

    data: bytes
    number: int = 1
    name: str | bytes = field(default="", repr=False)
    spread: Spread | None = field(default=None, repr=False)
    parts: tuple["Packed", ...] = field(default=(), repr=False)


def command(*words: str | bytes, name: int = 1) -> Packed:
    r"""A command of a few words.

    Args:
        words: the words.
        name: which of them is a name in the store, if any is.

    Examples:
        >>> command("GET", "x")
        Packed(data=b'*2\r\n$3\r\nGET\r\n$1\r\nx\r\n', number=1)
    """
    return Packed(_words(words), name=words[name] if len(words) > name else "")


def together(packed: Sequence[Packed]) -> Packed:
    """Commands as one."""
    parts = tuple(part for one in packed for part in one.parts or (one,))
    number = sum(one.number for one in packed)
    return Packed(b"".join([one.data for one in packed]), number, parts=parts)


def transaction(*packed: Packed) -> Packed:
    """Commands as one that nobody comes between, and of which all are done or none.

    Of a cluster they are of one slot.
    """
    inner = b"".join([one.data for one in packed])
    number = 2 + sum(one.number for one in packed)
    return Packed(_words(["MULTI"]) + inner + _words(["EXEC"]), number, packed[0].name)


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
    head = _hash(b"HMGET", name, len(wanted))
    return Packed(head + f"{between[2:]}{between.join(wanted)}\r\n".encode(), name=name)


def encoded_fields(name: str, wanted: Sequence[bytes]) -> Packed:
    r"""The command that fetches fields of a hash, given as bytes.

    Examples:
        >>> encoded_fields("x", [b"y", b"zz"]).data
        b'*4\r\n$5\r\nHMGET\r\n$1\r\nx\r\n$1\r\ny\r\n$2\r\nzz\r\n'
    """
    head, sizes = _hash(b"HMGET", name, len(wanted)), set(map(len, wanted))
    if len(sizes) == 1:
        between = b"\r\n$%d\r\n" % sizes.pop()
        return Packed(b"".join([head, between[2:], between.join(wanted), b"\r\n"]), name=name)
    return Packed(b"".join([head, *map(_argument, wanted)]), name=name)


def fetch(rows: Sequence[SomeRows], others: Sequence[str] = ()) -> Packed:
    """The command that fetches rows.

    Args:
        rows: what the names of some rows begin with, and their keys.
        others: the names of what else it fetches, behind them.
    """
    number = 1 + sum(len(keys.values) for _, keys in rows) + len(others)
    head = b"*%d\r\n$4\r\nMGET\r\n" % number
    names = [_names(*one) for one in rows]
    data = b"".join([head, *names, *[_argument(name.encode()) for name in others]])
    return Packed(data, spread=Spread(b"GET", rows, behind=others))


def values(names: Sequence[str]) -> Packed:
    r"""The command that gives the values of some names.

    Examples:
        >>> values(["x", "y"]).data
        b'*3\r\n$4\r\nMGET\r\n$1\r\nx\r\n$1\r\ny\r\n'
    """
    return fetch([named(names)])


def row_names(prefix: str | None, keys: Keys) -> list[str]:
    """The names of some rows."""
    return keys.texts if prefix is None else [f"{prefix}{{{key}}}" for key in keys.texts]


def named(names: Sequence[str]) -> SomeRows:
    """Names as they stand, among rows."""
    return None, Keys(list(names), np.arange(len(names)))


def exists(rows: Sequence[SomeRows]) -> Packed:
    """The command that tells how many of some rows there are, whatever it is that they are.

    Args:
        rows: as of ``fetch``.
    """
    number = 1 + sum(len(keys.values) for _, keys in rows)
    data = b"".join([b"*%d\r\n$6\r\nEXISTS\r\n" % number, *[_names(*one) for one in rows]])
    return Packed(data, spread=Spread(b"EXISTS", rows))


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
    return Packed(head + _names(prefix, keys), spread=Spread(b"UNLINK", [(prefix, keys)]))


def write(prefix: str, keys: Keys, values: Sequence[bytes]) -> Packed:
    r"""The command that writes rows.

    Args:
        prefix: what their names begin with.
        keys: their keys.
        values: the value of each.

    Examples:
        >>> write("x:", Keys.of([7]), [b"1"]).data
        b'*3\r\n$4\r\nMSET\r\n$5\r\nx:{7}\r\n$1\r\n1\r\n'
    """
    words = _pairs([name.encode() for name in row_names(prefix, keys)], values)
    data = b"".join([b"*%d\r\n$4\r\nMSET\r\n" % (1 + 2 * len(words)), *words])
    return Packed(data, spread=Spread(b"SET", [(prefix, keys)], values=values))


def each(what: bytes, prefix: str | None, keys: Keys) -> Packed:
    r"""A command of one row for each of some rows.

    Examples:
        >>> each(b"GET", "x:", Keys.of([7])).data
        b'*2\r\n$3\r\nGET\r\n$5\r\nx:{7}\r\n'
    """
    head = b"*2\r\n%b" % _argument(what)
    return Packed(_names(prefix, keys, head.decode()), len(keys.values))


def write_each(prefix: str | None, keys: Keys, values: Sequence[bytes]) -> Packed:
    """A command for each of some rows that writes its value."""
    words = _pairs([name.encode() for name in row_names(prefix, keys)], values)
    return Packed(b"".join([b"*3\r\n$3\r\nSET\r\n%b" % word for word in words]), len(words))


def write_fields(name: str, keys: Sequence[bytes], values: Sequence[bytes]) -> Packed:
    r"""The command that writes fields of a hash.

    Examples:
        >>> write_fields("x", [b"y"], [b"123"]).data
        b'*4\r\n$4\r\nHSET\r\n$1\r\nx\r\n$1\r\ny\r\n$3\r\n123\r\n'
    """
    data = b"".join([_hash(b"HSET", name, 2 * len(keys)), *_pairs(keys, values)])
    return Packed(data, name=name)


def _pairs(names: Sequence[bytes], values: Sequence[bytes]) -> list[bytes]:
    pairs = zip(names, values, strict=True)
    return [b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(n), n, len(v), v) for n, v in pairs]


def _names(prefix: str | None, keys: Keys, before: str = "") -> bytes:
    """The names of rows as words, with what comes before each."""
    if prefix is None or keys.size is None:
        names = [name.encode() for name in row_names(prefix, keys)]
        return b"".join([before.encode() + _argument(name) for name in names])
    head = f"{before}${len(prefix.encode()) + keys.size + 2}\r\n{prefix}{{"
    between = f"}}\r\n{head}"
    return f"{head}{between.join(keys.texts)}}}\r\n".encode()


def _hash(what: bytes, name: str, number: int) -> bytes:
    """How a command on a hash begins, of so many words behind its name."""
    return b"*%d\r\n%b%b" % (2 + number, _argument(what), _argument(name.encode()))


def _argument(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)
