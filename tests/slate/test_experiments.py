"""Experiments: who has which arm, and what a definition may say."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slate import Source, arrival_time, event_time, unique_id
from slate.deployment import Deployment
from slate.errors import ConfigurationError, DefinitionError
from slate.experiments import Arm, Experiment, Metric
from slate.kinds import Kind
from slate.offline.comparisons import mismatch
from slate.orders import Features, Order
from slate.rankings import rankings
from tests.online.arcade import Offer, Play, play_ranking

UNITS = range(20_000)


class Nothing:
    def __init__(self, service: str = "play_ranking_v3") -> None:
        self.service = service

    def order(self, answer: Features, request_id: str) -> Order:
        raise NotImplementedError


def experiment(
    name: str = "one", shares: tuple[float, ...] = (0.5, 0.5), **given: Any
) -> Experiment:
    arms = [Arm(f"arm_{place}", Nothing(), share) for place, share in enumerate(shares)]
    settings: dict[str, Any] = {"by": "player_id", "ranking": Nothing(), "arms": arms}
    return Experiment(name, **settings | given)


def names(one: Experiment, units: Any = UNITS) -> list[str]:
    return [arm.name if (arm := one.arm(unit)) else "" for unit in units]


def test_arms_have_their_shares_of_all_units() -> None:
    found = Counter(names(experiment(shares=(0.5, 0.2, 0.1))))
    numbers = [found[name] for name in ("arm_0", "arm_1", "arm_2", "")]
    assert sum(numbers) == len(UNITS)
    assert mismatch(numbers, [0.5, 0.2, 0.1, 0.2]) > 0.001
    assert found[""] > 3_500


def test_a_unit_has_its_arm_for_ever() -> None:
    """Written down: on all machines, and in all versions of Python, they are these."""
    assert names(experiment(shares=(0.3, 0.3)), range(12)) == PINNED
    assert names(experiment(shares=(0.3, 0.3)), map(str, range(12))) == PINNED


PINNED = [
    "arm_0",
    "",
    "arm_1",
    "arm_0",
    "",
    "arm_0",
    "",
    "arm_0",
    "arm_0",
    "arm_0",
    "arm_0",
    "arm_1",
]


def test_two_experiments_split_apart() -> None:
    one, other = names(experiment("one")), names(experiment("other"))
    both = Counter(zip(one, other, strict=True))
    assert mismatch(list(both.values()), [1, 1, 1, 1]) > 0.001
    assert len(both) == 4
    # In the same arm of one, units are in the experiment of another as often as any.
    few = names(experiment("few", (0.1, 0.1)))
    inside = [name == "arm_0" for name, arm in zip(one, few, strict=True) if arm]
    assert np.mean(inside) == pytest.approx(0.5, abs=0.03)


def test_shares_that_grow_together_move_nobody() -> None:
    few, more = names(experiment(shares=(0.1, 0.2))), names(experiment(shares=(0.3, 0.6)))
    stayed = [(was, now) for was, now in zip(few, more, strict=True) if was]
    assert 5_500 < len(stayed) < 6_500
    assert all(was == now for was, now in stayed)
    assert more.count("") == pytest.approx(2_000, abs=200)


def wrong_metric(**given: Any) -> Metric:
    return Metric(**{"name": "plays", "source": Play, **given})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: experiment(shares=(0.6, 0.5)), r"are 0.6 \+ 0.5 = 1.1 of all units"),
        (lambda: experiment(shares=(0.5,)), "has 1 arms: give two or more"),
        (lambda: experiment(shares=(0.5, 0.0)), "'arm_1' has a share of 0.0: give a number over 0"),
        (lambda: experiment(shares=(0.5, True)), "has a share of True"),
        (lambda: experiment("No Name"), "'No Name' is not a plain name"),
        (
            lambda: experiment(arms=[Arm("a", Nothing(), 0.1)] * 2),
            "two of its arms are called 'a': give each its own name",
        ),
        (
            lambda: experiment(metrics=[wrong_metric(), wrong_metric(where=Play.won)]),
            "two of its metrics are called 'plays'",
        ),
        (
            lambda: experiment(by="studio_id", metrics=[Metric("offers", Offer)]),
            "Offer has no column 'studio_id'",
        ),
        (lambda: wrong_metric(source=Nothing), "is not a source"),
        (lambda: wrong_metric(value=Offer.budget), r"budget is not a column of Play"),
        (lambda: wrong_metric(value=Play.game_id), "is of type str, which cannot be summed"),
        (lambda: wrong_metric(where=Offer.budget > 3), "metric 'plays': Offer.budget"),
        (lambda: wrong_metric(within="soon"), "'soon' is not a duration"),
        (lambda: wrong_metric(within="0s"), "'0s' is not a duration"),
        (lambda: wrong_metric(within="365001d"), "is longer than 365,000 days"),
        (lambda: wrong_metric(per="seen"), "per='seen' is not a metric"),
        (lambda: experiment(arms=None), r"its arms are None: give a list of Arm\(...\)"),
        (lambda: experiment(arms=["a", "b"]), "its arms are"),
        (lambda: experiment(metrics=wrong_metric()), r"give a list of Metric\(...\)"),
        (lambda: experiment(owner=3), "owner = 3: give an e-mail address"),
        (lambda: wrong_metric(per=wrong_metric(name="b", per=wrong_metric(name="c"))), "quotient"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make()


def test_arms_have_to_answer_the_same_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Deployment(
        "arcade", "tests.online.arcade", tmp_path, tmp_path, tmp_path, rankings=__name__
    )

    def refused(**found: Any) -> str:
        monkeypatch.setitem(globals(), "rankings", lambda deployment: found)
        with pytest.raises(ConfigurationError) as error:
            RANKINGS(one)
        return str(error.value)

    other = [Arm("a", Nothing(), 0.1), Arm("b", Nothing("studio_page_v1"), 0.1)]
    assert "keys are studio_id, and play_ranking_v3 has player_id, game_id" in refused(
        games=experiment(arms=other)
    )
    assert "is by 'studio_id', which is no key of play_ranking_v3" in refused(
        games=experiment(by="studio_id")
    )
    assert "'x' is of 'nothing_v1', and there is no such service" in refused(
        x=experiment(ranking=Nothing("nothing_v1"))
    )
    for wrong, said in (
        (None, "is None, which has no method `order`"),
        ("play_ranking_v3", "is 'play_ranking_v3', which has no method `order`"),
        (Nothing, "which has no method `order`: give an object of a class"),
        (Nothing(play_ranking), "of the service FeatureService('play_ranking', version=3): give"),
    ):
        assert said in refused(x=wrong)
        assert said in refused(x=experiment(arms=[Arm("a", wrong, 0.1), Arm("b", wrong, 0.1)]))
    for short in ("play_ranking", "play_ranking@3"):
        assert f"is of {short!r}: name the service with its version, 'play_ranking_v3'" in refused(
            x=experiment(ranking=Nothing(short))
        )
    assert "'games' and 'again' are experiments of one name, 'one'" in refused(
        games=experiment(), again=experiment()
    )
    monkeypatch.setattr(Play.columns["player_id"], "kind", Kind.STRING)
    assert "by Play.player_id, of type str, and the key 'player_id' is of type int" in refused(
        games=experiment(metrics=[Metric("plays", Play)])
    )
    assert "FlightLeft, which is no source" in refused(
        games=experiment(metrics=[Metric("left", FlightLeft)])
    )


RANKINGS = rankings


class FlightLeft(Source):
    model = "stg_left"
    left_id: str = unique_id()
    left_at: datetime = event_time()
    seen_at: datetime = arrival_time()
    player_id: int
