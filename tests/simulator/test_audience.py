"""Who comes, how often, and how much they do: as in a marketplace that people come back to."""

import numpy as np
import pytest

from tests.simulator.market import Market

START = "timestamptz '2026-11-08 09:00+00'"
LAST_DAYS = "timestamptz '2026-11-19 09:00+00'"
VIEWER_DAYS = f"""
    with viewer_days as (
        select viewer_id, time_bucket(interval 1 day, event_ts, {START}) as day,
            count(*) as events
        from good_events where event_ts < received_at group by all
    )
"""
SESSIONS = """
    with moments as (
        select viewer_id, event_ts, null as request_id from good_events
        union all
        select distinct viewer_id, event_ts, request_id from good_impressions
    ), gaps as (
        select *, event_ts - lag(event_ts) over (partition by viewer_id order by event_ts) as gap
        from moments
    ), sessions as (
        select *, count(*) filter (coalesce(gap > interval 30 minute, true))
            over (partition by viewer_id order by event_ts) as session
        from gaps
    )
"""


def test_a_fifth_of_the_viewers_is_active_on_a_day(market: Market) -> None:
    """Of the default 20,000 viewers, 3,000 to 5,000."""
    counts = market.warehouse.execute(
        f"{VIEWER_DAYS} select count(*) from viewer_days group by day"
    )
    active = np.array(counts.fetchall()).ravel() / market.config.viewers
    assert len(active) == market.config.days
    assert active.min() > 0.15
    assert active.max() < 0.25


def test_most_viewers_do_little_in_a_day_and_a_few_do_much(market: Market) -> None:
    mean, median, top_percent, most = market.ask(f"""
        {VIEWER_DAYS}
        select avg(events), median(events), quantile_cont(events, 0.99), max(events)
        from viewer_days
    """)
    assert 15 < mean < 25
    assert median < 0.75 * mean
    assert top_percent > 100
    assert most > 200


def test_most_viewers_come_back_and_a_tenth_nearly_every_day(market: Market) -> None:
    seen, median, once, top_tenth = market.ask(f"""
        {VIEWER_DAYS}, viewers as (
            select count(*) as days, row_number() over (order by count(*) desc) as place
            from viewer_days group by viewer_id
        )
        select any_value(seen), median(days), avg((days = 1)::int),
            avg(days) filter (place <= seen / 10)
        from viewers, (select count(*) as seen from viewers)
    """)
    assert 0.6 < seen / market.config.viewers < 0.75
    assert median >= 3
    assert 0.2 < once < 0.4, "some viewers are known by one day only"
    assert 12 < top_tenth < 14


def test_a_tenth_of_the_requests_is_of_viewers_that_are_hardly_known(market: Market) -> None:
    requests, new = market.ask(f"""
        {SESSIONS}
        select count(*), avg((session <= 2)::int) from sessions
        where request_id is not null and event_ts >= {LAST_DAYS}
    """)
    assert requests > 1_000
    assert new == pytest.approx(0.1, abs=0.04)


def test_a_session_is_short(market: Market) -> None:
    events, requests, shows = market.ask(f"""
        {SESSIONS}, whole as (
            select count(*) - count(request_id) as events, count(request_id) as requests
            from sessions group by viewer_id, session
        )
        select avg(events), quantile_disc(requests, 0.999), (
            select avg(n) from (select count(*) as n from good_impressions group by request_id)
        ) from whole
    """)
    assert 6 < events < 14
    assert requests <= 3
    assert 8 < shows < 12


def test_viewers_look_more_than_they_act_and_act_more_than_they_buy(market: Market) -> None:
    kinds = market.warehouse.execute(
        "select kind from good_events group by kind order by count(*) desc"
    ).fetchall()
    assert [kind for (kind,) in kinds[:5]] == ["view", "tap", "chat", "bid", "purchase"]


def test_shows_have_an_audience(market: Market) -> None:
    """Live at a time: 100 to 150 for the default 2,000 sellers, as dense as these."""
    market.warehouse.execute("""
        create or replace temp table moments as
        select show_id, started_at, ended_at, unnest(generate_series(
            started_at + interval 10 minute, ended_at, interval 10 minute
        )) as moment
        from (
            select show_id, max(started_at) as started_at, max(ended_at) as ended_at
            from show_listings where show_id is not null
            group by show_id having max(ended_at) < timestamptz '2026-11-22 09:00+00'
        )
    """)
    live, quiet_for_10_minutes, quiet_for_1_hour = market.ask(f"""
        with lately as (
            select *, moment - event_ts as ago
            from moments asof left join good_events
                on moments.show_id = good_events.show_id and moment > event_ts
        )
        select
            sum(epoch(ended_at - started_at)) filter (moment = started_at + interval 10 minute)
                / epoch(timestamptz '2026-11-22 09:00+00' - {START}),
            avg((coalesce(ago, interval 1 day) > interval 10 minute)::int),
            avg((coalesce(ago, interval 1 day) > interval 1 hour)::int)
        from lately
    """)
    assert 100 < live * 2_000 / market.config.sellers < 150
    assert quiet_for_10_minutes < 0.6
    assert quiet_for_1_hour < 0.4


def test_most_offers_are_of_shows_with_recent_events(market: Market) -> None:
    (quiet_for_10_minutes,) = market.ask("""
        select avg((coalesce(i.event_ts - e.event_ts, interval 1 day) > interval 10 minute)::int)
        from good_impressions i asof left join good_events e
            on i.show_id = e.show_id and i.event_ts > e.event_ts
    """)
    assert quiet_for_10_minutes < 0.4
