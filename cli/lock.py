"""`slate lock`: what each version of a service promises to its models, in files to commit."""

import sys
from argparse import Namespace

from slate.deployment import load
from slate.errors import ConfigurationError, nearest
from slate.locks.lock_files import lock_path, remove, write
from slate.locks.standing import LockStanding, standing


def run(options: Namespace) -> int:
    """Lock what is new, and take the changes that are accepted; tell of the others."""
    deployment = load()
    found = standing(deployment)
    accepted = set(options.accept)
    _require_known(found, accepted)
    for name in found.gone:
        if name in accepted:
            remove(lock_path(deployment, name))
            print(f"{lock_path(deployment, name)} (removed)")
    for name, contract in found.defined.items():
        # Words may have changed also where the meaning did not.
        if name not in found.changed or name in accepted:
            path = lock_path(deployment, name)
            if write(contract, path):
                print(path)
    if left := standing(deployment).broken():
        raise ConfigurationError("\n".join(left))
    print(f"locked: {', '.join(found.defined) or 'no service'}", file=sys.stderr)
    return 0


def _require_known(found: LockStanding, accepted: set[str]) -> None:
    """Refuse names that are of no version.

    Raises:
        ConfigurationError: naming the nearest.
    """
    known = {*found.defined, *found.locked}
    for name in accepted - known:
        raise ConfigurationError(
            f"--accept: there is no version {name!r} of a service: {nearest(name, known)}"
        )
