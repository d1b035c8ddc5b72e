"""Rankings: a service's candidates in the order that a model gives them, asked for in one call.

A deployment names a module in slate.toml, ``rankings = "my_shop.rankings"``, whose function
``rankings(deployment)`` returns what `slate serve` answers under ``/v1/rankings``, by name: what
ranks, or an ``Experiment`` of which each arm has something else that does.
"""

from collections.abc import Mapping
from typing import TypeAlias

from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.experiments import Arm, Experiment, Metric
from slate.exposures import COLUMNS, keys_of
from slate.identifiers import is_portable
from slate.orders import Features, Order, Ranking
from slate.own_modules import made_by
from slate.registry import Registry

__all__ = ["Arm", "Experiment", "Features", "Metric", "Order", "Ranked", "Ranking", "rankings"]

Ranked: TypeAlias = Ranking | Experiment
"""What is asked for by a ranking's name."""


def rankings(deployment: Deployment) -> Mapping[str, Ranked]:
    """The rankings of a deployment, by name; none where slate.toml names no module.

    Raises:
        ConfigurationError: the module cannot be imported or has no such function, a ranking is
            of a service that there is not, or an experiment is not of one kind of request.
        DefinitionError: an experiment is wrong.
    """
    found: Mapping[str, Ranked] = made_by(deployment, "rankings", deployment.rankings) or {}
    if not isinstance(found, Mapping):
        raise ConfigurationError(
            f"{deployment.rankings}: `rankings` returns {found!r}: return a dict of rankings by "
            "name, as in {'feed': Feed()}"
        )
    experiments = dict[str, str]()
    for name, one in found.items():
        if not is_portable(name):
            raise ConfigurationError(
                f"{deployment.rankings}: a ranking is called {name!r}: use lower-case letters, "
                "digits and underscores, as in 'feed'"
            )
        each = (
            (one.ranking, *(arm.ranking for arm in one.arms))
            if isinstance(one, Experiment)
            else (one,)
        )
        for ranking in each:
            _require_ranking(f"{deployment.rankings}: the ranking {name!r}", ranking)
        for service in services_of(one):
            if service not in deployment.registry.services:
                if meant := deployment.registry.versions(service):
                    # Exposures, keys and other arms know it by one name.
                    names = " or ".join(repr(one.full_name) for one in meant)
                    raise ConfigurationError(
                        f"{deployment.rankings}: the ranking {name!r} is of {service!r}: name the "
                        f"service with its version, {names}"
                    )
                raise ConfigurationError(
                    f"{deployment.rankings}: the ranking {name!r} is of {service!r}, and there is "
                    f"no such service: name one of {', '.join(deployment.registry.services)}"
                )
        if isinstance(one, Experiment):
            _check(f"{deployment.rankings}: the ranking {name!r}", one, deployment.registry)
            if other := experiments.get(one.name):
                raise ConfigurationError(
                    f"{deployment.rankings}: the rankings {other!r} and {name!r} are experiments "
                    f"of one name, {one.name!r}, and would have one log: give each its own"
                )
            experiments[one.name] = name
    return found


def services_of(ranking: Ranked) -> tuple[str, ...]:
    """The services that a ranking is of: one, or those of an experiment's arms."""
    return ranking.services if isinstance(ranking, Experiment) else (ranking.service,)


def experiments(deployment: Deployment) -> dict[str, Experiment]:
    """The experiments of a deployment, by their names.

    Raises:
        ConfigurationError: as of ``rankings``.
        DefinitionError: as of ``rankings``.
    """
    every = rankings(deployment).values()
    return {one.name: one for one in every if isinstance(one, Experiment)}


def _require_ranking(where: str, ranking: object) -> None:
    """Refuse what cannot rank."""
    if isinstance(ranking, type) or not callable(getattr(ranking, "order", None)):
        raise ConfigurationError(
            f"{where} is {ranking!r}, which has no method `order`: give an object of a class that "
            "has one, as docs/serving.md shows"
        )
    service = getattr(ranking, "service", None)
    if not isinstance(service, str):
        raise ConfigurationError(
            f"{where} is of the service {service!r}: give its name with its version as text, as in "
            "service = 'feed_ranking_v1'"
        )


def _check(where: str, experiment: Experiment, registry: Registry) -> None:
    """Refuse an experiment whose arms could not all answer one request."""
    first, *others = (registry.services[name] for name in experiment.services)
    if experiment.by not in first.request_keys:
        raise ConfigurationError(
            f"{where}: the experiment {experiment.name!r} is by {experiment.by!r}, which is no key "
            f"of {first.full_name}: name one of {', '.join(first.request_keys)}"
        )
    for other in others:
        if other.request_keys != first.request_keys:
            raise ConfigurationError(
                f"{where}: an arm of the experiment {experiment.name!r} is of {other.full_name}, "
                f"whose keys are {', '.join(other.request_keys)}, and {first.full_name} has "
                f"{', '.join(first.request_keys)}: one request has to do for all arms"
            )
    if clash := COLUMNS.intersection(first.request_keys):
        raise ConfigurationError(
            f"{where}: {first.full_name} has the key {min(clash)!r}, which is a name of the log of "
            f"the exposures of {experiment.name!r}: experiments need it to be called otherwise"
        )
    for part in experiment.parts:
        if part.source not in registry.sources.values():
            raise ConfigurationError(
                f"{where}: metric {part.name!r} of the experiment {experiment.name!r} is of "
                f"{part.source.__name__}, which is no source of these definitions: add it to them"
            )
        kind, column = keys_of(first)[experiment.by], part.source.columns[experiment.by]
        if column.kind is not kind:
            raise ConfigurationError(
                f"{where}: metric {part.name!r} of the experiment {experiment.name!r} finds its "
                f"events by {column!r}, of type {column.kind.value}, and the key {experiment.by!r} "
                f"is of type {kind.value}: give the column the key's type"
            )
