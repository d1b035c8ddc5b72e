"""The models that were trained: a folder for each, with its facts, and which one is promoted.

A folder of models lies as a training set does::

    models/feed_ranking/
        promoted -> versions/000007      what serves: switched at once
        versions/000008/model.joblib     the model; loading it runs code, as any pickle does
        versions/000008/model.json       its facts

An MLflow registry in files would keep the same facts, and was tried: MLflow 3.17 refuses to write
into files unless a variable says otherwise, as it no longer maintains that; it brings the clients
of two clouds, and takes five seconds to import.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib

from live_shopping.model.metrics import Interval, Metrics
from slate.deployment import Deployment
from slate.errors import DataError

NAME = "feed_ranking"
# Whose training sets they learn from, and whose answers they rank.
SERVICE = "feed_ranking_v1"
PROMOTED, VERSIONS = "promoted", "versions"
_MODEL, _FACTS = "model.joblib", "model.json"
# Older ones are removed, but for the promoted one.
KEPT = 30


@dataclass(frozen=True)
class Facts:
    """What is known of a model.

    Attributes:
        service: the full name of the service whose features it is given.
        features: their names, in the order of the matrix that it takes.
        training_set: which version of the service's training set it learned from.
        learned_until: the rows of before were learned from, those since then judged by (UTC).
        rows: how many rows it learned from.
        metrics: how good it was on the rows since.
        rival: the metrics on the same rows of the model that was promoted then; None if none was.
        importances: by feature, how much NDCG@10 falls when its values are shuffled among rows.
        gain: how much its NDCG@10 lies above that of its rival; None without one, or where no
            viewer tapped anything.
        promoted: whether it was promoted.
        trained_at: when it was trained (UTC).
        version: its number; 0 before it is kept.
    """

    service: str
    features: tuple[str, ...]
    training_set: str
    learned_until: datetime
    rows: int
    metrics: Metrics
    rival: Metrics | None = None
    gain: Interval | None = None
    importances: dict[str, float] = field(default_factory=dict)
    promoted: bool = False
    trained_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int = 0


@dataclass(frozen=True)
class Model:
    """A model and its facts.

    Attributes:
        classifier: tells the probability of a tap for each row of a matrix.
        facts: what is known of it.
    """

    classifier: Any
    facts: Facts


def feed_models(deployment: Deployment) -> Path:
    """The folder of the models that rank feeds."""
    return deployment.data / "models" / NAME


def keep(folder: Path, model: Model) -> Facts:
    """Keep a model under a new version; promote it if its facts say so.

    Args:
        folder: the folder of models of this kind.
        model: the model.

    Returns:
        Its facts, with its version.
    """
    before = _versions(folder)
    facts = replace(model.facts, version=int(before[-1].name) + 1 if before else 1)
    version = folder / VERSIONS / f"{facts.version:06}"
    unfinished = version.with_name(f".{version.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    joblib.dump(model.classifier, unfinished / _MODEL, compress=3)
    (unfinished / _FACTS).write_text(json.dumps(asdict(facts), default=str, indent=1))
    unfinished.rename(version)
    if facts.promoted:
        promote(folder, facts.version)
    live = (folder / PROMOTED).resolve()
    for old in _versions(folder)[:-KEPT]:
        if old.resolve() != live:
            shutil.rmtree(old)
    return facts


def promote(folder: Path, version: int) -> None:
    """Have a version serve, also one of before.

    Raises:
        DataError: there is no such version.
    """
    target = Path(VERSIONS, f"{version:06}")
    if not (folder / target).is_dir():
        raise DataError(f"{folder} has no version {version}: {_told(folder)}")
    link = folder / f".{PROMOTED}"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(folder / PROMOTED)


def promoted_version(folder: Path) -> int | None:
    """Which version serves; None if none does."""
    link = folder / PROMOTED
    return int(link.readlink().name) if link.is_symlink() else None


def load(folder: Path, version: int) -> Model:
    """A version.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    path = folder / VERSIONS / f"{version:06}"
    try:
        return Model(joblib.load(path / _MODEL), facts(folder, version))
    except FileNotFoundError:
        raise DataError(f"{folder} has no version {version}: {_told(folder)}") from None
    except Exception as error:
        # A pickle may fail with anything.
        raise DataError(
            f"{path / _MODEL} cannot be loaded ({error!r}): remove {path}, and train again with "
            "`slate run`"
        ) from error


def facts(folder: Path, version: int) -> Facts:
    """The facts of a version.

    Raises:
        DataError: they cannot be read.
    """
    path = folder / VERSIONS / f"{version:06}" / _FACTS
    try:
        raw = json.loads(path.read_text())
        raw["features"] = tuple(raw["features"])
        raw["metrics"] = Metrics(**raw["metrics"])
        raw["rival"] = Metrics(**raw["rival"]) if raw["rival"] else None
        # Models of before promotion asked for an interval have none.
        raw["gain"] = Interval(**raw["gain"]) if raw.get("gain") else None
        for name in ("learned_until", "trained_at"):
            raw[name] = datetime.fromisoformat(raw[name])
        return Facts(**raw)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} does not hold the facts of a model ({error!r}): remove its folder, and train "
            "again with `slate run`"
        ) from error


def history(folder: Path) -> list[Facts]:
    """The facts of all versions that are kept, in their order."""
    return [facts(folder, int(path.name)) for path in _versions(folder)]


def _versions(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / VERSIONS).glob("[0-9]*") if path.is_dir())


def _told(folder: Path) -> str:
    known = ", ".join(str(int(path.name)) for path in _versions(folder)[-5:])
    return f"the latest are {known}" if known else "train one with `slate run`"
