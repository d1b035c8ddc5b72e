"""Orders: the purchases of sessions, those of fraud rings between them, and their outcomes."""

from tests.simulator.market import Market

DATED = "year(event_ts) between 2000 and 2100 and order_id is not null and viewer_id is not null"


def test_each_purchase_is_an_order(market: Market) -> None:
    """Late and malformed rows may miss on either side."""
    purchases, ordered = market.ask(f"""
        with placed as (select * from orders where {DATED})
        select count(*), count(*) filter (exists (
            from placed o where o.viewer_id = e.viewer_id and o.show_id = e.show_id
              and o.price = e.price and o.event_ts = e.event_ts
        ))
        from good_events e where kind = 'purchase' and event_ts < received_at
    """)
    assert purchases > 5_000
    assert ordered / purchases > 0.985


def test_rings_order_without_watching(market: Market) -> None:
    """Of what was charged back most was ordered by who did nothing else there."""
    charged, silent, others, silent_others = market.ask(f"""
        with outcomes as (
            select *, not exists (
                from good_events e where e.viewer_id = o.viewer_id and e.show_id = o.show_id
            ) as silent
            from order_outcomes o where {DATED}
        )
        select count(*) filter (charged_back), count(*) filter (charged_back and silent),
            count(*) filter (not charged_back), count(*) filter (not charged_back and silent)
        from outcomes
    """)
    assert 0.01 < charged / (charged + others) < 0.05
    assert silent / charged > 0.7
    assert silent_others / others < 0.01


def test_no_sign_of_a_ring_tells_for_sure(market: Market) -> None:
    """Some rings have a device for each account, and families share one."""
    alone, together, families = market.ask(f"""
        with devices as (
            select device_id, count(distinct viewer_id) as accounts, bool_or(charged_back) as fraud,
                count(*) as orders
            from order_outcomes where {DATED} group by device_id
        )
        select sum(orders) filter (fraud and accounts = 1),
            sum(orders) filter (fraud and accounts > 1),
            count(*) filter (not fraud and accounts > 1)
        from devices
    """)
    assert min(alone, together) > 20
    assert families > 5


def test_outcomes_are_known_later_and_one_an_order(market: Market) -> None:
    early, outcomes, orders, unknown = market.ask(f"""
        with outcomes as (select distinct on (order_id) * from order_outcomes where {DATED})
        select count(*) filter (o.received_at < o.event_ts + interval 6 hour), count(*),
            count(distinct o.order_id), count(*) filter (p.order_id is null)
        from outcomes o left join (select distinct order_id from orders) p using (order_id)
    """)
    assert early == 0
    assert outcomes == orders
    assert unknown / outcomes < 0.01
    (placed,) = market.ask(f"select count(distinct order_id) from orders where {DATED}")
    assert 0.85 < outcomes / placed < 1.0
