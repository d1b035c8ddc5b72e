"""`slate compile`: the SQL that the definitions stand for, in the dbt project."""

import sys
from argparse import Namespace

from slate.compile.project import generated, require_project, require_up_to_date, write
from slate.deployment import load


def run(options: Namespace) -> int:
    """Write what is out of date, naming each file; or with ``--check`` only look."""
    deployment = load()
    if options.check:
        require_up_to_date(deployment.registry, deployment.dbt_project)
        return 0
    require_project(deployment.dbt_project)
    changed = write(deployment.registry, deployment.dbt_project)
    for path in changed:
        print(deployment.dbt_project / path)
    total = len(generated(deployment.registry))
    print(f"{total} generated files, of which {len(changed)} changed", file=sys.stderr)
    return 0
