"""Generations: which published version of each view is live.

The store holds::

    <deployment>:generations                      <view>:<fingerprint> -> the live generation
                                                  pinned/<view>:<fingerprint> -> since when it is
                                                      to stay live
                                                  held/<view>:<fingerprint> -> since when its runs
                                                      were held back
                                                  publishing/<view> -> the one that is being written
                                                  removed/<view> -> 1, while what it left is deleted
                                                  stream/<stream> -> 1, once it brought something
                                                  whole/<view>:<fingerprint>:<format> -> 1, once all
                                                      that its stream adds to it is there
    <deployment>:<view>:generations               the names of all generations that take up room
    <deployment>:<view>:<generation>:keys         the generation's keys, in chunks
    <deployment>:<view>:<generation>:whole        the generation's name, while it may be read
    <deployment>:<view>:<generation>:{<key>}      a row, or of pairs the rows of a first key

A generation is written beside the live one, and goes live by one write to the first of these, its
*pointer*. In the same transaction it gets its *marker* (``:whole``), and the generation that drops
out loses its own, before anything else of it goes. So who reads rows and finds the marker behind
them has read a whole generation.

All pointers lie in one hash, so several views go live at once: also on a cluster.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zlib import crc32

from slate.errors import StoreError
from slate.fingerprints import fingerprint
from slate.online.rows.hour_sections import hour_of
from slate.online.rows.instants import microseconds
from slate.online.rows.row_format import FORMAT
from slate.sources import Source
from slate.views import FeatureView


@dataclass(frozen=True)
class Generation:
    """A published version of a view's rows.

    Attributes:
        name: the definition's fingerprint, the as-of instant and something unique.
        as_of: the instant up to which its rows know all events (UTC).
        rows: how many rows it has.
        keys: how many values of the store they are; fewer where rows are of pairs.
        size: how many bytes these values have.
        published_at: when it went live first (UTC); of those that went live together the same.
        format: the layout of its rows and of its pointer.
        kept: of a live one, the others that can be gone back to, the one that was live last first.
        stream_from: the arrival from which on its view's stream adds what it lacks (UTC); None if
            it has no stream.
        taken_in: until when landing files were taken in that it knows, and that did not come by its
            view's stream (UTC); None if none ever were.
        publish: what it went live with, as the id of a run.
    """

    name: str
    as_of: datetime
    rows: int
    keys: int
    size: int
    published_at: datetime
    format: int = FORMAT
    kept: "tuple[Generation, ...]" = ()
    stream_from: datetime | None = None
    taken_in: datetime | None = None
    publish: str = ""

    @property
    def previous(self) -> "Generation | None":
        """The generation that was live before it."""
        return self.kept[0] if self.kept else None

    @property
    def older(self) -> "Generation | None":
        """Of those that were published before it the one that was live last."""
        return next((one for one in self.kept if one.published_at < self.published_at), None)

    @property
    def definition(self) -> str:
        """The fingerprint of its view's definition."""
        return self.name.split("-")[0]

    @property
    def first_hour(self) -> int:
        """The first hour of arrival that it leaves to the stream."""
        return hour_of(microseconds(self.stream_from or self.as_of))

    @property
    def first_hour_kept(self) -> int:
        """The first that it leaves, or any other that may become live again."""
        return min(one.first_hour for one in (self, *self.kept))

    def behind(self, before: "Generation | None", most: int | None = None) -> "Generation":
        """This generation as it goes live after another.

        Args:
            before: that one; None if there is none.
            most: how many others are kept; by default all.
        """
        others = () if before is None else (replace(before, kept=()), *before.kept)
        kept = tuple(one for one in others if one.name != self.name)
        return replace(self, kept=kept[:most])

    def to_pointer(self) -> str:
        """As the store holds it: a checksum, and JSON."""
        text = json.dumps(asdict(self), default=datetime.isoformat)
        return f"{crc32(text.encode()):08x} {text}"


def read_pointer(view: str, pointer: bytes) -> Generation:
    """The generation that a view's pointer names.

    Raises:
        StoreError: it is damaged, or of another version of Slate.
    """
    checksum, _, text = pointer.partition(b" ")
    try:
        if checksum != b"%08x" % crc32(text):
            raise ValueError("its checksum is not that of what it holds")
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"it is of format {found['format']}, and this version reads {FORMAT}")
        return _generation(found)
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{view}: what the store says of its live generation cannot be read ({error}); it is "
            f"{_start(pointer)}: publish the view again"
        ) from None


_TIMES = ("as_of", "published_at", "stream_from", "taken_in")


def _generation(found: dict[str, Any]) -> Generation:
    told = {field.name: found[field.name] for field in fields(Generation) if field.name in found}
    times = {name: datetime.fromisoformat(found[name]) for name in _TIMES if found[name]}
    # Earlier versions kept one.
    others = found["kept"] if "kept" in found else filter(None, [found["previous"]])
    return Generation(**{**told, **times, "kept": tuple(map(_generation, others))})


def _start(pointer: bytes, most: int = 60) -> str:
    return repr(pointer) if len(pointer) <= most else f"{pointer[:most]!r}..."


def new_name(view: type[FeatureView], as_of: datetime) -> str:
    """A name for the next generation of a view."""
    return f"{fingerprint(view)}-{as_of:{_NAMED}}-{uuid4().hex[:6]}"


_NAMED = "%Y%m%dT%H%M%S"


def named_as_of(name: str) -> datetime:
    """The as-of instant in a generation's name, to the second.

    Raises:
        ValueError: it is not the name of one.
    """
    return datetime.strptime(name.split("-")[1], _NAMED).replace(tzinfo=UTC)


@dataclass(frozen=True)
class GenerationNames:
    """The names in the store of what belongs to a view, whatever its definition.

    Attributes:
        deployment: the deployment's name, the prefix of all.
        view: the view's name.
    """

    deployment: str
    view: str

    @property
    def pointers(self) -> str:
        """The hash that says which generations are live."""
        return pointers(self.deployment)

    @property
    def publishing(self) -> str:
        """Its field that names the generation which is being written, by the latest publish."""
        return f"publishing/{self.view}"

    @property
    def removed(self) -> str:
        """Its field that says that the view was removed, while something of it is left."""
        return f"removed/{self.view}"

    @property
    def generations(self) -> str:
        """The set of all generations that take up room."""
        return f"{self.deployment}:{self.view}:generations"

    def chunks(self, generation: str) -> str:
        """The list of a generation's keys."""
        return f"{self.prefix(generation)}keys"

    def marker(self, generation: str) -> str:
        """What is there for as long as a generation may be read; it holds its name."""
        return f"{self.prefix(generation)}whole"

    def prefix(self, generation: str) -> str:
        """What comes before the key, in braces, in the name of a row."""
        return f"{self.deployment}:{self.view}:{generation}:"


def pointers(deployment: str) -> str:
    """The hash that says which generations of a deployment are live."""
    return f"{deployment}:generations"


def pointer_field(view: type[FeatureView]) -> str:
    """The field of this hash for a view as it is defined now."""
    return f"{view.name}:{fingerprint(view)}"


def stream_field(source: type[Source]) -> str:
    """The field of this hash that says that a source's stream has brought something."""
    return f"stream/{source.stream}"


def whole_field(definition: str) -> str:
    """The field of this hash that says that what a stream adds to a view is there as a whole.

    Args:
        definition: what the stream's rows of the view are known by.
    """
    return f"whole/{definition}"
