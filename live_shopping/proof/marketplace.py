"""Another marketplace: the same definitions and another seed, so other viewers, sellers and tastes.

It is simulated, and `slate run` builds its history, in a folder of its own that is removed
afterwards. Nothing of the deployment that is measured is touched: neither its data nor its store.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from live_shopping.model.training import NEWEST
from live_shopping.proof import history_alone
from live_shopping.proof.ages import AGES, LEARNED_DAYS, OLD
from live_shopping.simulator import SimulationConfig, simulate
from slate.compile import project
from slate.deployment import Deployment
from slate.errors import DataError, SlateError

# As many as models learn from and are judged by, and one more, which the oldest features of the
# first of them need.
_DAYS = (LEARNED_DAYS + NEWEST + AGES[OLD]).days
# What dbt writes itself, what is compiled anew, and what is for whoever changes a model.
_LEFT_OUT = ("target", "logs", "generated", "_unit_tests.yml")
# What would point a run at the deployment that is measured.
_OTHERS = ("SLATE_DATA", "SLATE_REDIS", "SLATE_CLOCK", "SLATE_ENV", "DAGSTER_HOME")
_PREFIX = "slate-proof-"
_FOLDER = re.compile(rf"[^\s'\"]*{_PREFIX}\w+/?")
# So many characters of why a run failed are told.
_TOLD = 300


@dataclass(frozen=True)
class Size:
    """How much is simulated of a marketplace.

    Attributes:
        days: for how many days.
        viewers: how many there are at the start.
        sellers: the same.
        events: about how many there are in these days.
        impressions: the same.
    """

    days: int = _DAYS
    viewers: int = 10_000
    sellers: int = 1_000
    events: int = 36_000 * _DAYS
    impressions: int = 21_500 * _DAYS


@contextmanager
def marketplace(
    production: Deployment, seed: int, end: datetime, size: Size, say: Callable[[str], None]
) -> Iterator[Deployment]:
    """Another marketplace's deployment, built; all of it is removed when it is left.

    Args:
        production: the deployment whose own dbt models it has too.
        seed: what it is simulated with.
        end: the end of its period, a whole hour (UTC), at which its clock stands.
        size: how much is simulated.
        say: told what is being done.

    Raises:
        DataError: it cannot be made, or what was done with it failed.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
            deployment = _prepared(production, end, Path(folder).resolve())
            say(f"simulating {size.days} days of {size.viewers:,} viewers")
            simulate(
                SimulationConfig(
                    data=deployment.data,
                    end=end,
                    days=size.days,
                    events=size.events,
                    viewers=size.viewers,
                    sellers=size.sellers,
                    seed=seed,
                    impressions=size.impressions,
                )
            )
            say("building its history, with `slate run`")
            _run(deployment.data.parent)
            yield deployment
    except SlateError as error:
        # What lay in its folder is gone when this is read.
        raise DataError(_FOLDER.sub("", str(error))) from error
    except OSError as error:
        raise DataError(
            f"it cannot be written ({error.strerror or error}): it takes some 300 MB among "
            "temporary files; TMPDIR names another folder for these"
        ) from error


def _prepared(production: Deployment, end: datetime, folder: Path) -> Deployment:
    """A deployment in an empty folder, with its dbt project and without data."""
    deployment = replace(
        production,
        name="other_marketplace",
        definitions=history_alone.__name__,
        dbt_project=folder / "dbt_project",
        data=folder / "data",
        redis="",
        demo="",
        assets="",
        rankings="",
        clock=end,
        env="",
    )
    left_out = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(production.dbt_project, deployment.dbt_project, ignore=left_out)
    project.write(deployment.registry, deployment.dbt_project)
    # The same for `slate run`, which is a process of its own.
    settings = {
        "name": deployment.name,
        "definitions": deployment.definitions,
        "dbt_project": deployment.dbt_project.name,
        "data": deployment.data.name,
        "clock": end.isoformat(),
        "memory": deployment.memory,
    }
    text = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    (folder / "slate.toml").write_text(text)
    return deployment


def _run(folder: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    variables["SLATE_CONFIG"] = str(folder / "slate.toml")
    # The definitions do not lie beside that file.
    paths = [str(Path(history_alone.__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    with subprocess.Popen(
        [sys.executable, "-m", "slate.cli", "run"],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        try:
            said, _ = run.communicate()
        except BaseException:
            # As at a terminal: it ends what it started, before the folder goes.
            run.send_signal(signal.SIGINT)
            run.communicate()
            raise
    if run.returncode:
        _, told, last = said.rpartition("slate: ")
        words = " ".join(last.split())
        raise DataError(f"`slate run` failed: {words[:_TOLD] if told else words[-_TOLD:]}")
