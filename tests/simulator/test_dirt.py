import pytest

from live_shopping.simulator import dirt
from tests.simulator.market import Market

TOLERANCE = 0.15


def test_shares_of_dirt_in_events_are_near_their_targets(market: Market) -> None:
    rows, late, very_late, ahead, repeated = market.ask("""
        select
            count(*),
            count(*) filter (received_at - event_ts between interval 2 minute and interval 40 hour),
            count(*) filter (received_at - event_ts between interval 24 hour and interval 40 hour),
            count(*) filter (event_ts > received_at and event_ts < received_at + interval 6 minute),
            count(event_id) - count(distinct event_id)
        from events
    """)
    # Of the late ones some have not arrived; of the repeated ones some look late too.
    assert late / rows == pytest.approx(dirt.SHARE_LATE, rel=0.3)
    assert very_late > 0
    assert ahead / rows == pytest.approx(dirt.SHARE_CLOCK_AHEAD, rel=2 * TOLERANCE)
    assert repeated / rows == pytest.approx(dirt.SHARE_DUPLICATED, rel=TOLERANCE)
    malformed = market.summary.sources["events"].malformed
    assert malformed / rows == pytest.approx(dirt.SHARE_MALFORMED, rel=2 * TOLERANCE)


@pytest.mark.parametrize(
    "malformed",
    [
        "viewer_id is null",
        "event_id is null",
        "kind in ('tapp', 'veiw', 'order')",
        "price < 0",
        "isnan(price) and kind = 'purchase'",
        "year(event_ts) = 1969",
        "year(event_ts) = 2106",
    ],
)
def test_each_way_to_be_malformed_is_as_frequent(market: Market, malformed: str) -> None:
    rows, wrong = market.ask(f"select count(*), count(*) filter ({malformed}) from events")
    assert wrong / rows == pytest.approx(dirt.SHARE_MALFORMED / 7, rel=0.7)


def test_other_sources_are_dirty_too(market: Market) -> None:
    impressions = market.summary.sources["impressions"]
    assert impressions.late / impressions.rows == pytest.approx(dirt.SHARE_LATE, rel=TOLERANCE)
    for source in ("impressions", "show_listings"):
        told = market.summary.sources[source]
        assert told.malformed > 0
        assert told.duplicated > 0


def test_a_repeated_event_is_the_same_and_arrives_later(market: Market) -> None:
    groups, different, same_instant, other_hour = market.ask("""
        with repeated as (
            select
                count(distinct (event_ts, viewer_id, show_id, kind, price, watch_seconds)) as kinds,
                count(distinct received_at) as arrivals,
                count(distinct filename) as files
            from events where event_id is not null
            group by event_id having count(*) > 1
        )
        select count(*), count(*) filter (kinds > 1), count(*) filter (arrivals = 1),
            count(*) filter (files > 1)
        from repeated
    """)
    assert (different, same_instant) == (0, 0)
    assert 0 < other_hour < groups


def test_only_bids_and_purchases_have_a_price_and_only_views_a_duration(market: Market) -> None:
    priced, watched = market.ask("""
        select
            count(*) filter ((price is not null) <> (kind in ('bid', 'purchase'))),
            count(*) filter ((watch_seconds is not null) <> (kind = 'view'))
        from events
    """)
    assert (priced, watched) == (0, 0)
