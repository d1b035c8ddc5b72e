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
        latest    instead of that, where it is of the latest events: how many at most,
        list      and its aggregate, where it is a list of them
        counted   instead of tiles, where it is of how often values occur: the column of a tile,
        kept      how many values it has at most,
        valued    and if the values are kept beside their codes, their type
        merged    of all others, the macro that makes one part of several

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

{#- How many times as large the next level is. -#}
{%- macro ratio_of(level, levels) -%}
{{ (levels.values() | select('gt', level) | min) // level }}
{%- endmacro -%}

{#- The runs of so many numbers in which those lie that reach up to a number from as many before it, a row
    each. There are two, so what is joined with them are equal numbers, not ranges: a key of many events
    costs no more than its tiles that are asked about, and a tile that nobody asks about costs nothing. -#}
{%- macro runs_up_to(number, length) -%}
unnest([{{ number }} // {{ length }} - 1, {{ number }} // {{ length }}])
{%- endmacro -%}

{#- The keys and hops asked about, each with the tiles of this level that lie in a window of so many hops
    before it and were known by then. -#}
{%- macro tiles_of_windows(tiles, keys, level, hops) -%}
{%- set by_key = keys | join(', ') -%}
(
        select * exclude (hop_run)
        from (
            select {{ by_key }}, hop, {{ runs_up_to('hop', hops) }} as hop_run
            from (select distinct {{ by_key }}, hop_{{ level }} as hop from hops)
        )
        inner join (
            select * exclude (hop), tile // {{ hops }} as hop_run from {{ tiles }} where hop = {{ level }}
        ) using ({{ by_key }}, hop_run)
        where tile >= hop - {{ hops }} and arrived < hop
    )
{%- endmacro -%}

{#- The keys, levels and hops asked about, each with the tiles that arrived in the open hop of the next
    level, in the hops of the level that closed. -#}
{%- macro tiles_of_open_hops(tiles, keys, levels) -%}
{%- set by_key = keys | join(', ') -%}
{%- set closing = levels.values() | reject('eq', levels.values() | max) | list -%}
(
        select * exclude (hop_open)
        from (
            {%- for level in closing %}
            select distinct {{ by_key }}, {{ level }} as hop_level, hop_{{ level }} as hop, hop_{{ level }} // {{ ratio_of(level, levels) }} as hop_open from hops
            {{- ' union all' if not loop.last }}
            {%- endfor %}
        )
        inner join (
            select
                * exclude (hop),
                hop as hop_level,
                case hop{% for level in closing %} when {{ level }} then arrived // {{ ratio_of(level, levels) }}{% endfor %} end as hop_open
            from {{ tiles }}
        ) using ({{ by_key }}, hop_level, hop_open)
        where arrived < hop
    )
{%- endmacro -%}

{#- Which of the latter a part is made of: of the levels below its own, those of its window. -#}
{%- macro in_open_hop(part) -%}
    {%- if part.hops is defined -%}
    hop_level < {{ part.hop }} and tile * hop_level >= (hop * hop_level // {{ part.hop }} - {{ part.hops }}) * {{ part.hop }}
    {%- else -%}
    hop_level <= {{ part.hop }}
    {%- endif -%}
{%- endmacro -%}

{#- For each level a table of what its tiles hold of the windows that move by it, by the hop asked about.
    Each table expression ends in a comma, here and in what follows. -#}
{%- macro closed_parts(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('closed_parts')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__closed_parts(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- for table, level in levels.items() -%}
{%- set held = parts | selectattr('tiles', 'defined') | selectattr('hops', 'defined') | selectattr('hop', 'eq', level) | list -%}
{%- if held -%}
{{ table }} as (
    select
        {{ by_key }},
        hop,
        {%- for part in held %}
        {{ part.tiles | format('tile >= hop - ' ~ part.hops) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ tiles_of_windows(tiles, keys, level, held | map(attribute='hops') | max) }}
    group by {{ by_key }}, hop
),

{% endif -%}
{%- endfor -%}
{%- endmacro -%}

{#- A table of what the tiles of each level hold of the open hop of the next, for the parts whose windows
    move by larger hops. It is one for all levels: one for each would be as wide. -#}
{%- macro open_parts(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('open_parts')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__open_parts(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set held = parts | rejectattr('counted', 'defined') | selectattr('hop', 'ge', levels.values() | min) | list -%}
{%- if held and levels | length > 1 -%}
open_parts as (
    select
        {{ by_key }},
        hop_level,
        hop,
        {%- for part in held %}
        {{ latest_of('list(' ~ part.name ~ ')', part.latest) if part.list is defined else part.tiles | format(in_open_hop(part)) }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ tiles_of_open_hops(tiles, keys, levels) }}
    group by {{ by_key }}, hop_level, hop
),

{% endif -%}
{%- endmacro -%}

{#- A table of how often values occur at the instants asked about, in what tiles and `head` hold. Those of
    tiles are counted by the hop asked about before they meet the instants: end to end, the lists of a long
    window's tiles would be far more than what comes of them. -#}
{%- macro counted_parts(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('counted_parts')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__counted_parts(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set counted = parts | selectattr('counted', 'defined') | list -%}
{%- set closing = counted | selectattr('hop', 'gt', levels.values() | min) | list -%}
{%- if counted -%}
values_of_tiles as (
    {%- for level, held in counted | groupby('hop') %}
    select {{ by_key }}, {{ level }} as hop_level, hop, unnest([
        {%- for part in held %}
        {{ values_of_part(part, counted, part.counted, 'tile >= hop - ' ~ part.hops) }}{{ ',' if not loop.last }}
        {%- endfor %}
    ], max_depth := 2)
    from {{ tiles_of_windows(tiles, keys, level, held | map(attribute='hops') | max) }}
    {{- ' union all by name' if closing or not loop.last }}
    {%- endfor %}
    {%- if closing %}
    select {{ by_key }}, hop_level, hop, unnest([
        {%- for part in closing %}
        {{ values_of_part(part, counted, part.counted, in_open_hop(part)) }}{{ ',' if not loop.last }}
        {%- endfor %}
    ], max_depth := 2)
    from {{ tiles_of_open_hops(tiles, keys, levels) }}
    {%- endif %}
),

counted_by_hop as (
    {{ counted_values(keys + ['hop_level', 'hop'], counted, 'values_of_tiles') }}
),

values_of_instants as (
    select {{ by_key }}, asked_at, part, list
    from (
        {%- for level in levels.values() %}
        select {{ by_key }}, asked_at, {{ level }} as hop_level, hop_{{ level }} as hop from hops
        {{- ' union all' if not loop.last }}
        {%- endfor %}
    )
    inner join counted_by_hop using ({{ by_key }}, hop_level, hop)
    union all by name
    select {{ by_key }}, asked_at, unnest([
        {%- for part in counted %}
        {{ values_of_part(part, counted, part.name) }}{{ ',' if not loop.last }}
        {%- endfor %}
    ], max_depth := 2)
    from head
),

counted as (
    {{ counted_columns(keys + ['asked_at'], counted, 'values_of_instants') }}
),

{% endif -%}
{%- endmacro -%}

{#- A table of what was known of all of time by the end of the last of the largest hops. Sums and the like
    run over all tiles. What arrived in the hop that it happened in comes in order of time, so the latest
    of it lies in the last tile that has any, and the latest so many in the last tiles that hold so many
    between them; counted through, these lie in two runs, as those of a window do. What arrived later is
    in no order; there running values are kept, which costs more, for events that are few. -#}
{%- macro earlier_parts(tiles, keys, levels, parts) -%}
    {{- return(adapter.dispatch('earlier_parts')(tiles, keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__earlier_parts(tiles, keys, levels, parts) -%}
{%- set by_key = keys | join(', ') -%}
{%- set largest = levels.values() | max -%}
{%- set by_arrival = 'over (partition by ' ~ by_key ~ ' order by arrived)' -%}
{%- set running = parts | selectattr('earlier', 'defined') | list -%}
{%- set lists = parts | selectattr('list', 'defined') | list -%}
{%- set singles = parts | selectattr('latest', 'defined') | rejectattr('list', 'defined') | list -%}
{%- if running or lists or singles -%}
largest_tiles as (
    select * from {{ tiles }}
    -- A key that nobody asks about would cost as much as one that somebody does.
    where hop = {{ largest }} and {{ '(' ~ by_key ~ ')' if keys[1:] else by_key }} in (select {{ by_key }} from hops)
),

{% endif -%}
{%- if running -%}
running_parts as (
    select
        {{ by_key }},
        arrived,
        {%- for part in running %}
        {{ part.earlier }} {{ by_arrival }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from largest_tiles
    group by {{ by_key }}, arrived
),

{% endif -%}
{%- if singles -%}
in_time_singles as (
    select
        {{ by_key }},
        arrived,
        {%- for part in singles %}
        max({{ part.name }}) as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from largest_tiles
    where tile = arrived
    group by {{ by_key }}, arrived
),

late_singles as (
    select
        {{ by_key }},
        arrived,
        {%- for part in singles %}
        max(max({{ part.name }})) {{ by_arrival }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from largest_tiles
    where tile < arrived
    group by {{ by_key }}, arrived
),

{% endif -%}
{%- if lists -%}
counted_lists as (
    -- The lists, and of each how many events it and those before it have.
    select
        {{ by_key }},
        arrived,
        {%- for part in lists %}
        {{ part.name }},
        cast(sum(len({{ part.name }})) {{ by_arrival }} as bigint) as {{ part.name }}__counted{{ ',' if not loop.last }}
        {%- endfor %}
    from largest_tiles
    where tile = arrived
),

known_lists as (
    -- How many these are at the hops asked about.
    select
        {{ keys_of('asked', keys) }},
        asked.hop,
        earlier.* exclude ({{ by_key }}, arrived)
    from (select distinct {{ by_key }}, hop_{{ largest }} as hop from hops) as asked
    asof join (
        select {{ by_key }}, arrived{% for part in lists %}, {{ part.name }}__counted{% endfor %} from counted_lists
    ) as earlier on {{ same_keys('earlier', 'asked', keys) }} and asked.hop > earlier.arrived
),

{% endif -%}
{%- for part in lists -%}
{{ part.name }}__in_time as (
    select
        {{ by_key }},
        hop,
        {{ latest_of('list(' ~ part.name ~ ')', part.latest) }} as {{ part.name }}
    from (
        select
            {{ by_key }},
            hop,
            {{ part.name }}__counted as known,
            {{ runs_up_to(part.name ~ '__counted', part.latest) }} as hop_run
        from known_lists
    )
    inner join (
        select
            {{ by_key }},
            {{ part.name }},
            {{ part.name }}__counted as counted,
            {{ part.name }}__counted // {{ part.latest }} as hop_run
        from counted_lists
        where {{ part.name }} is not null
    ) using ({{ by_key }}, hop_run)
    where counted > known - {{ part.latest }} and counted <= known
    group by {{ by_key }}, hop
),

{% endfor -%}
{%- if lists -%}
late_lists as (
    select
        {{ by_key }},
        arrived,
        {%- for part in lists %}
        max({{ part.name }}, {{ part.latest }}) {{ by_arrival }} as {{ part.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            {{ by_key }},
            arrived,
            {%- for part in lists %}
            unnest({{ part.name }}) as {{ part.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from largest_tiles
        where tile < arrived
    )
),

{% endif -%}
{%- if running or lists or singles -%}
earlier as (
    select
        {{ keys_of('asked', keys) }},
        asked.hop,
        {%- for part in running + singles + lists %}
        {% if part.earlier is defined -%}
        running_parts.{{ part.name }}
        {%- elif part.list is defined -%}
        {{ part.merged([part.name ~ '__in_time.' ~ part.name, 'late_lists.' ~ part.name], part.latest) }} as {{ part.name }}
        {%- else -%}
        {{ part.merged([part.name ~ '__in_time.' ~ part.name, 'late_singles.' ~ part.name]) }} as {{ part.name }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {%- endfor %}
    from (select distinct {{ by_key }}, hop_{{ largest }} as hop from hops) as asked
    {%- for part in singles %}
    asof left join (
        select {{ by_key }}, arrived, {{ part.name }} from in_time_singles where {{ part.name }} is not null
    ) as {{ part.name }}__in_time on {{ same_keys(part.name ~ '__in_time', 'asked', keys) }} and asked.hop > {{ part.name }}__in_time.arrived
    {%- endfor %}
    {%- for part in lists %}
    left join {{ part.name }}__in_time on {{ same_keys(part.name ~ '__in_time', 'asked', keys) }} and {{ part.name }}__in_time.hop = asked.hop
    {%- endfor %}
    {%- for table in (['running_parts'] if running else []) + (['late_singles'] if singles else []) + (['late_lists'] if lists else []) %}
    asof left join {{ table }} on {{ same_keys(table, 'asked', keys) }} and asked.hop > {{ table }}.arrived
    {%- endfor %}
),

{% endif -%}
{%- endmacro -%}

{#- All of these tables: what was known by the end of the last closed hop. -#}
{%- macro known_parts(tiles, keys, levels, parts) -%}
    {{- closed_parts(tiles, keys, levels, parts) -}}
    {{- open_parts(tiles, keys, levels, parts) -}}
    {{- counted_parts(tiles, keys, levels, parts) -}}
    {{- earlier_parts(tiles, keys, levels, parts) -}}
{%- endmacro -%}

{#- The parts of each window as one: those of these tables, and of `head`, the table of what single
    events of the smallest open hop hold. -#}
{%- macro merged_parts(keys, levels, parts) -%}
    {{- return(adapter.dispatch('merged_parts')(keys, levels, parts)) -}}
{%- endmacro -%}

{%- macro default__merged_parts(keys, levels, parts) -%}
{%- set counted = ['counted'] if parts | selectattr('counted', 'defined') | list else [] -%}
{%- set lasting = parts | rejectattr('counted', 'defined') | rejectattr('hops', 'defined') | list -%}
{%- set windows = parts | selectattr('tiles', 'defined') | selectattr('hops', 'defined') | map(attribute='hop') | list -%}
{%- set closing = levels.values() | reject('eq', levels.values() | max) | list if parts | rejectattr('counted', 'defined') | list else [] -%}
select
        {{ keys_of('hops', keys) }},
        hops.asked_at,
        {%- for part in parts %}
        {% if part.counted is defined -%}
        counted.{{ part.name }}
        {%- else -%}
        {%- set tables = [] -%}
        {%- for table, level in levels.items() if part.hops is defined and level == part.hop %}{% do tables.append(table) %}{% endfor -%}
        {%- for level in closing if level < part.hop or (level == part.hop and part.hops is not defined) %}{% do tables.append('open_' ~ level) %}{% endfor -%}
        {%- if part.hops is not defined %}{% do tables.append('earlier') %}{% endif -%}
        {%- set columns = [] -%}
        {%- for table in tables + ['head'] %}{% do columns.append(table ~ '.' ~ part.name) %}{% endfor -%}
        {{ part.merged(columns, part.latest) if part.list is defined else part.merged(columns) }} as {{ part.name }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {%- endfor %}
    from hops
    {%- for table, level in levels.items() if level in windows %}
    left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.hop = hops.hop_{{ level }}
    {%- endfor %}
    {%- for level in closing %}
    {%- set table = 'open_' ~ level %}
    left join open_parts as {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.hop_level = {{ level }} and {{ table }}.hop = hops.hop_{{ level }}
    {%- endfor %}
    {%- if lasting %}
    left join earlier on {{ same_keys('earlier', 'hops', keys) }} and earlier.hop = hops.hop_{{ levels.values() | max }}
    {%- endif %}
    {%- for table in counted + ['head'] %}
    left join {{ table }} on {{ same_keys(table, 'hops', keys) }} and {{ table }}.asked_at = hops.asked_at
    {%- endfor %}
{%- endmacro -%}
