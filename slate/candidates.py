"""Candidate sets: the keys that a request is about where it names none."""

from collections.abc import Iterator
from typing import Any

from slate.entities import Entity
from slate.errors import DefinitionError
from slate.expressions import NOW, Expr, leaves, render
from slate.features import Aggregated, Attribute
from slate.inference import check_expression
from slate.kinds import Kind
from slate.views import FeatureView


class CandidateSet:
    """The keys of an entity of which something holds now, as one near view knows it.

    ::

        live_shows = CandidateSet(Show, where=ShowCatalog.status == "live")

    A service that is given one (``candidates=live_shows``) can be asked without that key: an answer
    then has a row for each key of the set, in no order that is promised.

    Attributes:
        entity: whose keys they are.
        where: an expression of features of one near view of the entity, and of ``now()``.
        view: the view.
        features: the features that it reads.
    """

    def __init__(self, entity: type[Entity], *, where: Any) -> None:
        name = f"CandidateSet({getattr(entity, '__name__', repr(entity))})"
        if not (isinstance(entity, type) and issubclass(entity, Entity) and len(entity.keys) == 1):
            raise DefinitionError(f"{name}: give the class of an entity of one key")
        if not isinstance(where, Expr):
            raise DefinitionError(
                f"{name}: where={where!r} is not an expression of features, as in "
                "where=ShowCatalog.status == 'live'"
            )
        self.entity = entity
        self.where: Expr = where
        self.features = tuple(_features(name, where))
        self.view = _view(name, entity, self.features)
        check_expression(f"{name}: where", where, Kind.BOOLEAN)

    @property
    def key(self) -> str:
        """The key that a request may leave out."""
        return next(iter(self.entity.keys))

    @property
    def timeless(self) -> bool:
        """Whether it changes with the view's rows alone, and not with the time."""
        reads_now = any(leaf is NOW for leaf in leaves(self.where))
        return not (self.view.windowed or self.view.ttl or reads_now)

    def __repr__(self) -> str:
        return f"CandidateSet({self.entity.__name__}, where={render(self.where)})"


def _features(name: str, where: Expr) -> Iterator[Attribute | Aggregated]:
    for leaf in leaves(where):
        if isinstance(leaf, Attribute | Aggregated):
            yield leaf
        elif leaf is not NOW:
            raise DefinitionError(
                f"{name}: {leaf!r} is not a feature of a view: a set is told from a view's "
                "features and now() alone"
            )


def _view(
    name: str, entity: type[Entity], features: tuple[Attribute | Aggregated, ...]
) -> type[FeatureView]:
    views = list(dict.fromkeys(feature.view for feature in features))
    if len(views) != 1:
        told = ", ".join(view.__name__ for view in views) or "none"
        raise DefinitionError(f"{name}: it has to read features of one view, and reads {told}")
    (view,) = views
    assert issubclass(view, FeatureView)
    if view.entity is not entity:
        raise DefinitionError(
            f"{name}: {view.__name__} is of {view.entity.__name__}: choose among the keys of that "
            f"entity, or by a view of {entity.__name__}"
        )
    if not view.near:
        raise DefinitionError(
            f"{name}: {view.__name__} is not near, and only of near views all keys are at hand: "
            'give it near = "1s"'
        )
    return view
