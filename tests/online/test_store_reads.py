"""When a lookup asks the store for what, as its flow says it without a store."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slate.online.rows.keys import Keys, KeySource
from slate.online.serving.lookup_stages import unobserved
from slate.online.serving.store_reads import FEW, StoreReads
from slate.online.serving.view_read import view_read
from slate.online.store.commands import Packed
from slate.online.store.flows import ExchangeError, Flow, Step
from slate.online.store.live_generations import Live
from tests.online.arcade import GameCatalog, PlayerProfile, PlayerStudioHistory

PLAYER, GAME = view_read(PlayerProfile), view_read(GameCatalog)
LIVE = {
    read.view.name: Live("g", f"{read.view.name}:", f"{read.view.name}:marker", 0, None, 0, 0)
    for read in (PLAYER, GAME)
}


def asked(games: int) -> StoreReads:
    keys = [f"g{number}" for number in range(games)]
    return StoreReads(LIVE, {"player_id": Keys.of([1]), "game_id": Keys.of(keys)}, unobserved)


def test_what_is_asked_of_few_keys_is_sent_with_what_is_asked_next() -> None:
    store = asked(1)
    assert not list(store.ask([PLAYER], [PLAYER]))
    assert not list(store.ask([GAME], [GAME]))
    # It is asked for at the latest where somebody waits for it: two rows, and a marker for each.
    sent = next(store.wait(PLAYER))
    assert isinstance(sent, Packed)
    assert sent.number == 1
    assert sent.data.startswith(b"*5\r\n$4\r\nMGET\r\n")


def test_what_is_asked_of_many_keys_is_sent_at_once_and_what_waits_before_it() -> None:
    store = asked(FEW + 1)
    assert not list(store.ask([PLAYER], [PLAYER]))
    sent = next(store.ask([GAME], [GAME]))
    assert isinstance(sent, Packed)
    # Apart, so that the few are answered, and decoded, while the store is at the many.
    words = [part.data.partition(b"\r")[0] for part in sent.parts]
    assert words == [b"*3", b"*%d" % (FEW + 3)]


@pytest.mark.parametrize("before", [False, True], ids=["with it", "before"])
def test_what_the_stream_adds_is_not_known_where_only_the_published_rows_came(before: bool) -> None:
    """They would be served as if the stream had added nothing."""
    pair = view_read(PlayerStudioHistory)
    live = replace(LIVE[GAME.view.name], deltas="deltas:")
    keys: dict[KeySource, Keys] = {"player_id": Keys.of([1]), "studio_id": Keys.of([2])}
    store = StoreReads({pair.view.name: live}, keys, unobserved)
    assert not list(store.ask([pair], []))
    flow = store.wait(pair)
    assert isinstance(next(flow), Packed)
    assert flow.send(None) is None
    assert not list(answered(flow, [b"row", live.name.encode()]))
    assert store.has(pair)
    gone = ExchangeError("gone", lost=False)
    if before:
        # The connection broke while something else was asked for.
        store.failure = gone
    assert not list(store.ask([], [pair]))
    flow = store.wait(pair)
    if not before:
        assert isinstance(next(flow), Packed)
        assert not list(answered(flow, gone))
    assert not list(flow)
    assert not store.has(pair)


def answered(flow: Flow[None], reply: Any) -> Iterator[Step]:
    """What a flow does once its step was answered so."""
    try:
        yield flow.throw(reply) if isinstance(reply, Exception) else flow.send(reply)
    except StopIteration:
        return
    yield from flow
