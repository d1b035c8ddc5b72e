from dataclasses import dataclass

import duckdb

from live_shopping.simulator import SimulationConfig, Summary


@dataclass(frozen=True)
class Market:
    """A simulated marketplace, and a warehouse to ask about it."""

    config: SimulationConfig
    summary: Summary
    warehouse: duckdb.DuckDBPyConnection

    def ask(self, question: str) -> tuple[float, ...]:
        (row,) = self.warehouse.execute(question).fetchall()
        return tuple(row)
