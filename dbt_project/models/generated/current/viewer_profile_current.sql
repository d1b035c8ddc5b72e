-- The values of viewer_profile at the end of what is known.
-- Written by `slate compile` from ViewerProfile: change the definition, not this.

{{ config(materialized='table') }}

with latest as (
    select
        viewer_id,
        any_value(as_of.as_of) as as_of,
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, country: country, language: language, signed_up_at: signed_up_at, interests: interests, push_enabled: push_enabled}) as latest
    from {{ ref('viewer_profile') }} as history
    cross join (select as_of from {{ ref('as_of') }} where model = 'viewer_profile_current') as as_of
    where history.received_at < as_of.as_of
    group by viewer_id
),

final as (
    select
        viewer_id,
        latest.event_ts as event_ts,
        as_of,
        coalesce(latest.country, 'unknown') as country,
        coalesce(latest.language, 'unknown') as language,
        latest.signed_up_at as signed_up_at,
        latest.interests as interests,
        coalesce(latest.push_enabled, false) as push_enabled
    from latest
)

select * from final
