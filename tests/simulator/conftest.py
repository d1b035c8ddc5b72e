import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from live_shopping.simulator import SimulationConfig, simulate
from tests.made_once import made_once
from tests.simulator.market import Market

SUMMARY = "summary.pickle"


@pytest.fixture(scope="session")
def market() -> Iterator[Market]:
    """Two weeks of a small marketplace, with a view for each source and one for its good events."""
    simulated = SimulationConfig(
        data=Path(),
        end=datetime(2026, 11, 22, 9, tzinfo=UTC),
        days=14,
        events=300_000,
        viewers=6_000,
        sellers=600,
    )

    def make(folder: Path) -> None:
        summary = simulate(replace(simulated, data=folder))
        (folder / SUMMARY).write_bytes(pickle.dumps(summary))

    config = replace(simulated, data=made_once("market", make))
    summary = pickle.loads((config.data / SUMMARY).read_bytes())
    with duckdb.connect() as warehouse:
        warehouse.execute("set timezone = 'UTC'")
        for source in summary.sources:
            files = config.landing / source / "*" / "*.parquet"
            warehouse.execute(
                f"create view {source} as select *, parse_path(filename) as path"
                f" from read_parquet('{files}', filename=true)"
            )
        warehouse.execute("""
            create table good_events as
            select distinct on (event_id) * from events
            where event_id is not null and viewer_id is not null and not isnan(coalesce(price, 1))
              and coalesce(price, 1) > 0 and year(event_ts) between 2000 and 2100
              and kind in ('view', 'tap', 'chat', 'bid', 'purchase', 'follow', 'share')
            order by event_id, received_at
        """)
        warehouse.execute("""
            create table good_impressions as
            select distinct on (impression_id) * from impressions
            where impression_id is not null and viewer_id is not null
              and year(event_ts) between 2000 and 2100
            order by impression_id, received_at
        """)
        yield Market(config, summary, warehouse)
