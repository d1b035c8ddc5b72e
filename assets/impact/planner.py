"""Finding out what a change of definitions does.

The definitions as they are now are compared with the locks, with what the online store serves and
with what the warehouse was built of. What cannot be looked at is said, and left out.
"""

from collections.abc import Iterator
from functools import cached_property

from slate.asset_keys import online_path, training_path
from slate.assets.impact.changes import (
    Changes,
    FeatureChange,
    RulesChange,
    SampleRequest,
    ServiceChange,
    StreamChange,
    TrainingChange,
    ViewChange,
)
from slate.assets.impact.store_state import Live, store_state
from slate.assets.impact.warehouse_state import Amount, WarehouseState, warehouse_state
from slate.assets.manifests import CURRENT, Manifest, Origin, load_manifest
from slate.assets.touched_models import touched_models
from slate.compile.model_graph import readers
from slate.compile.model_names import AS_OF, current_model, exposure, tiles_model, training_model
from slate.deployment import Deployment
from slate.errors import DataError, MissingPackageError, StoreError
from slate.features import Aggregated, Attribute
from slate.fingerprints import fingerprint
from slate.identifiers import VIEW_COLUMNS
from slate.locks.comparison import changed_features, some
from slate.locks.facts import of_feature
from slate.locks.standing import LockStanding, standing
from slate.plans import Plan
from slate.views import FeatureView


def changes_of(deployment: Deployment) -> Changes:
    """What the definitions, as they are now and compiled, do once they run.

    Raises:
        ConfigurationError: a lock cannot be read.
    """
    look = _Look(deployment)
    views, training = list(look.views()), list(look.training())
    made = {view.name for view in views if view.how != "removed"}
    written = {change.name for change in training}
    registry = deployment.registry
    return Changes(
        deployment.name,
        look.standing.broken(),
        list(look.services()),
        list(look.features()),
        views,
        list(look.streams()),
        training,
        list(look.rules()),
        sorted(look.touched),
        [
            *("/".join(online_path(v)) for v in registry.views.values() if v.name in made),
            *(
                "/".join(training_path(s))
                for s in registry.services.values()
                if s.full_name in written
            ),
            *(exposure(s) for s in registry.services.values() if s.full_name in written),
        ],
        list(look.notes()),
        look.unseen,
        {name: asked for name in registry.services if (asked := look.asked(name))},
    )


class _Look:
    """All that can be looked at."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment, self._registry = deployment, deployment.registry
        self.standing: LockStanding = standing(deployment)
        self.unseen: list[str] = []
        self.live: Live | None = None
        self._streams: set[str] = set()
        self.warehouse: WarehouseState | None = None
        try:
            store = store_state(deployment)
            self.live, self._streams = store.live, store.streams
        except StoreError as error:
            self.unseen.append(f"the online store: {error}")
        try:
            self.warehouse = warehouse_state(deployment)
        except (DataError, MissingPackageError) as error:
            self.unseen.append(f"the warehouse: {error}")
        changed = set() if self.warehouse is None else self.warehouse.changed
        graph = readers(deployment.dbt_project)
        self.touched = touched_models(self._registry, graph, changed)
        # It says up to when what is known, of each model, and no value depends on which there are.
        self._otherwise = touched_models(self._registry, graph, changed - {AS_OF})
        self.manifests = dict(self._manifests())
        if not deployment.training.exists():
            self.unseen.append(f"training sets: there is no {deployment.training}")

    def _manifests(self) -> Iterator[tuple[str, Manifest]]:
        for name in self._registry.services:
            folder = self._deployment.training / name
            if (folder / CURRENT).exists():
                try:
                    yield name, load_manifest(folder)
                except DataError as error:
                    self.unseen.append(f"the training set of {name}: {error}")

    def services(self) -> Iterator[ServiceChange]:
        """All versions, also those that are gone."""
        for name, service in self._registry.services.items():
            how = "kept"
            if name in self.standing.changed:
                how = "changed"
            elif name in self.standing.unlocked:
                how = "not locked" if name in self.manifests else "new"
            yield ServiceChange(name, how, len(service.features))
        for name in self.standing.gone:
            yield ServiceChange(name, "gone", len(self.standing.locked[name].features))

    def notes(self) -> Iterator[str]:
        """What a run does not say."""
        for name in dict.fromkeys(s.name for s in self._registry.services.values()):
            versions = [service.full_name for service in self._registry.versions(name)]
            known = [one for one in versions if one in {*self.standing.locked, *self.manifests}]
            if len(known) == 1 < len(versions):
                yield (
                    f"requests for {name!r} alone will be refused, as there are {len(versions)} "
                    f"versions: see that models ask for {known[0]!r}"
                )

    def features(self) -> Iterator[FeatureChange]:
        """Features that are new, changed or gone, by locks, training sets and the warehouse."""
        now, locked = self._registry.features, self.standing.locked.values()
        former = self._former()
        for name, feature in now.items():
            services = self._listing.get(name, ())
            # What no service lists is in no lock, and a request feature then does nothing.
            unlisted = self.warehouse is not None and isinstance(feature, Attribute | Aggregated)
            if name not in former and (services or unlisted):
                words = "; ".join(f"{fact} {text}" for fact, text in of_feature(feature).items())
                yield FeatureChange(name, "new", (words,), services)
        told: set[str] = set()
        for name, changes in self.standing.changed.items():
            changed = changed_features(self.standing.locked[name], self.standing.defined[name])
            for change in changes:
                for one in (f for f in change.features if f in changed - told):
                    told.add(one)
                    own = one in change.definitions
                    how = change.words if own else (f"by {some(change.definitions)}",)
                    yield FeatureChange(one, "changed", how, self._listing.get(one, ()))
        for name in sorted(former - now.keys()):
            listing = tuple(contract.name for contract in locked if name in contract.features)
            yield FeatureChange(name, "gone", (), listing)

    def _former(self) -> set[str]:
        """The features that were there before, as far as anything tells of them."""
        former = {f for contract in self.standing.locked.values() for f in contract.all_features}
        former |= {f for manifest in self.manifests.values() for f in manifest.origin.features}
        if self.warehouse is not None:
            for view in self._registry.views.values():
                built = self.warehouse.columns.get(current_model(view), set())
                built = built - {*view.entity.keys, *VIEW_COLUMNS}
                former |= {f"{view.name}.{column}" for column in built}
        return former

    @cached_property
    def _listing(self) -> dict[str, tuple[str, ...]]:
        """The versions of services that list each feature."""
        found: dict[str, tuple[str, ...]] = {}
        for name, service in self._registry.services.items():
            for feature in service.features:
                found[feature.name] = (*found.get(feature.name, ()), name)
        return found

    def views(self) -> Iterator[ViewChange]:
        """Views that are built or published again, and those that go."""
        for view in self._registry.views.values():
            live = None if self.live is None else self.live.get(view.name, {})
            newest = max((live or {}).values(), key=lambda one: one.published_at, default=None)
            how = "built again" if current_model(view) in self._otherwise else ""
            if live is not None and fingerprint(view) not in live:
                how = "new generation" if live else "first generation"
            if how:
                yield ViewChange(view.name, how, newest, self._read_again(view))
        for name, found in (self.live or {}).items():
            if name not in self._registry.views:
                newest = max(found.values(), key=lambda one: one.published_at)
                yield ViewChange(name, "removed", newest, None)

    def streams(self) -> Iterator[StreamChange]:
        """Sources whose views are served with another stream than they have by now, or with none.

        No table depends on it, so nothing else tells. A generation knows from when on a stream adds
        to it, once that has begun.
        """
        views = [view for view in self._registry.views.values() if view.windowed]
        for source in dict.fromkeys(view.source for view in views):
            live = {
                view.name: generation
                for view in views
                if view.source is source
                and (generation := (self.live or {}).get(view.name, {}).get(fingerprint(view)))
            }
            streamed = any(one.stream_from is not None for one in live.values())
            how = ""
            if not source.stream:
                how = "ends" if streamed else ""
            elif source.stream not in self._streams:
                how = "replaces another" if streamed else "begins"
            if live and how:
                yield StreamChange(source.name, source.stream, how, tuple(live))

    def rules(self) -> Iterator[RulesChange]:
        """Sources of which landed rows are judged again, as they take other ones than before."""
        for name, files in (self.warehouse.judged if self.warehouse else {}).items():
            yield RulesChange(name, len(files), sum(one.refused for one in files))

    def _read_again(self, view: type[FeatureView]) -> Amount | None:
        if self.warehouse is None:
            return None
        if view.windowed:
            anew = tiles_model(view) in self._otherwise
            return self.warehouse.sources[view.source.name] if anew else None
        return self.warehouse.models[view.model] if current_model(view) in self._otherwise else None

    def training(self) -> Iterator[TrainingChange]:
        """Training sets that are written again, or for the first time."""
        for name, plan in self._registry.plans.items():
            manifest = self.manifests.get(name)
            if manifest is None and not self._deployment.training.exists():
                continue
            if manifest is None:
                amount = None
                if self.warehouse is not None:
                    amount = self.warehouse.sources[plan.service.spine.name]
                yield TrainingChange(name, "first", amount)
            elif training_model(plan.service) in self.touched or manifest.origin != Origin.of(plan):
                yield TrainingChange(name, "all days", Amount(manifest.rows, len(manifest.days)))

    def asked(self, name: str) -> SampleRequest | None:
        """The features of a version whose values may be others after a run, or are new.

        Those of a locked version that changed; of one that is not locked, all of the views whose
        definitions did; and those that its training set lacks, or that of an earlier version.
        """
        plan = self._registry.plans[name]
        rows = next((one for one in self._alike(plan) if one in self.manifests), None)
        if rows is None:
            return None
        before, now = self.manifests[rows].origin, Origin.of(plan).definitions
        changed: set[str] = set()
        if name in self.standing.locked:
            changed = changed_features(self.standing.locked[name], self.standing.defined[name])
        elif rows == name:
            views = {view for view, digest in now.items() if before.definitions.get(view) != digest}
            views |= {v.name for v in plan.views if current_model(v) in self._otherwise}
            uses = self.standing.defined[name].uses
            touched = {feature for feature in uses for _, used in uses[feature] if used in views}
            changed = touched | {f.name for f in plan.service.features if f.view.name in views}
        features = [
            f.name
            for f in plan.service.features
            if f.name in changed or f.name not in before.features
        ]
        return SampleRequest(rows, features) if features else None

    def _alike(self, plan: Plan) -> list[str]:
        """A version, and the others of its service that ask about the same, the newest first."""
        service = plan.service
        others = [
            other.full_name
            for other in reversed(self._registry.versions(service.name))
            if (other.keys, other.spine) == (service.keys, service.spine) and other is not service
        ]
        return [service.full_name, *others]
