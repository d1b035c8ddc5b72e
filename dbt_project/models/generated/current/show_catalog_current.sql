-- The values of show_catalog at the end of what is known.
-- Written by `slate compile` from ShowCatalog: change the definition, not this.

{{ config(materialized='table') }}

with latest as (
    select
        show_id,
        any_value(as_of.as_of) as as_of,
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, seller_id: seller_id, category: category, language: language, status: status, start_price: start_price, scheduled_at: scheduled_at, started_at: started_at, ended_at: ended_at}) as latest
    from {{ ref('show_catalog') }} as history
    cross join (select as_of from {{ ref('as_of') }} where model = 'show_catalog_current') as as_of
    where history.received_at < as_of.as_of
    group by show_id
),

final as (
    select
        show_id,
        latest.event_ts as event_ts,
        as_of,
        latest.seller_id as seller_id,
        coalesce(latest.category, 'other') as category,
        coalesce(latest.language, 'unknown') as language,
        coalesce(latest.status, 'scheduled') as status,
        nullif(cast(latest.start_price as double), cast('nan' as double)) as start_price,
        latest.scheduled_at as scheduled_at,
        latest.started_at as started_at,
        latest.ended_at as ended_at
    from latest
)

select * from final
