from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pytest

from live_shopping.simulator import SimulationConfig, simulate
from tests.simulator.market import Market


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Two weeks of a small marketplace, with a view for each source and one for its good events."""
    config = SimulationConfig(
        data=tmp_path_factory.mktemp("market"),
        end=datetime(2026, 11, 22, 9, tzinfo=UTC),
        days=14,
        events=300_000,
        viewers=6_000,
        sellers=600,
    )
    summary = simulate(config)
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
