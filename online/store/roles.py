"""Roles: what each kind of process does in the store, as rules of an ACL user.

::

    reader     serves features, with near views or without: FeatureClient, slate serve, slate query
    writer     writes events: EventWriter, slate ingest
    worker     applies events: slate stream
    publisher  publishes views: the chain's runs, Publisher
    operator   all of these: slate rebuild, slate deadletters

A reader changes nothing, but that it logs and freezes answers. A writer adds to streams, and reads
no rows. A worker changes what streams add to rows, and nothing that is published. A publisher
changes whatever is published, and cannot add to a stream or run a script; as it removes what was
left by views that are gone, it may delete any name of the deployment. Nobody sees another
deployment's values.
"""

from hashlib import sha256
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from slate.errors import ConfigurationError, StoreError

# Each of these, as all keep a connection, read in transactions, and look for nodes and primaries.
_ALL = (
    "ping hello auth select client|setinfo client|setname multi exec discard watch unwatch "
    "role wait cluster|slots asking"
)
_READS = (
    "get mget hget hmget hgetall hkeys exists type smembers llen lindex xread xrange xrevrange "
    "xlen time info"
)
_WRITES = "eval evalsha get set hexists hset incrby xadd time info"
_APPLIES = (
    "get mget set setnx mset append incrby decrby unlink del rename eval evalsha time "
    "hget hset hdel hscan sadd srem zadd zrem zrange zremrangebyscore "
    "xadd xdel xtrim memory|usage"
)
_LOGS, _FREEZES = "xlen xadd incrby", "set"
_PUBLISHES = (
    "get mget set mset unlink rpush sadd srem scan hget hset hdel hkeys smembers lindex xrange xdel"
)

_COMMANDS = {
    "reader": (_READS, _LOGS, _FREEZES),
    "writer": (_WRITES,),
    "worker": (_READS, _APPLIES),
    "publisher": (_READS, _PUBLISHES),
    "operator": (_READS, _WRITES, _APPLIES, _PUBLISHES),
}
ROLES = tuple(_COMMANDS)
# Beside the dead letters of a cluster, in their slot.
_OF_DEAD = "%RW~{{{0}:stream:*:dead}}:position"
_KEYS = {
    # Of answers alone something is written by who serves.
    "reader": ("%R~{0}:*", "%RW~{0}:answers:*", "%RW~{0}:frozen:*"),
    # The streams end with the braces of their partition.
    "writer": (
        "%RW~{0}:stream:*:clock",
        "%RW~{0}:stream:*:floor",
        "%RW~{0}:stream:*:schemas",
        "%RW~{0}:stream:*:{{log}}:total",
        "%RW~{0}:stream:*:{{*}}",
        "%RW~{0}:stream:*:{{*}}:pending",
    ),
    "worker": (
        "%R~{0}:*",
        "%RW~{0}:stream:*",
        "%RW~{0}:*:deltas:*",
        "%RW~{0}:generations",
        _OF_DEAD,
    ),
    "publisher": ("%RW~{0}:*",),
    "operator": ("%RW~{0}:*", _OF_DEAD),
}


def user_name(deployment: str, role: str) -> str:
    """The name of a role's user, unless it is given another one."""
    return f"{deployment}-{role}"


def rules(deployment: str, role: str) -> list[str]:
    """What a role's user may do, as rules of ``ACL SETUSER``; without its password.

    Args:
        deployment: the deployment's name.
        role: one of ``ROLES``.
    """
    commands = dict.fromkeys(word for words in (_ALL, *_COMMANDS[role]) for word in words.split())
    keys = [pattern.format(deployment) for pattern in _KEYS[role]]
    return ["reset", "on", *keys, "-@all", *[f"+{name}" for name in commands]]


def set_user(server: Redis, name: str, deployment: str, role: str, password: str) -> bool:
    """Make a role's user on a server, or change it to what it may do by now.

    Args:
        server: a client of the server that may do so. Each has users of its own: of a store of
            several this is for all of them.
        name: the user's name.
        deployment: the deployment's name.
        role: one of ``ROLES``.
        password: its password; the store is sent its hash.

    Returns:
        Whether the server has it in a file; if not, it is gone when the server ends.

    Raises:
        ConfigurationError: the password is empty, or the name is not one.
        StoreError: the store refuses.
        RedisError: the store cannot be reached.
    """
    if not password:
        raise ConfigurationError(f"the password of {name} is empty: give one on standard input")
    if not name or any(letter.isspace() or not letter.isprintable() for letter in name):
        raise ConfigurationError(f"{name!r} is not a user's name: give one without spaces")
    hashed = f"#{sha256(password.encode()).hexdigest()}"
    store: Any = server
    try:
        store.execute_command("ACL", "SETUSER", name, *rules(deployment, role), hashed)
    except ResponseError as error:
        raise StoreError(
            f"the online store does not make the user {name} ({error}): connect as one that may "
            "run ACL SETUSER, to Redis 7 or Valkey"
        ) from error
    try:
        store.execute_command("ACL", "SAVE")
    except ResponseError:
        # It is told of no file.
        return False
    return True
