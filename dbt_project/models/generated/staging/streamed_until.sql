-- Up to when each source is held, of its stream and otherwise.
-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

select
    source,
    cast(max(case when name like '%-stream%.parquet' then hour end) + interval '1 hour' as timestamp) as until,
    cast(max(case when name not like '%-stream%.parquet' then taken_in_at end) as timestamp) as taken_in
from {{ source('raw', 'files') }}
where unread is null
group by source
