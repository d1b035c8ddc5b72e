import numpy as np
import pyarrow as pa
import pytest

from live_shopping.simulator.encoding import spell
from live_shopping.simulator.marketplace import CATEGORIES
from live_shopping.simulator.viewers import viewers_at_start
from tests.simulator.market import Market


def test_outcomes_of_impressions_are_told_by_events(market: Market) -> None:
    """A late event may still be missing, a malformed one is; else each outcome has its event."""
    taps, told_taps, purchases, told_purchases, views, told_views = market.ask("""
        with outcomes as (
            select i.*, exists (
                from good_events e
                where e.viewer_id = i.viewer_id and e.show_id = i.show_id and e.kind = 'tap'
                  and e.event_ts between i.event_ts and i.received_at + interval 6 minute
            ) as tap, exists (
                from good_events e
                where e.viewer_id = i.viewer_id and e.show_id = i.show_id and e.kind = 'purchase'
                  and e.event_ts between i.event_ts and i.received_at + interval 6 minute
            ) as purchase, exists (
                from good_events e
                where e.viewer_id = i.viewer_id and e.show_id = i.show_id and e.kind = 'view'
                  and e.watch_seconds = i.watch_seconds
            ) as view
            from good_impressions i where event_ts < '2026-11-22 00:00'
        )
        select
            count(*) filter (tapped), count(*) filter (tapped and tap),
            count(*) filter (purchased), count(*) filter (purchased and purchase),
            count(*) filter (watch_seconds > 0), count(*) filter (watch_seconds > 0 and view)
        from outcomes
    """)
    assert min(taps, purchases, views) > 500
    assert told_taps / taps > 0.99
    assert told_purchases / purchases > 0.99
    assert told_views / views > 0.99
    assert taps == views, "who taps watches, and who watches has tapped"
    assert market.ask("select count(*) from impressions where purchased and not tapped") == (0,)


def test_no_listing_knows_what_comes_later(market: Market) -> None:
    wrong = market.ask("""
        select
            count(*) filter (started_at > event_ts or ended_at > event_ts),
            count(*) filter ((started_at is not null) <> (status in ('live', 'ended'))),
            count(*) filter ((ended_at is not null) <> (status = 'ended')),
            count(*) filter (received_at < event_ts)
        from show_listings where year(event_ts) between 2000 and 2100
    """)
    assert wrong == (0, 0, 0, 0)


def test_the_start_of_no_show_can_be_read_off_its_listing(market: Market) -> None:
    shows, on_time = market.ask("""
        select count(*), count(*) filter (started_at = scheduled_at)
        from show_listings where status = 'live'
    """)
    assert shows > 1_000
    assert on_time == 0


def test_no_account_knows_what_comes_later(market: Market) -> None:
    dated = "year(event_ts) between 2000 and 2100"
    assert market.ask(
        f"select count(*) from viewer_accounts where signed_up_at > event_ts and {dated}"
    ) == (0,)
    assert market.ask(
        f"select count(*) from seller_accounts where joined_at > event_ts and {dated}"
    ) == (0,)


def test_events_happen_in_live_shows_to_viewers_that_have_signed_up(market: Market) -> None:
    events, outside, too_early = market.ask("""
        with shows as (
            select show_id, max(started_at) as started_at, max(ended_at) as ended_at
            from show_listings group by all
        ), viewers as (select viewer_id, min(signed_up_at) as signed_up_at from viewer_accounts
            group by all
        )
        select count(*),
            count(*) filter (event_ts not between started_at and coalesce(ended_at, event_ts)),
            count(*) filter (event_ts < signed_up_at)
        from good_events join shows using (show_id) join viewers using (viewer_id)
        where event_ts < received_at
    """)
    assert events > 0.9 * market.config.events
    assert (outside, too_early) == (0, 0)


def test_a_viewer_is_in_one_place_at_a_time(market: Market) -> None:
    (overlapping,) = market.ask("""
        with looks as (
            select viewer_id, event_ts as until,
                event_ts - to_microseconds(cast(watch_seconds * 1e6 as bigint)) as since
            from good_events where kind = 'view' and event_ts < received_at
        )
        select count(*) from (
            select since, lag(until) over (partition by viewer_id order by until) as before
            from looks
        ) where since < before - interval 200 millisecond
    """)
    assert overlapping == 0


def test_popularity_and_activity_are_heavy_tailed(market: Market) -> None:
    (top_seller, top_tenth) = market.ask("""
        with sellers as (
            select count(*) as n, row_number() over (order by count(*) desc) as place
            from good_events group by seller_id
        )
        select max(n) / sum(n), sum(n) filter (place <= 60) / sum(n) from sellers
    """)
    assert 0.02 < top_seller < 0.25
    assert top_tenth > 0.4
    (busiest_tenth,) = market.ask("""
        with viewers as (
            select count(*) as n, row_number() over (order by count(*) desc) as place
            from good_events group by viewer_id
        )
        select sum(n) filter (place <= 600) / sum(n) from viewers
    """)
    assert busiest_tenth > 0.3


def test_the_day_has_a_rhythm(market: Market) -> None:
    quiet, busy = market.ask("""
        with hours as (select hour(event_ts) as hour, count(*) as n from good_events group by all)
        select min(n), max(n) from hours
    """)
    assert busy > 2 * quiet


def test_new_viewers_and_sellers_join_throughout(market: Market) -> None:
    for source, joined in (("viewer_accounts", "signed_up_at"), ("seller_accounts", "joined_at")):
        before, hours = market.ask(f"""
            select count(*) filter ({joined} < '2026-11-08 09:00'),
                count(distinct date_trunc('hour', {joined}))
                    filter ({joined} >= '2026-11-08 09:00')
            from {source}
        """)
        assert before > 0
        assert hours > 2


def test_there_are_enough_shows_to_rank(market: Market) -> None:
    """At least 1.25 per seller: 2,500 for the default 2,000 sellers."""
    (candidates,) = market.ask("""
        with latest as (
            select show_id, arg_max(status, received_at) as status,
                arg_max(scheduled_at, received_at) as scheduled_at
            from show_listings group by show_id
        )
        select count(*) from latest
        where status = 'live'
           or status = 'scheduled' and scheduled_at < timestamptz '2026-11-23 21:00+00'
    """)
    assert candidates > 1.25 * market.config.sellers


RECENT = """
    with shows as (select show_id, any_value(category) as category from show_listings group by all),
    taps as (
        select viewer_id, category, event_ts from good_events where kind = 'tap'
    ), offers as (
        select viewer_id, category, tapped::int as tapped, purchased::int as purchased, exists (
            from taps t
            where t.viewer_id = i.viewer_id and t.category = shows.category
              and t.event_ts < i.event_ts and t.event_ts >= i.event_ts - interval 10 minute
        ) as recent
        from good_impressions i join shows using (show_id)
    )
"""


@pytest.mark.parametrize("outcome", ["tapped", "purchased"])
def test_recent_taps_predict_the_outcome(market: Market, outcome: str) -> None:
    recent, others = market.ask(f"""
        {RECENT}
        select avg({outcome}) filter (recent), avg({outcome}) filter (not recent) from offers
    """)
    assert recent > 3 * others


def test_recent_taps_predict_more_than_long_term_taste_does(market: Market) -> None:
    """Among offers that fit the viewer's true taste equally well, the rest is today's mood."""
    config = market.config
    taste = viewers_at_start(config.seed, config.viewers, start=0).taste
    viewer, category = np.divmod(np.arange(taste.size), len(CATEGORIES))
    tastes = pa.table(
        {
            "viewer_id": spell(viewer, "v", 8),
            "category": pa.array(CATEGORIES).take(pa.array(category)),
            "taste": taste.ravel(),
        }
    )
    market.warehouse.register("tastes", tastes)
    rates = market.warehouse.execute(f"""
        {RECENT}
        select avg(tapped) filter (recent), avg(tapped) filter (not recent), count(*)
        from (select *, ntile(10) over (order by taste) as taste_bin
            from offers join tastes using (viewer_id, category))
        group by taste_bin order by taste_bin
    """).fetchall()

    assert all(recent > 1.5 * others for recent, others, _ in rates)
    weakest_taste, strongest_taste = rates[0], rates[-1]
    assert strongest_taste[1] > 2 * weakest_taste[1], "taste matters as well"
