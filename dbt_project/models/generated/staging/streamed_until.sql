-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

select
    source,
    cast(max(hour) + interval '1 hour' as timestamp) as until
from {{ source('raw', 'files') }}
where name like '%-stream%.parquet'
group by source
