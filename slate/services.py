"""Feature services: the list of features that one model is trained and served with."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from slate.candidates import CandidateSet
from slate.entities import Entity
from slate.errors import DefinitionError
from slate.expressions import Expr, leaves
from slate.features import Aggregated, Attribute, Computed, Feature, Input, Windows
from slate.identifiers import TRAINING_DAY, check_owner, is_portable, longer
from slate.kinds import Kind, several
from slate.sources import Source
from slate.views import FeatureView, RequestFeatures
from slate.windows import duration

# What a log of answers calls what it has besides keys, inputs and features.
LOG_COLUMNS = frozenset(
    ["request_id", "request_row", "asked_at", "answered_at", "stored_at", "errors"]
)


class FeatureService:
    """A named, versioned list of features for one model.

    It lists features, aggregates and whole views. Of a view, ``without`` leaves out what an older
    version never had: ``features=[ViewerActivity], without=[ViewerActivity.shares]``.

    Attributes:
        name: its name, as the client asks for it.
        version: raised when its features change for a model that depends on them.
        keys: the entities whose keys a request brings.
        spine: the source whose rows a training set is built for: the service's key columns, the
            request's inputs, the instant asked about (its event time), and the labels.
        features: its features, each once, in the order given.
        computed: the expressions among them or behind them, each after those that it reads.
        inputs: what a request brings besides keys and time.
        stored: the features that are read from rows.
        candidates: the keys that a request is about where it names none of their entity; None if
            it has to.
        logged: the share of its answers that are logged, from 0 (none) to 1.
        max_drift: how far what is served of a feature may be from its training set, as a population
            stability index; None to tell it and not judge it.
        frozen: for how long whoever asks again with a ``request_id`` gets the same answer ("30m");
            empty for not at all.
        frozen_us: the same in microseconds, None for not at all.
        description, owner, tags: for the catalogue.
    """

    def __init__(
        self,
        name: str,
        *,
        version: int,
        keys: Sequence[type[Entity]],
        features: Sequence[Any],
        spine: type[Source],
        without: Sequence[Any] = (),
        candidates: CandidateSet | None = None,
        logged: float = 0.0,
        frozen: str = "",
        max_drift: float | None = None,
        description: str = "",
        owner: str = "",
        tags: Sequence[str] = (),
    ) -> None:
        where = f"FeatureService({name!r})"
        _check_name(where, name, version)
        self.name = name
        self.version = version
        self.spine = _spine(where, spine)
        self.keys = _keys(where, keys)
        self.candidates = _candidates(where, candidates, self.keys)
        self.logged = _logged(where, logged)
        self.max_drift = _max_drift(where, max_drift)
        self.frozen = frozen
        self.frozen_us = duration(frozen, f"{where}: frozen") if frozen else None
        self.description = description
        check_owner(f"{where}: owner", owner)
        self.owner = owner
        self.tags = several(f"{where}: tags", tags)
        self.features = _listed(where, features, several(f"{where}: without", without))
        behind = tuple(made_of(self.features))
        self.computed = tuple(f for f in behind if isinstance(f, Computed))
        self.inputs = tuple(f for f in behind if isinstance(f, Input))
        self.stored = tuple(f for f in behind if isinstance(f, Attribute | Aggregated))
        self._check_request(where)

    def _check_request(self, where: str) -> None:
        """Refuse a request that the spine cannot bring, or the log cannot hold."""
        for entity in self.keys:
            for key, kind in entity.keys.items():
                self._need(where, key, kind)
        for feature in self.inputs:
            self._need(where, feature.column, feature.kind, never_null=feature.required)
        for name in (*self.request_keys, *(feature.column for feature in self.inputs)):
            if name in LOG_COLUMNS:
                raise DefinitionError(
                    f"{where}: {name!r} is a name of its answers' log: rename it, as in "
                    f"{longer(self.name, name)!r}"
                )

    def _need(self, where: str, column: str, kind: Kind, never_null: bool = False) -> None:
        """Refuse a spine that does not say a part of each row's request."""
        found = self.spine.columns.get(column)
        if found is None or found.kind is not kind:
            raise DefinitionError(
                f"{where}: its spine {self.spine.__name__} needs a column `{column}: {kind.value}`"
            )
        if never_null and found.nullable and not kind.has_null:
            raise DefinitionError(
                f"{where}: {found!r} may be null, but a request must bring {column}: give "
                "request_input(default=...), or annotate the column without `| None`"
            )

    @property
    def request_keys(self) -> tuple[str, ...]:
        """The names of the key columns that a request brings."""
        return tuple(key for entity in self.keys for key in entity.keys)

    @property
    def full_name(self) -> str:
        """The name with its version, as training sets are named ("feed_ranking_v1")."""
        return f"{self.name}_v{self.version}"

    def __repr__(self) -> str:
        return f"FeatureService({self.name!r}, version={self.version})"


def _check_name(where: str, name: str, version: int) -> None:
    if not is_portable(name):
        raise DefinitionError(
            f"{where}: a name is lower-case letters, digits and underscores, as in 'home_feed'"
        )
    if type(version) is not int or version < 1:
        raise DefinitionError(f"{where}: version={version!r} is not a whole number from 1")


def _spine(where: str, spine: type[Source]) -> type[Source]:
    if not (isinstance(spine, type) and issubclass(spine, Source)):
        raise DefinitionError(f"{where}: spine={spine!r} is not a source: give a source's class")
    if TRAINING_DAY in spine.columns:
        raise DefinitionError(
            f"{where}: the folders of its training set are named by the {TRAINING_DAY}: rename "
            f"{spine.__name__}.{TRAINING_DAY}, as in {longer(spine.name, TRAINING_DAY)!r}"
        )
    return spine


def _keys(where: str, keys: Sequence[type[Entity]]) -> tuple[type[Entity], ...]:
    found = several(f"{where}: keys", keys)
    if not found:
        raise DefinitionError(f"{where}: say what a request is about: keys=[...]")
    for entity in found:
        if not (isinstance(entity, type) and issubclass(entity, Entity)):
            raise DefinitionError(f"{where}: {entity!r} is not a key: give an entity's class")
        if len(entity.keys) != 1:
            raise DefinitionError(
                f"{where}: {entity.__name__} is a pair; give its two entities as keys"
            )
        if found.count(entity) > 1:
            raise DefinitionError(
                f"{where}: {entity.__name__} is a key twice: a request has one of each"
            )
    return found


def _candidates(
    where: str, candidates: CandidateSet | None, keys: Sequence[type[Entity]]
) -> CandidateSet | None:
    if candidates is not None and (
        not isinstance(candidates, CandidateSet) or candidates.entity not in keys
    ):
        raise DefinitionError(
            f"{where}: candidates={candidates!r} is not a CandidateSet of one of its keys"
        )
    return candidates


def _logged(where: str, logged: float) -> float:
    if isinstance(logged, bool) or not isinstance(logged, int | float) or not 0 <= logged <= 1:
        raise DefinitionError(
            f"{where}: logged={logged!r} is not a share of its answers: give a number from 0 "
            "to 1, as in logged=0.01"
        )
    return float(logged)


def _max_drift(where: str, max_drift: float | None) -> float | None:
    if max_drift is None:
        return None
    if (
        isinstance(max_drift, bool)
        or not isinstance(max_drift, int | float)
        or not 0 < max_drift < float("inf")
    ):
        raise DefinitionError(
            f"{where}: max_drift={max_drift!r} is not a population stability index: give a "
            "number above 0, as in max_drift=0.25"
        )
    return float(max_drift)


def _listed(where: str, features: Sequence[Any], without: Sequence[Any]) -> tuple[Feature, ...]:
    """The features that a service lists, each once, in the order given, but for those without."""
    listed: dict[str, Feature] = {}
    for item in features:
        for feature in features_of(where, item):
            if listed.setdefault(feature.name, feature) is not feature:
                raise DefinitionError(f"{where} has two features named {feature.name!r}")
    for item in without:
        for feature in features_of(where, item):
            if listed.pop(feature.name, None) is None:
                raise DefinitionError(
                    f"{where}: without={feature.name}: it does not list that feature; take it "
                    "out of `without`"
                )
    if not listed:
        raise DefinitionError(f"{where} lists no feature")
    return tuple(listed.values())


def made_of(features: Iterable[Expr]) -> Iterator[Expr]:
    """All features that some are made of, with these, each once and after those that it reads."""
    seen: set[Expr] = set()

    def visit(feature: Expr) -> Iterator[Expr]:
        if feature not in seen:
            seen.add(feature)
            if isinstance(feature, Computed):
                for leaf in leaves(feature.expression):
                    yield from visit(leaf)
            yield feature

    for feature in features:
        yield from visit(feature)


def features_of(where: str, item: object) -> list[Feature]:
    """The features that an item of a service's list stands for.

    Raises:
        DefinitionError: it is not a feature, nor a view or windows of such.
    """
    if isinstance(item, Feature):
        return [item]
    if isinstance(item, Windows):
        return list(item)
    if isinstance(item, type) and issubclass(item, FeatureView | RequestFeatures):
        return list(item.features.values())
    raise DefinitionError(
        f"{where}: {item!r} is not a feature; list views, features and aggregates by attribute, "
        "as in features=[ThisView, ThatView.some_feature]"
    )
