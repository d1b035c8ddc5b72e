"""`slate explain`: how a service's features are come by. It needs no store."""

from argparse import Namespace

from slate.deployment import load
from slate.online.serving.explain import explain
from slate.online.serving.service_plan import ServicePlan


def run(options: Namespace) -> int:
    """Print the service's plan."""
    print(explain(ServicePlan(load().registry.plan(options.service))))
    return 0
