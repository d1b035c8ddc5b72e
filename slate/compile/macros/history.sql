{#- Written by `slate compile`. The models of history: the values of windows as of the instants that a
    spine asks about. Such a model says of what its windows are made:

    keys      its key columns
    levels    the sizes of tiles in seconds, smallest first, each by the name of the table of what
              such tiles hold
    parts     the columns that windows are put together from, a line each:

        name      the column
        tiles     how it comes of many tiles (SQL, %s: which of them)
        hop       the largest tiles that it is made of, in seconds
        hops      how many of these its window covers besides the open one
        earlier   instead of hops, where it is of all of time: how it comes of all tiles up to some
                  (SQL, to which `over` is added)
        list      instead of tiles, where it is a list of the latest events: its aggregate,
        latest    and how many it has at most
        counted   instead of tiles, where it is of how often values occur: the column of a tile,
        kept      how many values it has at most,
        valued    and whether the values are kept beside their codes
        merged    the macro that makes one part of several

    Its table `hops` has the keys and instants asked about, with the number of the hop of each size
    that the instant lies in (hop_300). Why windows are made so, slate/compile/asked.py says. -#}

{#- The keys as columns of a table; and whether two tables have the same. -#}
{%- macro keys_of(table, keys) -%}
    {%- for key in keys -%}
    {{ table }}.{{ key }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro -%}

{%- macro same_keys(table, other, keys) -%}
    {%- for key in keys -%}
    {{ table }}.{{ key }} = {{ other }}.{{ key }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro -%}

{#- Which of the tiles of a level that are known in a hop belong to a part: those of its window; or
    of the open hop of the next level, `ratio` times as large. -#}
{%- macro in_part(part, level, ratio) -%}
    {%- if part.hops is defined and part.hop == level -%}
    tile >= hop - {{ part.hops }}
    {%- else -%}
    arrived // {{ ratio }} = hop // {{ ratio }}
        {%- if part.hops is defined -%}
        {%- set steps = part.hop // level %} and tile >= (hop // {{ steps }} - {{ part.hops }}) * {{ steps }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro -%}

{#- How many times as large the next level is; 0 of the largest. -#}
{%- macro ratio_of(level, levels) -%}
{{ (levels.values() | select('gt', level) | min) // level if level < levels.values() | max else 0 }}
{%- endmacro -%}

{#- The last hop in which a tile of a level counts: until it has left all of these parts' windows of this
    hop, and the open hop of the next level is over. The first is that after its arrival. -#}
{%- macro last_hop(parts, level, ratio) -%}
{%- set windows = parts | selectattr('hop', 'eq', level) | selectattr('hops', 'defined') | list -%}
{%- set ends = [] -%}
{%- if windows %}{% do ends.append('tile + ' ~ (windows | map(attribute='hops') | max)) %}{% endif -%}
{%- if ratio %}{% do ends.append('arrived // ' ~ ratio ~ ' * ' ~ ratio ~ ' + ' ~ (ratio - 1)) %}{% endif -%}
{{ greatest_of(ends) if ends[1:] else ends[0] }}
{%- endmacro -%}

{#- The first and the last hop of a level that are asked about; which of the hops that a tile counts in
    lie between them, a row each; and whether any does. Of few hours, few tiles are read. -#}
{%- macro asked_span(level) -%}
cross join (select min(hop_{{ level }}) as asked_from, max(hop_{{ level }}) as asked_to from hops)
{%- endmacro -%}

{%- macro counting_hops(last) -%}
unnest(range(greatest(arrived + 1, asked_from), least({{ last }}, asked_to) + 1))
{%- endmacro -%}

{%- macro counts_in_span(last) -%}
arrived < asked_to and {{ last }} >= asked_from
{%- endmacro -%}

{#- For each level a table of the parts that its tiles hold, by the hop asked about. Each table
    expression ends in a comma, here and in what follows. -#}
{%- macro parts_of_tiles(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('parts_of_tiles')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__parts_of_tiles(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- for table, level in levels.items() -%}
{%- set held = parts | selectattr('tiles', 'defined') | selectattr('hop', 'ge', level) | list -%}
{%- set ratio = ratio_of(level, levels) | int -%}
{%- if held -%}
{{ table }}_known as (
    select * replace ({{ counting_hops(last_hop(held, level, ratio)) }} as hop)
    from {{ tiles }}
    {{ asked_span(level) }}
    where hop = {{ level }} and {{ counts_in_span(last_hop(held, level, ratio)) }}
),

{{ table }} as (
    select
        {{ by_key }},
        hop,
        {%- for part in held %}
        {{ part.tiles | format(in_part(part, level, ratio)) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (select distinct {{ by_key }}, hop_{{ level }} as hop from hops)
    inner join {{ table }}_known using ({{ by_key }}, hop)
    group by {{ by_key }}, hop
),

{% endif -%}
{%- endfor -%}
{%- endmacro -%}

{#- A table of the hops that are asked about, whatever their level, and one of their spans: for what is made in one table for
    all levels, because a table for each part and level would be hundreds. -#}
{%- macro hops_by_level(keys, levels, parts) -%}
{%- if parts | rejectattr('tiles', 'defined') | list -%}
hops_by_level as (
    {%- for level in levels.values() %}
    select {{ keys | join(', ') }}, asked_at, {{ level }} as level, hop_{{ level }} as hop from hops
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

asked_spans as (
    select level, min(hop) as asked_from, max(hop) as asked_to from hops_by_level group by level
),

{% endif -%}
{%- endmacro -%}

{#- A table of how often values occur in what the tiles of each level hold, each value once and no more
    of them than are kept: end to end, the lists of a long window's tiles would be far more than what
    comes of them. And one of those of all levels together, for each instant. -#}
{%- macro counted_values(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('counted_values')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__counted_values(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set counted = parts | selectattr('counted', 'defined') | list -%}
{%- for part in counted -%}
{%- set value = 'value: value, ' if part.valued else '' -%}
{#- Null of levels that it is not made of, whose tiles count in no hop. -#}
{%- set last -%}
case hop
    {%- for level in levels.values() if level <= part.hop %} when {{ level }} then {{ last_hop([part], level, ratio_of(level, levels) | int) }}
    {%- endfor %} end
{%- endset -%}
{{ part.name }}_known as (
    select
        {{ by_key }},
        level,
        hop,
        list_sort(list({code: code, {{ value }}n: n}))[:{{ part.kept }}] as {{ part.name }}
    from (
        select
            {{ by_key }},
            level,
            hop,
            entry.code as code,
            {%- if part.valued %}
            any_value(entry.value) as value,
            {%- endif %}
            cast(sum(entry.n) as bigint) as n
        from (
            select {{ by_key }}, level, hop, tile, arrived, arrived_hour
            from (select distinct {{ by_key }}, level, hop from hops_by_level)
            inner join (
                select
                    {{ by_key }}, hop as level, tile, arrived, arrived_hour,
                    {{ counting_hops(last) }} as hop
                from {{ tiles }}
                inner join asked_spans on asked_spans.level = hop
                where {{ part.counted }} is not null and {{ counts_in_span(last) }}
            ) using ({{ by_key }}, level, hop)
            where case level
                {%- for level in levels.values() if level <= part.hop %}
                when {{ level }} then {{ in_part(part, level, ratio_of(level, levels) | int) }}
                {%- endfor %}
            end
        )
        inner join (
            select
                {{ by_key }}, hop as level, tile, arrived, arrived_hour,
                unnest({{ part.counted }}) as entry
            from {{ tiles }}
            inner join asked_spans on asked_spans.level = hop
            where {{ counts_in_span(last) }}
        ) using ({{ by_key }}, level, tile, arrived, arrived_hour)
        group by {{ by_key }}, level, hop, entry.code
    )
    group by {{ by_key }}, level, hop
),

{% endfor -%}
{%- if counted -%}
counted_values as (
    select
        {{ by_key }},
        asked_at,
        {%- for part in counted %}
        flatten(list({{ part.name }}) filter (where {{ part.name }} is not null)) as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from hops_by_level
    inner join (
        {%- for part in counted %}
        select * from {{ part.name }}_known{{ ' union all by name' if not loop.last }}
        {%- endfor %}
    ) using ({{ by_key }}, level, hop)
    group by {{ by_key }}, asked_at
),

{% endif -%}
{%- endmacro -%}

{#- A table of the latest of what arrived in the open hop of each level's next, in the hops of the level
    that closed. Lists are large, so they are never copied for each hop that they count in: they are
    joined with the hops that are asked about. -#}
{%- macro closed_lists(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('closed_lists')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__closed_lists(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set lists = parts | selectattr('list', 'defined') | list -%}
{%- set closing = levels.values() | reject('eq', levels.values() | max) | list -%}
{%- if lists and closing -%}
closed_lists as (
    select
        {{ by_key }},
        level,
        wanted.hop,
        {%- for part in lists %}
        {{ latest_of('list(' ~ part.name ~ ')', part.latest) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (select distinct {{ by_key }}, level, hop, {{ next_hop('level', 'hop', closing, levels) }} as next from hops_by_level) as wanted
    inner join (
        select * exclude (hop), hop as level, {{ next_hop('hop', 'arrived', closing, levels) }} as next
        from {{ tiles }}
    ) as tiles using ({{ by_key }}, level, next)
    where tiles.arrived < wanted.hop
    group by {{ by_key }}, level, wanted.hop
),

{% endif -%}
{%- endmacro -%}

{#- The number of the hop of the next level; null where there is none. -#}
{%- macro next_hop(level, hop, closing, levels) -%}
case {{ level }}{% for size in closing %} when {{ size }} then {{ hop }} // {{ ratio_of(size, levels) }}{% endfor %} end
{%- endmacro -%}

{#- A table of what was known of all of time by the end of each of the largest hops. -#}
{%- macro earlier_parts(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('earlier_parts')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__earlier_parts(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set running = parts | selectattr('earlier', 'defined') | list -%}
{%- if running -%}
earlier as (
    select
        {{ by_key }},
        arrived,
        {%- for part in running %}
        {{ part.earlier }} over (partition by {{ by_key }} order by arrived) as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ tiles }}
    where hop = {{ levels.values() | max }}
    group by {{ by_key }}, arrived
),

{% endif -%}
{%- endmacro -%}

{#- Two tables of the latest of all that was known by then. Lists are never kept for each hop that a
    key has lived through. What arrived in the hop that it happened in comes in order of time, so its
    latest lie in the last tiles that hold so many events between them. What arrived later is in no
    order; there a running list is kept, which costs more, for events that are few. -#}
{%- macro earlier_lists(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('earlier_lists')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__earlier_lists(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set lists = parts | selectattr('list', 'defined') | list -%}
{%- if lists -%}
in_time_lists as (
    select
        {{ by_key }},
        arrived,
        {%- for part in lists %}
        {{ latest_of('list(' ~ part.name ~ ') over (partition by ' ~ by_key ~ ' order by ' ~ part.name ~ '__n range between ' ~ (part.latest - 1) ~ ' preceding and current row)', part.latest) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            *,
            {%- for part in lists %}
            sum(coalesce(len({{ part.name }}), 0)) over (partition by {{ by_key }} order by arrived) as {{ part.name }}__n{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ tiles }}
        where hop = {{ levels.values() | max }} and tile = arrived
    )
),

late_lists as (
    select
        {{ by_key }},
        arrived,
        {%- for part in lists %}
        max({{ part.name }}, {{ part.latest }}) over (partition by {{ by_key }} order by arrived) as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            {{ by_key }},
            arrived,
            {%- for part in lists %}
            unnest({{ part.name }}) as {{ part.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ tiles }}
        where hop = {{ levels.values() | max }} and tile < arrived
    )
),

{% endif -%}
{%- endmacro -%}

{#- All of these tables: what was known by the end of the last closed hop. -#}
{%- macro known_parts(tiles, keys, levels, parts) -%}
    {{- parts_of_tiles(tiles, keys, levels, parts) -}}
    {{- hops_by_level(keys, levels, parts) -}}
    {{- counted_values(tiles, keys, levels, parts) -}}
    {{- closed_lists(tiles, keys, levels, parts) -}}
    {{- earlier_parts(tiles, keys, levels, parts) -}}
    {{- earlier_lists(tiles, keys, levels, parts) -}}
{%- endmacro -%}

{#- The parts of each window as one: those of these tables, and of `head`, the table of what single
    events of the smallest open hop hold. -#}
{%- macro merged_parts(keys, levels, parts) -%}
    {{- return(adapter.dispatch('merged_parts')(keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__merged_parts(keys, levels, parts) -%}
{%- set lists = parts | selectattr('list', 'defined') | list -%}
{%- set counted = parts | selectattr('counted', 'defined') | list -%}
{%- set sizes = parts | selectattr('tiles', 'defined') | map(attribute='hop') | list -%}
{%- set running = parts | selectattr('earlier', 'defined') | list -%}
{%- set closing = levels.values() | reject('eq', levels.values() | max) | list -%}
select
        {{ keys_of('hops', keys) }},
        hops.asked_at,
        {%- for part in parts %}
        {%- set tables = [] -%}
        {%- if part.counted is defined -%}
            {%- do tables.append('counted_values') -%}
        {%- elif part.list is defined -%}
            {%- for level in closing %}{% do tables.append('closed_' ~ level) %}{% endfor -%}
            {%- do tables.extend(['in_time_lists', 'late_lists']) -%}
        {%- else -%}
            {%- for table, level in levels.items() if level <= part.hop %}{% do tables.append(table) %}{% endfor -%}
            {%- if part.earlier is defined %}{% do tables.append('earlier') %}{% endif -%}
        {%- endif -%}
        {%- set columns = [] -%}
        {%- for table in tables + ['head'] %}{% do columns.append(table ~ '.' ~ part.name) %}{% endfor %}
        {{ part.merged(columns, part.latest) if part.list is defined else part.merged(columns) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from hops
    {%- for table, level in levels.items() if sizes and level <= sizes | max %}
    left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.hop = hops.hop_{{ level }}
    {%- endfor %}
    {%- for level in closing if lists %}
    {%- set table = 'closed_' ~ level %}
    left join closed_lists as {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.level = {{ level }} and {{ table }}.hop = hops.hop_{{ level }}
    {%- endfor %}
    {%- for table in (['earlier'] if running else []) + (['in_time_lists', 'late_lists'] if lists else []) %}
    asof left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and hops.hop_{{ levels.values() | max }} > {{ table }}.arrived
    {%- endfor %}
    {%- for table in (['counted_values'] if counted else []) + ['head'] %}
    left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.asked_at = hops.asked_at
    {%- endfor %}
{%- endmacro -%}
