"""Generations: which published version of each view is live.

The store holds::

    <deployment>:generations                      view:fingerprint -> the live generation, as JSON
                                                  stream:<stream> -> 1, once it brought something
    <deployment>:<view>:generations               the names of all generations that take up room
    <deployment>:<view>:<generation>:keys         the generation's keys, in chunks
    <deployment>:<view>:<generation>:{<key>}      a row, or of pairs the rows of a first key

A generation is written beside the live one, and goes live by one write to the first of these.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from online.rows import FORMAT
from slate.entities import Source
from slate.fingerprints import fingerprint
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
        published_at: when it was written (UTC).
        format: the layout of its rows.
        previous: the generation that was live before it.
        stream_from: the arrival from which on its view's stream adds what it lacks (UTC); None if
            it has no stream.
        taken_in: until when landing files were taken in that it knows, and that did not come by its
            view's stream (UTC); None if none ever were.
    """

    name: str
    as_of: datetime
    rows: int
    keys: int
    size: int
    published_at: datetime
    format: int = FORMAT
    previous: "Generation | None" = None
    stream_from: datetime | None = None
    taken_in: datetime | None = None

    def behind(self, previous: "Generation | None") -> "Generation":
        """This generation as it goes live after another; what came before that is forgotten."""
        return replace(self, previous=previous and replace(previous, previous=None))

    def to_json(self) -> str:
        """As the store holds it."""
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Generation":
        """As ``to_json`` wrote it."""
        return _generation(json.loads(text))


_TIMES = ("as_of", "published_at", "stream_from", "taken_in")


def _generation(found: dict[str, Any]) -> Generation:
    # What a later version may write besides is passed over.
    known = {field.name: found[field.name] for field in fields(Generation) if field.name in found}
    times = {name: datetime.fromisoformat(known[name]) for name in _TIMES if known.get(name)}
    previous = known["previous"] and _generation(known["previous"])
    return Generation(**{**known, **times, "previous": previous})


def new_name(view: type[FeatureView], as_of: datetime) -> str:
    """A name for the next generation of a view."""
    return f"{fingerprint(view)}-{as_of:%Y%m%dT%H%M%S}-{uuid4().hex[:6]}"


@dataclass(frozen=True)
class Names:
    """The names in the store of what belongs to a view.

    Attributes:
        deployment: the deployment's name, the prefix of all.
        view: the view.
    """

    deployment: str
    view: type[FeatureView]

    @property
    def pointers(self) -> str:
        """The hash that says which generations are live."""
        return pointers(self.deployment)

    @property
    def pointer(self) -> str:
        """The hash's field for the view as it is defined now."""
        return f"{self.view.name}:{fingerprint(self.view)}"

    @property
    def generations(self) -> str:
        """The set of all generations that take up room."""
        return f"{self.deployment}:{self.view.name}:generations"

    def chunks(self, generation: str) -> str:
        """The list of a generation's keys."""
        return f"{self.deployment}:{self.view.name}:{generation}:keys"

    def prefix(self, generation: str) -> str:
        """What comes before the key, in braces, in the name of a row."""
        return f"{self.deployment}:{self.view.name}:{generation}:"


def pointers(deployment: str) -> str:
    """The hash that says which generations of a deployment are live."""
    return f"{deployment}:generations"


def stream_field(source: type[Source]) -> str:
    """The field of this hash that says that a source's stream has brought something."""
    return f"stream:{source.stream}"
