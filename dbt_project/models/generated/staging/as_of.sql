-- Up to which instant what each model is made of is known.
-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

with clock as (
    select known_until from {{ source('raw', 'clock') }}
),

known as (
    select max(hour) + interval '1 hour' as instant
    from {{ source('raw', 'files') }}
    where source in ('event', 'order', 'seller_account_change', 'show_listing_change', 'viewer_account_change')
        and unread is null
        and hour < (select known_until from clock)
),

models (model, instant) as (
    values
        ('address_orders_current', (select max(instant) from known)),
        ('device_orders_current', (select max(instant) from known)),
        ('seller_orders_current', (select max(instant) from known)),
        ('viewer_orders_current', (select max(instant) from known)),
        ('viewer_category_taste_current', (select max(instant) from known)),
        ('viewer_seller_history_current', (select max(instant) from known)),
        ('seller_profile_current', (select max(instant) from known)),
        ('seller_stats_current', (select max(instant) from known)),
        ('show_activity_current', (select max(instant) from known)),
        ('show_catalog_current', (select max(instant) from known)),
        ('viewer_activity_current', (select max(instant) from known)),
        ('viewer_profile_current', (select max(instant) from known)),
        ('feed_ranking_v1', (select known_until from clock)),
        ('order_risk_v1', (select known_until from clock)),
        ('show_quality_v1', (select known_until from clock))
),

final as (
    select
        models.model,
        cast(least(any_value(models.instant), min(held.until)) as timestamp) as as_of
    from models
    left join {{ source('raw', 'held') }} as held
        on models.model = held.model
    group by models.model
)

select * from final
