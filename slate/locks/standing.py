"""How a deployment's definitions stand to its locks."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from slate.asset_keys import online_path, training_path
from slate.compile.model_names import exposure
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.locks.comparison import Change, changed_features, changes, some
from slate.locks.contracts import Contract, contract
from slate.locks.lock_files import load_locks, lock_path, write
from slate.locks.own_models import OwnModels
from slate.registry import Registry
from slate.services import FeatureService
from slate.views import FeatureView


class LockStanding:
    """How definitions stand to locks; versions of services are named "feed_ranking_v1".

    Args:
        registry: the definitions.
        models: the hand-written models of the dbt project.
        locked: the contracts that are locked, by version.

    Attributes:
        locked: the same.
        plans: the plan of each version that is defined.
    """

    def __init__(
        self, registry: Registry, models: OwnModels, locked: Mapping[str, Contract]
    ) -> None:
        self._registry, self._models = registry, models
        self.locked = locked
        self.plans = registry.plans

    @cached_property
    def defined(self) -> dict[str, Contract]:
        """The contract of each version as it is defined."""
        return {
            name: contract(self._registry, plan, self._models) for name, plan in self.plans.items()
        }

    @cached_property
    def changed(self) -> dict[str, list[Change]]:
        """What changed of each locked version that is no longer what it was."""
        both = [name for name in self.plans if name in self.locked]
        found = {name: changes(self.locked[name], self.defined[name]) for name in both}
        return {name: changed for name, changed in found.items() if changed}

    @property
    def unlocked(self) -> list[str]:
        """The versions that are defined, and not locked yet."""
        return [name for name in self.plans if name not in self.locked]

    @property
    def gone(self) -> list[str]:
        """The versions that are locked, and no longer defined."""
        return [name for name in self.locked if name not in self.plans]

    def require_kept(self) -> None:
        """Refuse definitions by which a locked version is something else, or gone.

        Raises:
            ConfigurationError: saying what changed, and what to do.
        """
        if broken := self.broken():
            raise ConfigurationError("\n".join(broken))

    def require_service_kept(self, service: FeatureService) -> None:
        """Hold a service's training set back where its models were promised something else.

        Raises:
            ConfigurationError: as ``require_kept`` says.
        """
        if service.full_name in self.changed:
            raise ConfigurationError(self._of_changed(service.full_name))

    def require_view_kept(self, view: type[FeatureView]) -> None:
        """Hold a view back where one of its features means something else to a locked version.

        Raises:
            ConfigurationError: as ``require_kept`` says.
        """
        for name in self.changed:
            if view in self._views(name):
                raise ConfigurationError(
                    f"{view.name} is held back, and what is live stays: {self._of_changed(name)}"
                )

    def broken(self) -> list[str]:
        """What is wrong: a text for each locked version that is something else, or gone."""
        return [
            *map(self._of_changed, self.changed),
            *(
                f"{name} is locked, and no longer defined: models that ask for it are refused. "
                f"Define it again. Where no model in use asks for it: `slate lock --accept {name}`"
                for name in self.gone
            ),
        ]

    def _views(self, name: str) -> list[type[FeatureView]]:
        """The views of which a stored feature means something else to a locked version."""
        changed = changed_features(self.locked[name], self.defined[name])
        return [
            view
            for view in self.plans[name].views
            if any(feature.name in changed for feature in view.features.values())
        ]

    def _of_changed(self, name: str) -> str:
        service = self.plans[name].service
        lines = [f"{name} is locked, and its models would be given something else:"]
        for change in self.changed[name]:
            lines += [f"  {some(change.definitions)}", *(f"    {line}" for line in change.words)]
            if others := [f for f in change.features if f not in change.definitions]:
                lines.append(f"    changes {some(others)}")
        assets = [training_path(service), *map(online_path, self._views(name))]
        newest = self._registry.versions(service.name)[-1]
        lines += [
            f"  used by {', '.join(map('/'.join, assets))}, {exposure(service)} (dbt)",
            f"  Leave {name} as it is locked, and make the change beside it: new features, in "
            f"version={newest.version + 1}. Where no model in use was trained on it: `slate lock "
            f"--accept {name}`",
        ]
        return "\n".join(lines)


def standing(deployment: Deployment) -> LockStanding:
    """How a deployment's definitions stand to its locks.

    Raises:
        ConfigurationError: a lock cannot be read.
        DefinitionError: a definition is wrong.
    """
    models = OwnModels(deployment.dbt_project)
    return LockStanding(deployment.registry, models, load_locks(deployment))


def lock_new(deployment: Deployment, found: LockStanding) -> list[Path]:
    """Lock the versions that are defined and not locked, where any version is.

    Args:
        deployment: the deployment; of a preview nothing is locked, as it promises nothing.
        found: how its definitions stood.

    Returns:
        The files that were written, to be committed.

    Raises:
        ConfigurationError: one cannot be written.
    """
    if deployment.env or not found.locked:
        return []
    paths = [lock_path(deployment, name) for name in found.unlocked]
    for name, path in zip(found.unlocked, paths, strict=True):
        write(found.defined[name], path)
    return paths


def not_locked(names: Sequence[str]) -> str:
    """What is said of versions without a lock."""
    return (
        f"not locked: {', '.join(names)}. A change of their features would reach their models "
        "without a word: run `slate lock` once a model is trained, and commit what it writes"
    )
