"""Frozen answers: whoever asks again with a request's id gets the same values, for a while.

An experiment compares what models make of the same values, or shows a viewer the same feed until it
is over; both need what was served the first time. ``FeatureService(frozen="30m")`` keeps each
answer that was asked for with a ``request_id`` in the store, for as long::

    <deployment>:frozen:<service>:<hash>    of the id and of what the features are made of
        16 bytes      a hash of all that follows
        16 bytes      a hash of what was asked: the keys, the inputs, and an instant that was named
        8 bytes       how many bytes the answer has
        the rest      the answer as Slate's own clients read it, packed with zstd

A changed service, of whatever version, has features of its own, and so freezes anew; one whose
features are what they were finds what it froze, whatever else was changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from redis import Redis

from slate.errors import RequestError, StoreError
from slate.online.rows.answer_errors import AnswerError
from slate.online.serving import client_stream
from slate.online.serving.answer import Answer
from slate.online.serving.messages import shown
from slate.online.serving.requests import Request
from slate.online.store.commands import command
from slate.online.store.flows import Flow, again_if_broken
from slate.plans import Plan
from slate.windows import duration_name

_HASH_BYTES = 16
_PACKED = pa.Codec("zstd", 1)
_SIZE_BYTES = 8
_HEAD_BYTES = _HASH_BYTES + _SIZE_BYTES
_AT_ONCE = 1_000


def frozen_prefix(deployment: str) -> str:
    """What the names of a deployment's frozen answers begin with."""
    return f"{deployment}:frozen:"


def remove_frozen(redis: Redis, deployment: str) -> int:
    """Delete all frozen answers of a deployment; gives how many there were.

    Raises:
        RedisError: the store fails.
    """
    found = list(redis.scan_iter(f"{frozen_prefix(deployment)}*", _AT_ONCE))
    for name in found:
        # Each by itself: on a cluster they lie in several slots.
        redis.unlink(name)
    return len(found)


def unpacked(value: bytes) -> tuple[bytes, bytes]:
    """What was asked, as a hash, and the answer's stream, of what the store has of a frozen answer.

    Raises:
        StoreError: it is damaged.
    """
    known, rest = value[:_HASH_BYTES], value[_HASH_BYTES:]
    if _hash(rest) != known or len(rest) < _HEAD_BYTES:
        raise StoreError("what was frozen is damaged in the store")
    size = int.from_bytes(rest[_HASH_BYTES:_HEAD_BYTES])
    stream: bytes = _PACKED.decompress(rest[_HEAD_BYTES:], size, asbytes=True)
    return rest[:_HASH_BYTES], stream


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_HASH_BYTES).digest()


@dataclass(frozen=True)
class FrozenAnswer:
    """The answer of one request id, which may be there or not.

    Attributes:
        plan: the service's plan; it freezes its answers.
        request_id: the request's id.
        name: what the answer lies under.
        asked: a hash of what was asked.
    """

    plan: Plan
    request_id: str
    name: str
    asked: bytes

    @classmethod
    def of(
        cls,
        deployment: str,
        plan: Plan,
        features: Mapping[str, str],
        request_id: str,
        request: Request,
        at: int | None,
    ) -> "FrozenAnswer":
        """The one of a request.

        Args:
            deployment: the deployment's name.
            plan: the service's plan.
            features: the hash of all that each feature is made of, by its name.
            request_id: the request's id.
            request: what was asked; without rows where it names no candidates.
            at: the instant that was named, in microseconds; None for now.
        """
        service = plan.service
        known = [request_id, *(f"{name} {made_of}" for name, made_of in features.items())]
        hashed = _hash("\0".join(known).encode()).hex()
        name = f"{frozen_prefix(deployment)}{service.full_name}:{hashed}"
        return cls(plan, request_id, name, _asked(request, at))

    def find(self) -> Flow[Answer | None]:
        """The flow that asks for it; None if it is not there.

        Raises:
            RequestError: the id was used to ask for something else.
            StoreError: the store does not tell it.
        """
        value = yield from again_if_broken(self._ask)
        if value is None:
            return None
        asked, stream = unpacked(value)
        if asked != self.asked:
            service = self.plan.service
            raise RequestError(
                f"request_id={shown(self.request_id)} was used to ask {service.full_name} for "
                "other keys, inputs or another instant, and its answer is frozen for "
                f"{duration_name(service.frozen_us or 0)}: give each request an id of its own"
            )
        answer = client_stream.read(stream)
        columns = {feature.name: feature for feature in self.plan.service.features}
        return answer.of_columns(columns)

    def _ask(self) -> Flow[bytes | None]:
        yield command("GET", self.name)
        found: bytes | None = yield None
        return found

    def keep(self, answer: Answer) -> Flow[Answer]:
        """The flow that freezes an answer; gives the one that is frozen by then.

        That is another one where two requests with an id were answered at the same time.

        Raises:
            StoreError: the store does not keep it.
        """
        stream = client_stream.write(answer)
        size = stream.size.to_bytes(_SIZE_BYTES)
        packed = self.asked + size + _PACKED.compress(stream, asbytes=True)
        value = _hash(packed) + packed
        milliseconds = str((self.plan.service.frozen_us or 0) // 1_000)
        yield command("SET", self.name, value, "NX", "PX", milliseconds)
        if (yield None) is not None:
            return answer
        return (yield from self.find()) or answer


def _asked(request: Request, at: int | None) -> bytes:
    """A hash of what was asked, however it was given: once for all rows, or for each."""
    said: list[Any] = [request.rows, at]
    said += [(name, _same(keys.rows)) for name, keys in sorted(request.keys.items(), key=_by_name)]
    inputs = {repr(feature): values for feature, values in request.inputs.items()}
    said += [(name, _same(np.asarray(values).tolist())) for name, values in sorted(inputs.items())]
    return _hash(repr(said).encode())


def _by_name(item: tuple[Any, Any]) -> str:
    return str(item[0])


def _same(values: list[Any]) -> list[Any]:
    """One value where all are the same."""
    return values[:1] if values and all(value == values[0] for value in values[1:]) else values


def not_frozen(service: str, reason: str) -> AnswerError:
    """What an answer says that could not be frozen."""
    return AnswerError(
        f"{service}: this answer is not frozen ({reason}), and may differ when asked for again"
    )
