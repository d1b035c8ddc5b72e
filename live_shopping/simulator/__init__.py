"""A simulator of the marketplace: writes what its apps and services would send.

`simulate` is the library, `python -m live_shopping.simulator` the command.
"""

from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.simulation import simulate
from live_shopping.simulator.summary import Progress, SourceSummary, Summary

__all__ = ["Progress", "SimulationConfig", "SourceSummary", "Summary", "simulate"]
