-- The events of order that landed, each once.
-- Written by `slate compile` from Order: change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='received_at',
    on_schema_change='fail'
) }}

with arrived as (
    select * from {{ source('raw', 'orders') }}
    where {{ arrived('received_at') }}
),

final as (
    select
        arrived.order_id,
        least(arrived.event_ts, arrived.received_at) as event_ts,
        arrived.received_at,
        arrived.viewer_id,
        arrived.show_id,
        arrived.seller_id,
        arrived.device_id,
        arrived.address_id,
        arrived.price
    from arrived
    -- A repeat of an id is the same event sent again: the first that was taken in stays.
    where not exists (
        select 1
        from {{ source('raw', 'orders') }} as earlier
        where earlier.order_id = arrived.order_id
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
