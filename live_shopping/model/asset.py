"""The asset of the model: trained where the training set was renewed, shown with its metrics."""

import time
from pathlib import Path
from typing import Any

import dagster as dg

from live_shopping.model.metrics import Interval
from live_shopping.model.registry import (
    NAME,
    SERVICE,
    Facts,
    feed_models,
    history,
    keep,
    load,
    promoted_version,
)
from live_shopping.model.training import TooFewRowsError, trained
from slate.asset_keys import training_path
from slate.deployment import Deployment

TOLD = 15
_BAR = 30


def assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """What the marketplace adds to Slate's own assets: the model of the feed."""
    plan = deployment.registry.plan(SERVICE)
    folder, sets = feed_models(deployment), deployment.training / plan.service.full_name

    @dg.asset(
        key=dg.AssetKey(["models", NAME]),
        deps=[dg.AssetKey(training_path(plan.service))],
        description="The model that ranks feeds: the probability of a tap, by gradient boosting. "
        "It learns from all days but the newest, and is promoted if it ranks that day better than "
        "the model that is promoted, by more than chance.",
        group_name="models",
        kinds={"scikitlearn"},
        owners=[plan.service.owner] if plan.service.owner else None,
    )
    def model() -> dg.MaterializeResult[None]:
        began, current = time.perf_counter(), (sets / "current").resolve()
        promoted = promoted_version(folder)
        newest = history(folder)
        if newest and newest[-1].training_set == current.name:
            # Nothing to learn that it does not know.
            known = newest[-1]
        else:
            before = load(folder, promoted) if promoted is not None else None
            try:
                made = trained(plan, current, before)
            except TooFewRowsError as error:
                # A marketplace that has just begun: no reason for the whole run to fail.
                return dg.MaterializeResult(metadata={"not_trained": str(error)})
            known = keep(folder, made)
        return dg.MaterializeResult(metadata=_told(folder, known, time.perf_counter() - began))

    return [model]


def _told(folder: Path, known: Facts, seconds: float) -> dict[str, Any]:
    live = promoted_version(folder)
    told = {
        "version": known.version,
        "promoted_version": live if live is not None else known.version,
        "promoted": known.promoted,
        "ndcg_10": known.metrics.ndcg,
        "auc": known.metrics.auc,
        "logloss": known.metrics.logloss,
        "rows_judged": known.metrics.rows,
        "rows_learned": known.rows,
        "features": len(known.features),
        "service": known.service,
        "training_set": known.training_set,
        "seconds": round(seconds, 3),
        "importances": dg.MetadataValue.md(_importances(known)),
        "versions": dg.MetadataValue.md(_versions(history(folder))),
        "path": dg.MetadataValue.path(str(folder)),
    }
    if known.rival is not None:
        told["ndcg_10_of_the_one_before"] = known.rival.ndcg
    if known.gain is not None:
        told |= {"gain": known.gain.mean, "gain_low": known.gain.low, "gain_high": known.gain.high}
    return told


def _importances(known: Facts) -> str:
    top = list(known.importances.items())[:TOLD]
    most = max((loss for _, loss in top), default=0.0) or 1.0
    rows = [
        f"| {name} | {loss:.4f} | {'█' * round(max(loss, 0) / most * _BAR)} |" for name, loss in top
    ]
    head = ["| feature | NDCG@10 lost when shuffled | |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def _versions(known: list[Facts]) -> str:
    head = ["| version | NDCG@10 | AUC | log loss | above the one before (95 %) | promoted |"]
    rows = [
        f"| {one.version} | {one.metrics.ndcg:.4f} | {one.metrics.auc:.4f} "
        f"| {one.metrics.logloss:.4f} | {_gain(one.gain)} "
        f"| {'yes' if one.promoted else 'no'} |"
        for one in reversed(known)
    ]
    return "\n".join([*head, "|---|---|---|---|---|---|", *rows])


def _gain(gain: Interval | None) -> str:
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" if gain else "-"
