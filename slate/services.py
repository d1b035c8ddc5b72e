"""Feature services: the list of features that one model is trained and served with."""

from collections.abc import Sequence
from typing import Any

from slate.entities import Entity, Source
from slate.errors import DefinitionError
from slate.features import Feature, Input, Windows
from slate.views import FeatureView, RequestFeatures


class FeatureService:
    """A named, versioned list of features for one model.

    Attributes:
        name: its name, as the client asks for it.
        version: raised when its features change for a model that depends on them.
        keys: the entities whose keys a request brings.
        spine: the source whose rows a training set is built for: the service's key columns, the
            request's inputs, the instant asked about (its event time), and the labels.
        features: its features, each once, in the order given.
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
        description: str = "",
        owner: str = "",
        tags: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.keys = tuple(keys)
        self.spine = spine
        self.description = description
        self.owner = owner
        self.tags = tuple(tags)
        where = f"FeatureService({name!r})"
        if not name.isidentifier():
            raise DefinitionError(f"{where}: a name is letters, digits and underscores")
        if not self.keys:
            raise DefinitionError(f"{where}: say what a request is about: keys=[...]")
        listed: dict[str, Feature] = {}
        for item in features:
            for feature in _features(where, item):
                if listed.setdefault(feature.name, feature) is not feature:
                    raise DefinitionError(f"{where} has two features named {feature.name!r}")
        if not listed:
            raise DefinitionError(f"{where} lists no feature")
        self.features = tuple(listed.values())
        for entity in self.keys:
            if len(entity.keys) != 1:
                raise DefinitionError(
                    f"{where}: {entity.__name__} is a pair; give its two entities as keys"
                )
            for key, kind in entity.keys.items():
                self._need(where, key, kind.value)
        for feature in self.features:
            if isinstance(feature, Input):
                self._need(where, feature.column, feature.kind.value)

    def _need(self, where: str, column: str, kind: str) -> None:
        found = self.spine.columns.get(column)
        if found is None or found.kind.value != kind:
            raise DefinitionError(
                f"{where}: its spine {self.spine.__name__} needs a column `{column}: {kind}`"
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


def _features(where: str, item: object) -> list[Feature]:
    if isinstance(item, Feature):
        return [item]
    if isinstance(item, Windows):
        return list(item)
    if isinstance(item, type) and issubclass(item, FeatureView | RequestFeatures):
        return list(item.features.values())
    raise DefinitionError(
        f"{where}: {item!r} is no feature; list views, features and aggregates by attribute, "
        "as in features=[ViewerActivity, ShowCatalog.category]"
    )
