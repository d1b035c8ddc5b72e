"""Candidate sets: what they may be made of."""

from datetime import datetime
from typing import Any

import pytest

from slate import CandidateSet, Entity, FeatureView, feature, key_of, now
from slate.errors import DefinitionError


class Maker(Entity):
    maker_id: str


class Toy(Entity):
    toy_id: str


class MakerToy(Entity):
    maker_id: str = key_of(Maker)
    toy_id: str = key_of(Toy)


class ToyFacts(FeatureView):
    entity, model, near = Toy, "toy_facts", "1s"
    sold: bool = feature(default=False)
    price: float
    made_at: datetime


class ToyStock(FeatureView):
    entity, model, near = Toy, "toy_stock", "1s"
    units: int = feature(default=0)


class ToyHistory(FeatureView):
    entity, model = Toy, "toy_history"
    returns: int = feature(default=0)


class MakerFacts(FeatureView):
    entity, model, near = Maker, "maker_facts", "1s"
    works: bool = feature(default=True)


def test_a_set_is_told_by_features_of_one_near_view() -> None:
    made = CandidateSet(Toy, where=ToyFacts.price < 5)
    assert (made.key, made.view, made.timeless) == ("toy_id", ToyFacts, True)
    assert not CandidateSet(Toy, where=ToyFacts.made_at < now()).timeless
    assert repr(made) == "CandidateSet(Toy, where=toy_facts.price < 5)"


@pytest.mark.parametrize(
    ("entity", "where", "says"),
    [
        (MakerToy, lambda: ToyFacts.sold, "give the class of an entity of one key"),
        ("toy", lambda: ToyFacts.sold, "give the class of an entity of one key"),
        (Toy, lambda: True, "where=True is not an expression of features"),
        (Toy, lambda: (ToyFacts.price < 5) & (ToyStock.units > 0), "reads ToyFacts, ToyStock"),
        (Toy, now, "it has to read features of one view, and reads none"),
        (Toy, lambda: ToyHistory.returns < 1, "ToyHistory is not near"),
        (Toy, lambda: MakerFacts.works, "MakerFacts is of Maker"),
        (Toy, lambda: ToyFacts.price, "is annotated bool, but its expression gives float64"),
    ],
)
def test_what_is_no_set_is_refused(entity: Any, where: Any, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        CandidateSet(entity, where=where())
