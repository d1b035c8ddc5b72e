"""What is known of what definitions describe: of runs, of what is served, of models that use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from slate.assets import check_results
from slate.assets.check_results import Found
from slate.assets.health import Health, ViewHealth, health
from slate.assets.manifests import CURRENT, Manifest, load_manifest
from slate.deployment import Deployment
from slate.errors import ConfigurationError, DataError, StoreError
from slate.locks.standing import LockStanding, standing
from slate.quality.acceptance import Acceptance, accepted
from slate.quality.run_reports import RunReport, run_reports


@dataclass(frozen=True)
class Known:
    """All that is known beyond definitions; what is not is empty, and ``gaps`` says why.

    Attributes:
        at: when that was, by the platform's clock (UTC).
        served: how views stand in the online store, by view; empty where the store was not asked.
        troubles: what is wrong with what is served, and what to do.
        runs: what is kept of each view's runs, by view, the newest first.
        checks: what other checks found last, by the definition they are of.
        training: what each version of a service was trained with last.
        accepted: what was said to be meant of a view's next run.
        locks: how definitions stand to what is locked; None where locks cannot be read.
        gaps: what could not be told, and why.
    """

    at: datetime
    served: Mapping[str, ViewHealth] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    runs: Mapping[str, list[RunReport]] = field(default_factory=dict)
    checks: Mapping[type, Mapping[str, Found]] = field(default_factory=dict)
    training: Mapping[str, Manifest] = field(default_factory=dict)
    accepted: Mapping[str, Acceptance] = field(default_factory=dict)
    locks: LockStanding | None = None
    gaps: list[str] = field(default_factory=list)

    def newest(self, view: str) -> RunReport | None:
        """What came of a view's suite last; None where it never ran."""
        found = self.runs.get(view)
        return found[0] if found else None


def known(deployment: Deployment) -> Known:
    """All that is known of a deployment now. What cannot be read is a gap, and costs nothing else.

    A store that rests is not started.
    """
    registry, gaps = deployment.registry, list[str]()
    stands = _health(deployment, gaps)
    checked: list[check_results.Checked] = [*registry.sources.values(), *registry.views.values()]
    return Known(
        at=deployment.now(),
        served={one.view: one for one in stands.views},
        troubles=stands.troubles if stands.views else [],
        runs=run_reports(deployment.reports),
        checks={of: check_results.kept(deployment, of) for of in checked},
        training=_training(deployment, gaps),
        accepted=_accepted(deployment, gaps),
        locks=_locks(deployment, gaps),
        gaps=gaps,
    )


def _health(deployment: Deployment, gaps: list[str]) -> Health:
    try:
        found = health(deployment)
    except StoreError as error:
        gaps.append(str(error))
        return Health(deployment.now(), [], [], [])
    if not found.views and found.troubles:
        gaps.append("What is served is not known: the online store did not run when this was made.")
    return found


def _training(deployment: Deployment, gaps: list[str]) -> dict[str, Manifest]:
    found = {}
    for name in deployment.registry.services:
        folder: Path = deployment.training / name
        if not (folder / CURRENT).exists():
            continue
        try:
            found[name] = load_manifest(folder)
        except DataError as error:
            gaps.append(str(error))
    return found


def _accepted(deployment: Deployment, gaps: list[str]) -> dict[str, Acceptance]:
    found = {}
    for name in deployment.registry.views:
        try:
            said = accepted(deployment.reports, name)
        except DataError as error:
            gaps.append(str(error))
        else:
            if said is not None:
                found[name] = said
    return found


def _locks(deployment: Deployment, gaps: list[str]) -> LockStanding | None:
    try:
        return standing(deployment)
    except ConfigurationError as error:
        gaps.append(str(error))
        return None
