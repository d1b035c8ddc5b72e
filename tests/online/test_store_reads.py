"""When a lookup asks the store for what, as its flow says it without a store."""

from slate.online.rows.keys import Keys
from slate.online.serving.lookup_stages import unobserved
from slate.online.serving.store_reads import FEW, StoreReads
from slate.online.serving.view_read import view_read
from slate.online.store.commands import Packed
from slate.online.store.live_generations import Live
from tests.online.arcade import GameCatalog, PlayerProfile

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
