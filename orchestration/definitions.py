"""What Dagster loads: the configured deployment."""

from slate.deployment import load
from slate.orchestration.assembly import assemble

defs = assemble(load())
