-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select max(hour) + interval '1 hour' as instant
    from {{ source('raw', 'files') }}
)

select cast(max(instant) as timestamp) as as_of
from known
