"""Everything of a deployment in the online store, every name and every value, searched."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
from redis import Redis

from slate.assets.forgetting.looked import Looked, places
from slate.assets.forgetting.parquet_files import rows_of
from slate.errors import StoreError
from slate.kinds import Kind
from slate.online.rows.envelope import HEADER
from slate.online.rows.event_ids import SEEN, Ids
from slate.online.rows.keys import pair_text
from slate.online.serving import client_stream
from slate.online.serving.answer import Answer
from slate.online.serving.frozen_answers import frozen_prefix, unpacked
from slate.online.store.deployment_keys import names_of
from slate.online.store.stream_names import StreamNames, streamed_sources, units
from slate.online.stream.dead_letters.letter_format import refusal
from slate.online.stream.events.blocks import Blocks
from slate.registry import Registry
from slate.subjects import Subjects
from slate.views import FeatureView

_AT_ONCE = 1_000
_TABLE = b"table"


class StoreSearch:
    """Searches what the store has of a deployment.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.
        subjects: what is looked for.
        anywhere: whether their keys count inside of longer words too, in packed rows.
        ids: by stream, hashes of the ids of events that were theirs alone, which are not to be
            remembered either.
    """

    def __init__(
        self,
        redis: Redis,
        deployment: str,
        registry: Registry,
        subjects: Subjects,
        *,
        anywhere: bool,
        ids: Mapping[str, Ids],
    ) -> None:
        self._redis: Any = redis
        self._deployment, self._prefix = deployment, f"{deployment}:"
        self._frozen = frozen_prefix(deployment)
        self._views = registry.views
        self._subjects, self._anywhere, self._ids = subjects, anywhere, ids
        self._blocks: dict[str, Blocks] = {}
        self._dead: set[str] = set()
        for source in streamed_sources(registry):
            blocks = Blocks(redis, deployment, source)
            for unit in units(deployment, registry, source):
                self._blocks[unit.stream] = blocks
            self._dead.add(StreamNames(deployment, source).dead)

    def run(self) -> list[Looked]:
        """Look at every name and every value.

        Raises:
            RedisError: the store fails.
        """
        return places(self._each())

    def _each(self) -> Iterator[Looked]:
        for _, names in names_of(self._redis, self._deployment):
            for name, value in self._with_strings(names):
                yield self._looked(name.decode(errors="replace"), name, value)

    def _with_strings(self, names: list[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
        """Names, with their value where it is a string."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.type(name)
            kinds = pipeline.execute()
            strings = [name for name, kind in zip(names, kinds, strict=True) if kind == b"string"]
            for name in strings:
                pipeline.get(name)
            values = pipeline.execute()
        yield from zip(strings, values, strict=True)
        yield from ((name, None) for name in set(names).difference(strings))

    def _looked(self, text: str, name: bytes, value: bytes | None) -> Looked:
        """What was found under one name."""
        place, view = self._place(text)
        looked = Looked(f"store: {place}", "values")
        is_named = self._subjects.in_text(name) or self._is_numbered(text, view)
        shown = self._subjects.without(text)
        if value is not None:
            looked.add(1, int(is_named or self._in_string(text, value, view)), shown)
            return looked
        if is_named:
            looked.add(0, 1, shown)
        for part, is_of in self._parts(text, name, view):
            looked.add(1, int(is_of), f"{shown} {part}".strip())
        return looked

    def _place(self, name: str) -> tuple[str, type[FeatureView] | None]:
        """What a name is of, in words; and the view, if it is of one."""
        first, _, rest = name.removeprefix(self._prefix).partition(":")
        if first == "answers":
            return "logged answers", None
        if first == "frozen":
            return "frozen answers", None
        if first == "stream":
            stream = rest.split(":")[0]
            if name in self._dead:
                return f"dead letters of {stream}", None
            if ":seen:" in name:
                return f"remembered ids of {stream}", None
            return f"stream {stream}", None
        view = self._views.get(first)
        if view is None:
            return "which generations are live" if not rest else f"{first}, no view by now", None
        return f"{first}, what streams add" if ":deltas:" in rest else f"{first}, rows", view

    def _parts(
        self, text: str, name: bytes, view: type[FeatureView] | None
    ) -> Iterator[tuple[str, bool]]:
        """Each part of a value that is no string, and whether it is of a subject."""
        store, kind = self._redis, self._redis.type(name)
        if kind == b"stream":
            yield from self._entries(text, name)
        elif kind == b"hash":
            landed = text.endswith(":landed")
            for field, value in store.hscan_iter(name, count=_AT_ONCE):
                is_of = landed and self._is_remembered(text, value)
                is_of = is_of or self._is_key(field, view) or self._subjects.in_text(field)
                is_of = is_of or self._of(value)
                yield "", is_of
        elif kind == b"list":
            for place in range(store.llen(name)):
                value = store.lindex(name, place) or b"[]"
                yield "", self._subjects.in_text(value) or self._in_chunk(value, view)
        elif kind == b"set":
            yield from (("", self._subjects.in_text(value)) for value in store.smembers(name))
        elif kind == b"zset":
            members = store.zrange(name, 0, -1)
            yield from (("", self._subjects.in_text(value)) for value in members)

    def _entries(self, text: str, name: bytes) -> Iterator[tuple[str, bool]]:
        start = "-"
        while entries := self._redis.xrange(name, start, count=_AT_ONCE):
            for id_, fields in entries:
                yield id_.decode(), self._in_entry(text, id_, fields)
            start = f"({entries[-1][0].decode()}"

    def _in_entry(self, text: str, id_: bytes, fields: dict[bytes, bytes]) -> bool:
        if text in self._blocks:
            events = self._blocks[text].read([(id_, fields)])
            refused = any(self._of(one.raw or b"") for one in events.refused)
            told = any(
                self._subjects.in_text(json.dumps(one.event).encode()) for one in events.refused
            )
            return refused or told or bool(rows_of(events.table, self._subjects).any())
        if text in self._dead:
            letter = refusal(fields)
            return self._of(letter.raw or b"") or any(
                self._subjects.in_text(one) for one in fields.values()
            )
        if _TABLE in fields:
            try:
                table = pa.ipc.open_stream(fields[_TABLE]).read_all()
            except pa.ArrowException:
                return self._of(fields[_TABLE])
            return bool(rows_of(table, self._subjects).any())
        return any(self._of(one) or self._subjects.in_text(one) for one in fields.values())

    def _in_string(self, text: str, value: bytes, view: type[FeatureView] | None) -> bool:
        if ":seen:" in text:
            return self._is_remembered(text, value)
        if text.startswith(self._frozen):
            # What is damaged is searched as it is.
            with suppress(StoreError):
                return self._in_answer(client_stream.read(unpacked(value)[1]))
        # What is of no view is text.
        is_of = view is None and self._subjects.in_text(value)
        return is_of or self._of(value) or self._in_bundle(value, view)

    def _in_answer(self, answer: Answer) -> bool:
        """Whether an answer is to a request about a subject, or has one among its values."""
        keys = [pa.table({name: values}) for name, values in answer.keys.items()]
        return any(rows_of(table, self._subjects).any() for table in (*keys, answer.to_arrow()))

    def _is_remembered(self, name: str, value: bytes) -> bool:
        """Whether ids under a name of a stream have one that is not to be there."""
        _, stream, *_ = name.removeprefix(self._prefix).split(":")
        return bool(np.isin(np.frombuffer(value, SEEN)["id"], self._ids.get(stream, ())).any())

    def _of(self, value: bytes) -> bool:
        return self._subjects.in_bytes(value, anywhere=self._anywhere)

    def _numbers(self, key: str) -> set[int]:
        return set(self._subjects.numbers(key))

    def _is_numbered(self, name: str, view: type[FeatureView] | None) -> bool:
        """Whether a row's name ends with a key that is a number."""
        if view is None or ":deltas:" in name:
            return False
        numbers = self._numbers(next(iter(view.entity.keys)))
        return any(name.endswith(f"{{{number}}}") for number in numbers)

    def _is_key(self, field: bytes, view: type[FeatureView] | None) -> bool:
        """Whether what a stream adds is to a row whose key, or one of its pair, is a number."""
        if view is None:
            return False
        text, keys = field.decode(errors="replace"), list(view.entity.keys)
        if len(keys) == 1:
            return text in map(str, self._numbers(keys[0]))
        length, _, rest = text.partition(":")
        first = rest[: int(length)] if length.isdigit() else ""
        second = text.removeprefix(pair_text(first, ""))
        told = zip(keys, (first, second), strict=True)
        return any(one in map(str, self._numbers(key)) for key, one in told)

    def _in_chunk(self, value: bytes, view: type[FeatureView] | None) -> bool:
        """Whether a list of a generation's first keys has one that is a number."""
        numbers = self._numbers(next(iter(view.entity.keys))) if view else set()
        return bool(numbers) and not numbers.isdisjoint(json.loads(value))

    def _in_bundle(self, value: bytes, view: type[FeatureView] | None) -> bool:
        """Whether the rows of a first key have one of a second key that is a number."""
        keys = list(view.entity.keys.items()) if view else []
        if len(keys) != 2 or keys[1][1] is not Kind.INTEGER or len(value) % 8:
            return False
        words = np.frombuffer(value, np.int64)[HEADER:]
        number = int(words[0]) if len(words) else 0
        return bool(np.isin(words[1 + number : 1 + 2 * number], [*self._numbers(keys[1][0])]).any())
