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

{#- Of a list of lists of events, which begin with their times, the latest so many, latest first. -#}
{%- macro latest_of(lists, length) -%}
    {{- return(adapter.dispatch('latest_of')(lists, length)) -}}
{%- endmacro -%}

{%- macro default__latest_of(lists, length) -%}
    list_reverse_sort(flatten({{ lists }}))[:{{ length }}]
{%- endmacro -%}

{%- macro latest_of_parts(parts, length) -%}
    {{- latest_of('[' ~ parts | join(', ') ~ ']', length) -}}
{%- endmacro -%}

{#- Lists end to end. -#}
{%- macro flattened(lists) -%}
    {{- return(adapter.dispatch('flattened')(lists)) -}}
{%- endmacro -%}

{%- macro default__flattened(lists) -%}
    flatten([{{ lists | join(', ') }}])
{%- endmacro -%}

{#- The code of a value, of its text: 63 bits of the MD5, the same as slate.aggregates has. -#}
{%- macro code_of(text) -%}
    {{- return(adapter.dispatch('code_of')(text)) -}}
{%- endmacro -%}

{%- macro default__code_of(text) -%}
    cast(md5_number_lower({{ text }}) >> 1 as bigint)
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

{#- What follows is of the models of training rows: the values of windows as of the instants that a
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

{#- For each level a table of the parts that its tiles hold, by the hop asked about. Each table
    expression ends in a comma, here and in what follows. -#}
{%- macro parts_of_tiles(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('parts_of_tiles')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__parts_of_tiles(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- for table, level in levels.items() -%}
{%- set held = parts | selectattr('tiles', 'defined') | selectattr('hop', 'ge', level) | list -%}
{%- set windows = held | selectattr('hop', 'eq', level) | selectattr('hops', 'defined') | list -%}
{%- set ratio = loop.nextitem[1] // level if loop.nextitem is defined else none -%}
{#- A tile counts from the hop after its arrival until it has left all windows of this hop, and the
    open hop of the next level is over. -#}
{%- set ends = [] -%}
{%- if windows %}{% do ends.append('tile + ' ~ (windows | map(attribute='hops') | max)) %}{% endif -%}
{%- if ratio %}{% do ends.append('arrived // ' ~ ratio ~ ' * ' ~ ratio ~ ' + ' ~ (ratio - 1)) %}{% endif -%}
{%- if held -%}
{{ table }}_known as (
    select * replace (unnest(range(arrived + 1, {{ greatest_of(ends) if ends[1:] else ends[0] }} + 1)) as hop)
    from {{ tiles }}
    where hop = {{ level }}
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

{#- For each level a table of the latest of what arrived in the open hop of the next level, in the
    hops of it that closed. Lists are large, so they are never copied for each hop that they count
    in: they are joined with the hops that are asked about. -#}
{%- macro closed_lists(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('closed_lists')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__closed_lists(tiles, keys, levels, parts) -%}
{%- for part in parts if part.list is defined -%}
{%- for table, level in levels.items() -%}
{%- if level <= part.hop -%}
{%- set ratio = loop.nextitem[1] // level -%}
{{ part.list }}_{{ table }} as (
    select
        {{ keys_of('wanted', keys) }},
        wanted.hop,
        {{ latest_of('list(tiles.' ~ part.name ~ ')', part.latest) }} as {{ part.name }}
    from (select distinct {{ keys | join(', ') }}, hop_{{ level }} as hop from hops) as wanted
    inner join {{ tiles }} as tiles
        on {{ same_keys('tiles', 'wanted', keys) }}
        and tiles.arrived // {{ ratio }} = wanted.hop // {{ ratio }}
        and tiles.arrived < wanted.hop
    where tiles.hop = {{ level }}
    group by {{ keys_of('wanted', keys) }}, wanted.hop
),

{% endif -%}
{%- endfor -%}
{%- endfor -%}
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
{%- for part in parts if part.list is defined -%}
{{ part.list }}_in_time as (
    select
        {{ by_key }},
        arrived,
        {{ latest_of('list(' ~ part.name ~ ') over latest', part.latest) }} as {{ part.name }}
    from (
        select *, sum(len({{ part.name }})) over (partition by {{ by_key }} order by arrived) as {{ part.name }}__n
        from {{ tiles }}
        where hop = {{ levels.values() | max }} and tile = arrived and {{ part.name }} is not null
    )
    window latest as (
        partition by {{ by_key }} order by {{ part.name }}__n
        range between {{ part.latest - 1 }} preceding and current row
    )
),

{{ part.list }}_late as (
    select
        {{ by_key }},
        arrived,
        max({{ part.name }}, {{ part.latest }}) over (partition by {{ by_key }} order by arrived) as {{ part.name }}
    from (
        select {{ by_key }}, arrived, unnest({{ part.name }}) as {{ part.name }}
        from {{ tiles }}
        where hop = {{ levels.values() | max }} and tile < arrived
    )
),

{% endfor -%}
{%- endmacro -%}

{#- All of these tables: what was known by the end of the last closed hop. -#}
{%- macro known_parts(tiles, keys, levels, parts) -%}
    {{- parts_of_tiles(tiles, keys, levels, parts) -}}
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
{%- set sizes = parts | selectattr('tiles', 'defined') | map(attribute='hop') | list -%}
{%- set running = parts | selectattr('earlier', 'defined') | list -%}
select
        {{ keys_of('hops', keys) }},
        hops.asked_at,
        {%- for part in parts %}
        {%- set columns = [] -%}
        {%- for table, level in levels.items() if level <= part.hop -%}
            {%- do columns.append((part.list ~ '_' if part.list is defined else '') ~ table ~ '.' ~ part.name) -%}
        {%- endfor -%}
        {%- if part.list is defined -%}
            {%- do columns.append(part.list ~ '_in_time.' ~ part.name) -%}
            {%- do columns.append(part.list ~ '_late.' ~ part.name) -%}
        {%- elif part.earlier is defined -%}
            {%- do columns.append('earlier.' ~ part.name) -%}
        {%- endif -%}
        {%- do columns.append('head.' ~ part.name) %}
        {{ part.merged(columns, part.latest) if part.list is defined else part.merged(columns) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from hops
    {%- for table, level in levels.items() if sizes and level <= sizes | max %}
    left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.hop = hops.hop_{{ level }}
    {%- endfor %}
    {%- for part in lists -%}
    {%- for level_table, level in levels.items() if level <= part.hop %}
    {%- set table = part.list ~ '_' ~ level_table %}
    left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.hop = hops.hop_{{ level }}
    {%- endfor %}
    {%- endfor %}
    {%- if running %}
    asof left join earlier on {{ same_keys('earlier', 'hops', keys) }} and hops.hop_{{ levels.values() | max }} > earlier.arrived
    {%- endif %}
    {%- for part in lists -%}
    {%- for table in [part.list ~ '_in_time', part.list ~ '_late'] %}
    asof left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and hops.hop_{{ levels.values() | max }} > {{ table }}.arrived
    {%- endfor %}
    {%- endfor %}
    left join head on {{ same_keys('head', 'hops', keys) }} and head.asked_at = hops.asked_at
{%- endmacro -%}
