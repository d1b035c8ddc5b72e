"""The same viewers meet other feeds: a better one earns more, the same one earns the same."""

from dataclasses import dataclass

import numpy as np
import pytest

from live_shopping.simulator import SimulationConfig
from live_shopping.simulator.clock import HOUR, MINUTE
from live_shopping.simulator.feed import Pool, liking
from live_shopping.simulator.hype import HEIGHT, hype
from live_shopping.simulator.randomness import hashed
from live_shopping.simulator.replay import Asked, Rank, replay
from live_shopping.simulator.rows import Floats, Rows
from live_shopping.simulator.sessions import Sessions, sessions_of_hour
from live_shopping.simulator.viewers import Viewers
from live_shopping.simulator.world import World

START = 20_000 * 24 * HOUR
EVENING = START + 20 * HOUR


@dataclass(frozen=True)
class Hour:
    viewers: Viewers
    pool: Pool
    sessions: Sessions

    def play(self, rank: Rank) -> Rows:
        return replay(self.viewers, self.pool, self.sessions, rank)

    def liked(self, asked: Asked, mood: Floats, instant: Floats) -> Floats:
        """What only the simulator knows: how much each request's viewer likes each show."""
        request, show = np.nonzero(np.ones_like(asked.live))
        moods = mood[request, asked.pool.category[show]]
        viewer, when = asked.viewer[request], instant.astype(np.int64)[request]
        found = liking(self.viewers, viewer, asked.pool, show, moods, when)
        return found.reshape(asked.live.shape)


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Hour:
    config = SimulationConfig(data=tmp_path_factory.mktemp("hour"), viewers=4_000, sellers=400)
    rng = np.random.default_rng(5)
    world = World(config, START)
    world.advance(EVENING)
    pool = Pool.of_shows_live(world, EVENING, EVENING + 90 * MINUTE, rng)
    nobody = np.empty(0, np.int64)
    sessions = sessions_of_hour(rng, world.viewers, EVENING, 1_500, nobody)
    return Hour(world.viewers, pool, sessions)


def popular(asked: Asked) -> Floats:
    return np.broadcast_to(asked.pool.popularity, asked.live.shape)


def chance(asked: Asked) -> Floats:
    return hashed(asked.viewer[:, None], asked.pool.number)


def test_the_same_feed_earns_the_same(hour: Hour) -> None:
    one, other = hour.play(popular), hour.play(lambda asked: popular(asked) * 3)
    assert one.keys() == other.keys()
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name])
    assert one["tapped"].sum() > 100


def test_a_feed_that_knows_viewers_better_earns_more(hour: Hour) -> None:
    first = {viewer: row for row, viewer in enumerate(hour.sessions.viewer.tolist())}

    def of_mood(asked: Asked) -> Floats:
        row = np.array([first[viewer] for viewer in asked.viewer.tolist()])
        return hour.liked(asked, hour.sessions.mood[row], asked.now.astype(np.float64))

    def of_taste(asked: Asked) -> Floats:
        nothing = np.zeros((len(asked.viewer), hour.sessions.mood.shape[1]))
        return hour.liked(asked, nothing, np.zeros(len(asked.viewer)))

    taps = [hour.play(rank)["tapped"].mean() for rank in (chance, of_taste, of_mood)]
    assert taps[0] * 1.2 < taps[1]
    assert taps[1] * 1.2 < taps[2]


def test_orders_follow_from_taps(hour: Hour) -> None:
    told = hour.play(popular)
    assert not (told["purchased"] & ~told["tapped"]).any()
    assert ((told["watch_seconds"] > 0) == told["tapped"]).all()
    assert (told["known_at"] >= told["event_ts"]).all()


def test_what_two_feeds_put_in_the_same_place_ends_the_same(hour: Hour) -> None:
    """Only the first request: what came of it is another mood for the next."""
    half = hour.pool.number % 2 == 0
    one = hour.play(popular)
    other = hour.play(lambda asked: popular(asked) + np.where(half, 0.0, 0.1))
    places = ("session", "show", "position", "tapped", "purchased")

    def first_turn(told: Rows) -> dict[tuple[int, ...], tuple[bool, ...]]:
        rows = np.stack([told[name] for name in places], axis=1)[told["turn"] == 0]
        return {tuple(row[:3]): tuple(row[3:]) for row in rows.tolist()}

    ones, others = first_turn(one), first_turn(other)
    both = ones.keys() & others.keys()
    assert 0 < len(both) < len(ones)
    assert all(ones[place] == others[place] for place in both)


def test_only_shows_that_are_live_are_offered(hour: Hour) -> None:
    told = hour.play(chance)
    place = {number: row for row, number in enumerate(hour.pool.number.tolist())}
    rows = np.array([place[number] for number in told["show"].tolist()])
    assert hour.pool.is_live(rows, told["event_ts"]).all()


def test_hype_breaks_out_and_fades() -> None:
    keys = np.arange(500)
    minutes = np.arange(24 * 60) * MINUTE + START
    heights = hype(keys[:, None], minutes)
    assert 0.15 < (heights > 0.2).mean() < 0.4
    assert heights.max() == pytest.approx(HEIGHT, rel=0.1)
    rises = np.diff(heights, axis=1) > 0
    assert rises.mean() < 0.05, "it breaks out at once, and fades from then on"
