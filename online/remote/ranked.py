"""What a server's ranking is answered with, as clients have it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slate.errors import StoreError


@dataclass(frozen=True)
class Ranked:
    """The best candidates of a request.

    Attributes:
        ranking: the ranking's name.
        model: the version of what scored them.
        service: whose features they were scored by, with its version.
        at: the instant asked about (UTC).
        request_id: what the request is known by; empty if by nothing.
        candidates: how many there were.
        keys: the keys that the request named once.
        rows: the best of them, the first is the best: their keys, ``score``, and ``explored``,
            whether one is where it is to be tried out.
        states: for each view how many rows are of each state, as ``ViewState`` tells it.
        errors: what kept values from being read; empty if all is well.
        seconds: how long the server took for ``features`` and to ``rank``.
        experiment: the experiment that the request is part of; None if of none.
        arm: its arm in that.
    """

    ranking: str
    model: str
    service: str
    at: datetime
    request_id: str
    candidates: int
    keys: Mapping[str, list[Any]]
    rows: list[dict[str, Any]]
    states: Mapping[str, Mapping[str, Any]]
    errors: tuple[str, ...]
    seconds: Mapping[str, float]
    experiment: str | None = None
    arm: str | None = None


def read(body: bytes) -> Ranked:
    """The best candidates from what a server answered.

    Raises:
        StoreError: it is something else.
    """
    try:
        said = json.loads(body)
        return Ranked(
            said["ranking"],
            said["model"],
            said["service"],
            datetime.fromisoformat(said["at"]),
            said["request_id"],
            said["candidates"],
            said["keys"],
            said["ranked"],
            said["states"],
            tuple(said["errors"]),
            said["seconds"],
            said["experiment"],
            said["arm"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"the server's answer cannot be read ({error}): see that the address is one of "
            "`slate serve`, of the same version of Slate"
        ) from error
