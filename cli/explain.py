"""`slate explain`: how a service's features are come by. It needs no store."""

from argparse import Namespace

from online.serving.explain import explain
from online.serving.service_plan import ServicePlan
from slate.deployment import load


def run(options: Namespace) -> int:
    """Print the service's plan."""
    registry = load().registry
    service = registry.service(options.service)
    print(explain(ServicePlan(registry.plans[service.name])))
    return 0
