"""Values in their envelopes, of several views opened at once."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slate.online.rows.envelope import Content, Envelope, Sealed, open_together
from slate.online.rows.keys import Keys
from slate.online.rows.row_format import WORD, Blobs
from tests.depth import either
from tests.online.arcade import GameCatalog, PlayerProfile

ENVELOPES = [
    Envelope(PlayerProfile, Content.ROW),
    Envelope(GameCatalog, Content.ROW),
    Envelope(GameCatalog, Content.SECTIONS, 3),
]
words = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=6)
# What becomes of a value: it is whole, not there, of no bytes, cut, of another length, or changed.
fates = st.sampled_from(["whole", "whole", "none", "empty", "cut", "short", "header", "changed"])
held = st.lists(st.tuples(words, fates), max_size=4)
groups_of = st.lists(
    st.tuples(words, st.lists(st.tuples(st.sampled_from(ENVELOPES), held), max_size=3)), max_size=4
)


def spoilt(value: bytes, fate: str) -> bytes | None:
    if fate == "none":
        return None
    changed = bytearray(value)
    changed[{"header": 2, "changed": -3}.get(fate, 0)] ^= fate in ("header", "changed")
    ends = {"empty": 0, "cut": -1, "short": -WORD}
    return bytes(changed[: ends[fate]]) if fate in ends else bytes(changed)


@settings(max_examples=either(60, 400), deadline=None)
@given(groups_of)
def test_a_value_that_is_damaged_costs_no_other_one(drawn: list[Any]) -> None:
    groups = []
    for front, some in drawn:
        sealed = []
        for number, (envelope, values) in enumerate(some):
            sums = Keys.of([f"k{place}" for place in range(len(values))]).sums
            laid = Blobs.of([np.array(own).tobytes() for own, _ in values])
            whole = envelope.seal(f"scope{number}", sums, laid)
            fated = [spoilt(v, fate) for v, (_, fate) in zip(whole, values, strict=True)]
            sealed.append(Sealed(envelope, f"scope{number}", sums, fated))
        groups.append((np.array(front).tobytes(), sealed))
    for (front, some), found in zip(drawn, open_together(groups), strict=True):
        for (_, values), opened in zip(some, found, strict=True):
            assert opened.words[: len(front)].tolist() == front
            fates = [fate for _, fate in values]
            bad = {n for n, fate in enumerate(fates) if fate not in ("whole", "none")}
            assert opened.damaged.keys() == bad
            bounds = zip(opened.starts.tolist(), opened.ends.tolist(), strict=True)
            for (own, fate), (start, end) in zip(values, bounds, strict=True):
                assert opened.words[start:end].tolist() == (own if fate == "whole" else [])
