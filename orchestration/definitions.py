"""What Dagster loads: the configured deployment."""

from orchestration.assembly import assemble
from slate.deployment import load

defs = assemble(load())
