"""`slate experiments`: what each experiment has come to, as the last run left the warehouse."""

from argparse import Namespace

from slate.assets.experiment_report import HEAD, cells, sentences
from slate.cli.text import heading, table
from slate.deployment import load
from slate.errors import ConfigurationError, nearest
from slate.offline.outcomes import outcomes
from slate.offline.warehouse import reading
from slate.rankings import experiments


def run(options: Namespace) -> int:
    """Print the arms of an experiment beside each other, or those of all."""
    deployment = load()
    every = experiments(deployment)
    if options.name and options.name not in every:
        raise ConfigurationError(
            f"there is no experiment {options.name!r}: {nearest(options.name, every)}"
        )
    if not every:
        print("no ranking is an experiment: docs/experiments.md tells how one becomes one")
        return 0
    with reading(deployment) as connection:
        for name, one in every.items():
            if options.name in ("", name):
                found = outcomes(deployment, one, connection)
                print(heading(name))
                print("\n".join([*sentences(found), table(cells(found), HEAD), ""]))
    return 0
