-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

with clock as (
    select known_until from {{ source('raw', 'clock') }}
),

known as (
    select max(hour) + interval '1 hour' as instant
    from {{ source('raw', 'files') }}
    where source in ('event', 'seller_account_change', 'show_listing_change', 'viewer_account_change')
        and unread is null
        and hour < (select known_until from clock)
),

models (model) as (
    values
        ('viewer_category_taste_current'),
        ('viewer_seller_history_current'),
        ('seller_profile_current'),
        ('seller_stats_current'),
        ('show_activity_current'),
        ('show_catalog_current'),
        ('viewer_activity_current'),
        ('viewer_profile_current'),
        ('feed_ranking_v1'),
        ('show_quality_v1')
),

final as (
    select
        models.model,
        cast(least(max(known.instant), min(held.until)) as timestamp) as as_of
    from models
    cross join known
    left join {{ source('raw', 'held') }} as held
        on models.model = held.model
    group by models.model
)

select * from final
