"""What a change of definitions does: to features, services, views, training sets and readers."""

from dataclasses import dataclass

from slate.assets.impact.warehouse_state import Amount
from slate.online.store.generations import Generation


@dataclass(frozen=True)
class ServiceChange:
    """A version of a service.

    Attributes:
        name: with its version.
        how: "kept", "changed", "new" or "gone", by its lock; "not locked" where it has none, and a
            training set.
        features: how many features it has; of one that is gone, had.
    """

    name: str
    how: str
    features: int


@dataclass(frozen=True)
class FeatureChange:
    """A feature that is not what it was.

    Attributes:
        name: its full name.
        how: "new", "changed" or "gone".
        words: what it is made of, or what of that changed.
        services: the versions of services that list it.
    """

    name: str
    how: str
    words: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(frozen=True)
class ViewChange:
    """A view that is built or published again.

    Attributes:
        name: the view.
        how: "first" or "new generation", "built again", or "removed".
        live: the generation that is live, of whatever definition; None if none is, or is seen.
        read: how much is read again to build it; None if nothing, or if that is not known.
    """

    name: str
    how: str
    live: Generation | None
    read: Amount | None


@dataclass(frozen=True)
class RulesChange:
    """A source that takes other rows than before, so that some of what landed is judged again.

    Attributes:
        source: the source.
        files: how many landing files are.
        refused: how many of their rows are refused until then.
    """

    source: str
    files: int
    refused: int


@dataclass(frozen=True)
class StreamChange:
    """A source whose stream is not the one that its views are served with.

    Attributes:
        source: the source.
        stream: the stream that it has by now; empty for none.
        how: "begins", where its views are served without one; "ends"; or "replaces another".
        views: the views.
    """

    source: str
    stream: str
    how: str
    views: tuple[str, ...]


@dataclass(frozen=True)
class TrainingChange:
    """A training set that is written again.

    Attributes:
        name: the service with its version.
        how: "first" or "all days".
        amount: how much it has, or of a first one will have about; None if that is not known.
    """

    name: str
    how: str
    amount: Amount | None


@dataclass(frozen=True)
class SampleRequest:
    """Features of a version whose values are to be looked at.

    Attributes:
        rows: the version whose training set has rows to look at: itself, or another one of the
            service that asks about the same.
        features: the features.
    """

    rows: str
    features: list[str]


@dataclass(frozen=True)
class Changes:
    """What a change of definitions does.

    Attributes:
        deployment: the deployment.
        broken: why a run refuses it: for each locked version that is something else, or gone.
        services: the versions of services.
        features, views, training: what is new, changed, built or written again.
        streams: the streams that are not the ones that views are served with. One ends with the
            next run; what begins does so when `slate stream` has applied something of it.
        rules: the sources that take other rows than before.
        models: the dbt models that are built for all hours.
        readers: the assets and exposures that are made again, by what Dagster and dbt call them.
        notes: what else is to be known before it runs.
        unseen: what could not be looked at, and why.
        asked: of versions whose values can be looked at, which of them may change, or are new.
    """

    deployment: str
    broken: list[str]
    services: list[ServiceChange]
    features: list[FeatureChange]
    views: list[ViewChange]
    streams: list[StreamChange]
    training: list[TrainingChange]
    rules: list[RulesChange]
    models: list[str]
    readers: list[str]
    notes: list[str]
    unseen: list[str]
    asked: dict[str, SampleRequest]

    @property
    def nothing(self) -> bool:
        """Whether a run has nothing to do, by all that could be looked at."""
        ends = [one for one in self.streams if one.how == "ends"]
        told = (
            *(self.broken, self.features, self.views, ends),
            *(self.training, self.rules, self.models),
        )
        return not any(told) and all(one.how in ("kept", "not locked") for one in self.services)
