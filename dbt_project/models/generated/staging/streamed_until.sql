-- Up to when each source is held, of its stream and otherwise.
-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

select
    source,
    cast(max(case when regexp_matches(name, '(^|/)[0-9]{2}-stream(-[0-9]+)?[.]parquet$') then hour end) + interval '1 hour' as timestamp) as until,
    cast(max(case when not regexp_matches(name, '(^|/)[0-9]{2}-stream(-[0-9]+)?[.]parquet$') then taken_in_at end) as timestamp) as taken_in
from {{ source('raw', 'files') }}
where unread is null
group by source
