import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.simulator.market import Market

INSTANT = pa.timestamp("us", tz="UTC")
WHEN = {"event_ts": INSTANT, "received_at": INSTANT}
SCHEMAS = {
    "events": {
        "event_id": pa.string(),
        **WHEN,
        "viewer_id": pa.string(),
        "show_id": pa.string(),
        "seller_id": pa.string(),
        "category": pa.string(),
        "kind": pa.string(),
        "price": pa.float64(),
        "watch_seconds": pa.float64(),
    },
    "impressions": {
        "impression_id": pa.string(),
        "request_id": pa.string(),
        **WHEN,
        "viewer_id": pa.string(),
        "show_id": pa.string(),
        "position": pa.int32(),
        "device": pa.string(),
        "tapped": pa.bool_(),
        "purchased": pa.bool_(),
        "watch_seconds": pa.float64(),
    },
    "viewer_accounts": {
        "change_id": pa.string(),
        **WHEN,
        "viewer_id": pa.string(),
        "country": pa.string(),
        "language": pa.string(),
        "signed_up_at": INSTANT,
        "interests": pa.string(),
        "push_enabled": pa.bool_(),
    },
    "seller_accounts": {
        "change_id": pa.string(),
        **WHEN,
        "seller_id": pa.string(),
        "country": pa.string(),
        "joined_at": INSTANT,
        "rating": pa.float64(),
        "verified": pa.bool_(),
        "followers": pa.int64(),
    },
    "show_listings": {
        "change_id": pa.string(),
        **WHEN,
        "show_id": pa.string(),
        "seller_id": pa.string(),
        "category": pa.string(),
        "title": pa.string(),
        "language": pa.string(),
        "start_price": pa.float64(),
        "scheduled_at": INSTANT,
        "started_at": INSTANT,
        "ended_at": INSTANT,
        "status": pa.string(),
    },
}
PLACED = {
    "viewer_id": pa.string(),
    "show_id": pa.string(),
    "seller_id": pa.string(),
    "device_id": pa.string(),
    "address_id": pa.string(),
    "price": pa.float64(),
}
SCHEMAS["orders"] = {"order_id": pa.string(), **WHEN, **PLACED}
SCHEMAS["order_outcomes"] = SCHEMAS["orders"] | {"charged_back": pa.bool_()}
each_source = pytest.mark.parametrize("source", SCHEMAS)


@each_source
def test_each_hour_has_one_file_of_the_schema(market: Market, source: str) -> None:
    schema = pa.schema(SCHEMAS[source])
    paths = sorted((market.config.landing / source).rglob("*.*"))

    assert len(paths) == market.summary.hours == 14 * 24
    assert paths[0].parts[-2:] == ("2026-11-08", "09.parquet")
    assert paths[-1].parts[-2:] == ("2026-11-22", "08.parquet")
    assert all(pq.read_schema(path) == schema for path in paths)


@each_source
def test_a_files_rows_arrived_in_its_hour_and_are_sorted(market: Market, source: str) -> None:
    (misplaced,) = market.ask(f"""
        select count(*) from {source}
        where strftime(received_at, '%Y-%m-%d/%H.parquet') <> path[-2] || '/' || path[-1]
    """)
    (unsorted,) = market.ask(f"""
        with numbered as (
            select received_at,
                lag(received_at) over (partition by filename order by file_row_number) as before
            from read_parquet(
                '{market.config.landing}/{source}/*/*.parquet', filename=true, file_row_number=true
            )
        )
        select count(*) from numbered where received_at < before
    """)
    assert (misplaced, unsorted) == (0, 0)


@each_source
def test_the_summary_counts_what_was_written(market: Market, source: str) -> None:
    told = market.summary.sources[source]
    assert market.ask(f"select count(*) from {source}") == (told.rows,)
    assert told.files == market.summary.hours


def test_an_hour_without_rows_has_an_empty_file(market: Market) -> None:
    sizes = [
        pq.read_metadata(path).num_rows
        for path in (market.config.landing / "viewer_accounts").glob("*/*.parquet")
    ]
    assert 0 in sizes


def test_sizes_are_near_what_was_asked_for(market: Market) -> None:
    events, impressions = (
        market.summary.sources[source].rows for source in ("events", "impressions")
    )
    assert events == pytest.approx(market.config.events, rel=0.1)
    assert impressions == pytest.approx(0.3 * market.config.events, rel=0.2)
