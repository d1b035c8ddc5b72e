"""`slate acl`: the users that the online store is to have, one for each role."""

import getpass
import sys
from argparse import Namespace

from slate.cli import processes
from slate.cli.processes import TIMEOUT
from slate.deployment import load
from slate.errors import ConfigurationError, nearest
from slate.online.store.redis_client import all_servers
from slate.online.store.roles import ROLES, rules, set_user, user_name


def run(options: Namespace) -> int:
    """Print what the roles' users may do, or make one of them in the store."""
    deployment = load()
    if options.role is None:
        if options.user is not None:
            raise ConfigurationError("--user names the user of a role: give --set ROLE as well")
        for role in ROLES:
            words = " ".join(rules(deployment.name, role))
            print(f"user {user_name(deployment.name, role)} {words}")
        return 0
    if options.role not in ROLES:
        hint = nearest(options.role, ROLES)
        raise ConfigurationError(f"there is no role {options.role!r}: {hint}")
    name = options.user or user_name(deployment.name, options.role)
    password = _password(name)
    with (
        processes.store(deployment) as store,
        all_servers(store.address, TIMEOUT) as servers,
    ):
        for address, server in servers.items():
            kept = set_user(server, name, deployment.name, options.role, password)
            forgets = "" if kept else ", until that ends: it has no aclfile to keep it in"
            print(f"{name} may do in {address} what {options.role}s do{forgets}", file=sys.stderr)
    return 0


def _password(name: str) -> str:
    """The password, from standard input; a terminal does not show it."""
    if sys.stdin.isatty():
        try:
            return getpass.getpass(f"password of {name}: ")
        except EOFError:
            return ""
    return sys.stdin.readline().rstrip("\r\n")
