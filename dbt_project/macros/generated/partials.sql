{#- Written by `slate compile`. What the generated models share; other warehouses dispatch here. -#}

{#- The number of a hop of so many seconds that an instant lies in, counted from the epoch. -#}
{%- macro hop_number(instant, seconds) -%}
    {{- return(adapter.dispatch('hop_number')(instant, seconds)) -}}
{%- endmacro -%}

{%- macro default__hop_number(instant, seconds) -%}
    (epoch_us({{ instant }}) // {{ seconds * 1000000 }})
{%- endmacro -%}

{#- The first instant inside a window of so many seconds whose tail moves in hops. -#}
{%- macro window_start(instant, seconds, hop_seconds) -%}
    {{- return(adapter.dispatch('window_start')(instant, seconds, hop_seconds)) -}}
{%- endmacro -%}

{%- macro default__window_start(instant, seconds, hop_seconds) -%}
    make_timestamp((epoch_us({{ instant }}) - {{ seconds * 1000000 }}) // {{ hop_seconds * 1000000 }} * {{ hop_seconds * 1000000 }})
{%- endmacro -%}

{#- Whether a row arrived in the hours that this invocation builds; all rows without such hours.
    Slate always says them, so that a row dated beyond the clock waits until it is not. -#}
{%- macro arrived(column) -%}
    {%- set start = invocation_args_dict.get('event_time_start') -%}
    {%- set end = invocation_args_dict.get('event_time_end') -%}
    {%- if start and end -%}
    {{ column }} >= timestamp '{{ start }}' and {{ column }} < timestamp '{{ end }}'
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro -%}

{#- An incremental strategy: the rows that arrived in the built hours replace those there before. -#}
{%- macro get_incremental_arrival_hours_sql(arguments) -%}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments.target_relation }}
    where {{ arrived(config.get('arrival_column')) }};

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{%- endmacro -%}

{#- The sum, the least, the greatest of what several parts of a window hold; parts may hold nothing. -#}
{%- macro sum_of(parts) -%}
    {%- for part in parts -%}
    coalesce({{ part }}, 0){{ ' + ' if not loop.last }}
    {%- endfor -%}
{%- endmacro -%}

{%- macro least_of(parts) -%}
    {{- return(adapter.dispatch('least_of')(parts)) -}}
{%- endmacro -%}

{%- macro default__least_of(parts) -%}
    least({{ parts | join(', ') }})
{%- endmacro -%}

{%- macro greatest_of(parts) -%}
    {{- return(adapter.dispatch('greatest_of')(parts)) -}}
{%- endmacro -%}

{%- macro default__greatest_of(parts) -%}
    greatest({{ parts | join(', ') }})
{%- endmacro -%}

{#- Whole numbers are summed by their halves of 32 bits, which stays exact: the upper half has the
    sign, the lower half none. -#}
{%- macro upper_half(column) -%}
    {{- return(adapter.dispatch('upper_half')(column)) -}}
{%- endmacro -%}

{%- macro default__upper_half(column) -%}
    {{ column }} >> 32
{%- endmacro -%}

{%- macro lower_half(column) -%}
    {{- return(adapter.dispatch('lower_half')(column)) -}}
{%- endmacro -%}

{%- macro default__lower_half(column) -%}
    {{ column }} & 4294967295
{%- endmacro -%}

{#- Such a sum: the nearest whole number of 64 bits, 0 over nothing. -#}
{%- macro total_of_halves(upper, lower) -%}
    {{- return(adapter.dispatch('total_of_halves')(upper, lower)) -}}
{%- endmacro -%}

{%- macro default__total_of_halves(upper, lower) -%}
    cast(least(greatest(
            coalesce(cast({{ upper }} as hugeint) * 4294967296 + {{ lower }}, 0),
            -9223372036854775808
        ), 9223372036854775807) as bigint)
{%- endmacro -%}

{#- Such a sum as a float. -#}
{%- macro float_of_halves(upper, lower) -%}
    (cast({{ upper }} as double) * 4294967296e0 + cast({{ lower }} as double))
{%- endmacro -%}

{#- Of a list of events, which begin with their times, the latest so many, latest first. (DuckDB's own
    max(event, n) reserves room for n of them in every group: 770 bytes for ten.) -#}
{%- macro latest_events(events, length) -%}
    {{- return(adapter.dispatch('latest_events')(events, length)) -}}
{%- endmacro -%}

{%- macro default__latest_events(events, length) -%}
    list_reverse_sort({{ events }})[:{{ length }}]
{%- endmacro -%}

{#- The same of a tile's events, of those that meet some terms. Most tiles of small hops have one event,
    and a list costs ten times what the latest event does: an event is listed only if the key's event
    before it (_before) or that after it (_after) lies in its hop; else it is alone, and all of the list. -#}
{%- macro latest_of_tile(event, length, terms, event_time, hop) -%}
    {{- return(adapter.dispatch('latest_of_tile')(event, length, terms, event_time, hop)) -}}
{%- endmacro -%}

{%- macro default__latest_of_tile(event, length, terms, event_time, hop) -%}
{%- set accompanied = hop_number(event_time, hop) ~ ' in (' ~ hop_number('_before', hop) ~ ', ' ~ hop_number('_after', hop) ~ ')' -%}
{%- set listed = 'list(' ~ event ~ ') filter (where ' ~ (terms ~ ' and ' if terms else '') ~ accompanied ~ ')' -%}
{%- set latest = 'max(' ~ event ~ ')' ~ (' filter (where ' ~ terms ~ ')' if terms else '') -%}
coalesce({{ latest_events(listed, length) }}, case when {{ latest }} is not null then [{{ latest }}] end)
{%- endmacro -%}

{#- The same of a list of such lists. -#}
{%- macro latest_of(lists, length) -%}
    {{- return(adapter.dispatch('latest_of')(lists, length)) -}}
{%- endmacro -%}

{%- macro default__latest_of(lists, length) -%}
    {{- latest_events('flatten(' ~ lists ~ ')', length) -}}
{%- endmacro -%}

{%- macro latest_of_parts(parts, length) -%}
    {{- latest_of('[' ~ parts | join(', ') ~ ']', length) -}}
{%- endmacro -%}

{#- How often values occur in a list of a part, beside those of other parts: the part's number among all, and a
    list with a field for each type of value.

    part        as macros/history.sql explains it
    parts       all of them
    list        the list
    condition   whether it is of the part's window -#}
{%- macro values_of_part(part, parts, list, condition='true') -%}
{%- set found = '[{code: entry.code, ' ~ part.valued ~ ': entry.value, n: entry.n} for entry in ' ~ list ~ ']' if part.valued is defined else list -%}
{part: {{ parts.index(part) }}, list: case when {{ condition }} then {{ found }} end}
{%- endmacro -%}

{#- How often each value occurs in all lists of a part, a row each.

    by      what tells the lists apart, besides the part
    parts   the parts
    lists   a table that has part, list, and the columns of by -#}
{%- macro values_once(by, parts, lists) -%}
    {{- return(adapter.dispatch('values_once')(by, parts, lists)) -}}
{%- endmacro -%}

{%- macro default__values_once(by, parts, lists) -%}
{%- set rows = by | join(', ') ~ ', part' -%}
(
        select
            {{ rows }},
            entry.code as code,
            {%- for type in parts | selectattr('valued', 'defined') | map(attribute='valued') | unique %}
            any_value(entry.{{ type }}) as "{{ type }}",
            {%- endfor %}
            cast(sum(entry.n) as bigint) as n
        from (select {{ rows }}, unnest(list) as entry from {{ lists }})
        group by {{ rows }}, entry.code
    )
{%- endmacro -%}

{#- The same as a list for each part, in the order of the values' codes, no longer than is kept of any. -#}
{%- macro counted_values(by, parts, lists) -%}
    {{- return(adapter.dispatch('counted_values')(by, parts, lists)) -}}
{%- endmacro -%}

{%- macro default__counted_values(by, parts, lists) -%}
{%- set rows = by | join(', ') ~ ', part' -%}
{%- set types = parts | selectattr('valued', 'defined') | map(attribute='valued') | unique -%}
select {{ rows }}, list_sort(list({code: code, {% for type in types %}{{ type }}: "{{ type }}", {% endfor %}n: n}))[:{{ parts | map(attribute='kept') | max }}] as list
    from {{ values_once(by, parts, lists) }}
    group by {{ rows }}
{%- endmacro -%}

{#- And as a column for each part, no longer than is kept of it. -#}
{%- macro counted_columns(by, parts, lists) -%}
    {{- return(adapter.dispatch('counted_columns')(by, parts, lists)) -}}
{%- endmacro -%}

{%- macro default__counted_columns(by, parts, lists) -%}
select
        {{ by | join(', ') }},
        {%- for part in parts %}
        {%- set value = 'value: "' ~ part.valued ~ '", ' if part.valued is defined else '' %}
        list_sort(list({code: code, {{ value }}n: n}) filter (where part = {{ loop.index0 }}))[:{{ part.kept }}] as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ values_once(by, parts, lists) }}
    group by {{ by | join(', ') }}
{%- endmacro -%}

{#- The code of a value, of its text: 63 bits of the MD5, the same as slate.aggregates has. -#}
{%- macro code_of(text) -%}
    {{- return(adapter.dispatch('code_of')(text)) -}}
{%- endmacro -%}

{%- macro default__code_of(text) -%}
    cast(md5_number_lower({{ text }}) >> 1 as bigint)
{%- endmacro -%}

{#- Of a list of how often values occur the least value that has at least a share of all at or below it: in
    order, their numbers are added up until that is reached. -#}
{%- macro quantile_of(counted, share, type) -%}
    {{- return(adapter.dispatch('quantile_of')(counted, share, type)) -}}
{%- endmacro -%}

{%- macro default__quantile_of(counted, share, type) -%}
    list_reduce(
            list_sort([{value: entry.value, upto: entry.n, reached: 0.0::double} for entry in {{ counted }}]),
            lambda a, b: case
                when cast(a.upto as double) >= a.reached then a
                else {value: b.value, upto: a.upto + b.upto, reached: a.reached}
            end,
            {
                value: null::{{ type }},
                upto: 0::bigint,
                reached: {{ share }}::double * cast(list_sum([entry.n for entry in {{ counted }}]) as double)
            }
        ).value
{%- endmacro -%}

{#- Lists of (n, mean, m2) pooled into one: m2 is the sum of squared deviations from the mean, and
    never the difference of large numbers. -#}
{%- macro pooled(parts) -%}
    {{- return(adapter.dispatch('pooled')(parts)) -}}
{%- endmacro -%}

{%- macro default__pooled(parts) -%}
    list_reduce(
            flatten([{{ parts | join(', ') }}]),
            lambda a, b: {
                n: a.n + b.n,
                mean: a.mean + (b.mean - a.mean) * b.n / (a.n + b.n),
                m2: a.m2 + b.m2 + (b.mean - a.mean) ** 2 * a.n * b.n / (a.n + b.n)
            },
            {n: 0.0::double, mean: 0.0::double, m2: 0.0::double}
        )
{%- endmacro -%}
