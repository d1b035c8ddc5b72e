-- The events of seller_account_change that landed, each once.
-- Written by `slate compile` from SellerAccountChange: change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='received_at',
    on_schema_change='fail'
) }}

with arrived as (
    select * from {{ source('raw', 'seller_accounts') }}
    where {{ arrived('received_at') }}
),

final as (
    select
        arrived.change_id,
        least(arrived.event_ts, arrived.received_at) as event_ts,
        arrived.received_at,
        arrived.seller_id,
        arrived.country,
        arrived.joined_at,
        arrived.rating,
        arrived.verified,
        arrived.followers
    from arrived
    -- A repeat of an id is the same event sent again: the first that was taken in stays.
    where not exists (
        select 1
        from {{ source('raw', 'seller_accounts') }} as earlier
        where earlier.change_id = arrived.change_id
            and earlier.received_at >= arrived.received_at - interval '7 days'
            and earlier.received_at <= arrived.received_at + interval '7 days'
            and (
                earlier._file < arrived._file
                or (earlier._file = arrived._file and earlier.received_at < arrived.received_at)
                or (
                    earlier._file = arrived._file
                    and earlier.received_at = arrived.received_at
                    and earlier._row < arrived._row
                )
            )
    )
)

select * from final
