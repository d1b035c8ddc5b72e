"""How long a training set takes: 1 million rows over 10 million events, one show with 5 % of them.

The events are spread evenly over viewers' and shows' days, which makes more tiles than real ones
would. Everything from raw tables to Parquet is measured: staging, tiles, as-of values, the set.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb

from slate import history
from slate.assets import builds
from slate.assets.raw_tables import prepare
from slate.assets.training_sets import write_training_set
from slate.compile.model_names import asked_model, training_model
from slate.deployment import Deployment, load

START = datetime(2026, 11, 1)
EVENTS, ROWS, DAYS = 10_000_000, 1_000_000, 14
VIEWERS, SHOWS, SELLERS, HEAVY = 200_000, 20_000, 2_000, 0.05
SERVICE = "feed_ranking"
FEW = 10


def _moment(expression: str) -> str:
    return f"timestamp '{START}' + to_microseconds(cast(({expression}) * 1e6 as bigint))"


def _marketplace(connection: duckdb.DuckDBPyConnection, events: int, rows: int) -> None:
    """Raw tables as landing files would have filled them."""
    show = f"""case when random() < {HEAVY} then 0
        else cast(floor(pow(random(), 2) * {SHOWS}) as int) end"""
    viewer = f"cast(floor(pow(random(), 2) * {VIEWERS}) as int)"
    late = "case when random() < 0.01 then random() * 21600 else random() * 3 end"
    span = DAYS * 86_400
    connection.execute(f"""
        insert into raw.events by name
        select 'e' || i as event_id, {_moment("at_second")} as event_ts,
            {_moment("at_second + late")} as received_at, 'v' || viewer as viewer_id,
            'sh' || number as show_id, 'se' || (number % {SELLERS}) as seller_id,
            'category ' || (number % 12) as category,
            ['view', 'view', 'view', 'tap', 'chat', 'bid', 'purchase', 'follow'][1 + i % 8] as kind,
            case when i % 8 in (5, 6) then round(random() * 100, 2) end as price,
            case when i % 8 < 3 then random() * 300 end as watch_seconds,
            cast((at_second + late) // 3600 as bigint) as _file, i as _row
        from (
            select i, i * {span / events} as at_second, {late} as late,
                {viewer} as viewer, {show} as number
            from range({events}) as events(i)
        )""")
    connection.execute(f"""
        insert into raw.impressions by name
        select 'i' || i as impression_id, {_moment("at_second")} as event_ts,
            {_moment("at_second + 600")} as received_at, 'q' || (i // 10) as request_id,
            'v' || (hash(i // 10) % {VIEWERS}) as viewer_id, 'sh' || number as show_id,
            i % 10 as position, 'ios' as device, false as tapped, false as purchased,
            0.0 as watch_seconds, cast((at_second + 600) // 3600 as bigint) as _file, i as _row
        from (
            select i, (i // 10) * {span * 10 / rows} as at_second, {show} as number
            from range({rows}) as impressions(i)
        )""")
    connection.execute(f"""
        insert into raw.show_listings by name
        select 'c' || i as change_id, {_moment("0")} as event_ts, {_moment("1")} as received_at,
            'sh' || i as show_id, 'se' || (i % {SELLERS}) as seller_id,
            'category ' || (i % 12) as category, 'show' as title, 'en' as language,
            10.0 as start_price, {_moment("0")} as scheduled_at, {_moment("0")} as started_at,
            'live' as status, 0 as _file, i as _row
        from range({SHOWS}) as shows(i)""")
    connection.execute(f"""
        insert into raw.files (file, source, hour, rows)
        select 1, 'event', timestamp '{START}' + interval '{DAYS} days', {events}""")


def _history(deployment: Deployment, sizes: Sequence[int]) -> list[float]:
    """How many seconds history takes for so many rows of the spine, one after the other."""
    with duckdb.connect(str(deployment.warehouse), read_only=True) as connection:
        columns = "viewer_id, show_id, device, event_ts"
        # The rows of a few, too, are of all instants and keys.
        spine = connection.sql(
            f"select {columns} from stg_impressions order by hash(impression_id)"
        ).to_arrow_table()
    seconds = []
    for size in sizes:
        started = time.perf_counter()
        history(SERVICE, spine.slice(0, size), deployment=deployment)
        seconds.append(time.perf_counter() - started)
    return seconds


def _dbt(deployment: Deployment, parts: int, *folders: str) -> dict[str, float]:
    """Run dbt, in parts of the days as a run builds a long history, for each model's seconds."""
    seconds: dict[str, float] = defaultdict(float)
    bounds = [
        START + number * (DAYS + 1) * timedelta(days=1) / parts for number in range(parts + 1)
    ]
    for start, end in pairwise(bounds):
        hours = ["--event-time-start", f"{start}", "--event-time-end", f"{end}"]
        for model, taken in _dbt_run(deployment, *hours, "--select", *folders).items():
            seconds[model] += taken
    return seconds


def _dbt_run(deployment: Deployment, *arguments: str) -> dict[str, float]:
    target = deployment.data / "target"
    project = str(deployment.dbt_project)
    subprocess.run(
        [Path(sys.executable).parent / "dbt", "--quiet", "run", *arguments,
         "--project-dir", project,
         "--profiles-dir", project, "--target-path", str(target), "--threads", "1"],
        check=True,
        env=os.environ | {"SLATE_WAREHOUSE": str(deployment.warehouse)},
    )  # fmt: skip
    results = json.loads((target / "run_results.json").read_text())["results"]
    return {result["unique_id"].split(".")[-1]: result["execution_time"] for result in results}


def run(events: int = EVENTS, rows: int = ROWS) -> None:
    """Measure, and print what was found."""
    configured = load()
    plan = configured.registry.plan(SERVICE)
    with tempfile.TemporaryDirectory(prefix="slate-bench-") as folder:
        deployment = Deployment(
            configured.name, configured.definitions, configured.root, configured.dbt_project,
            Path(folder),
        )  # fmt: skip
        print(f"training set: {rows:,} rows, {events:,} events, {HEAVY:.0%} of them in one show")
        sources = [s for s in deployment.registry.sources.values() if s.landing]
        with duckdb.connect(str(deployment.warehouse)) as connection:
            prepare(connection, sources)
            builds.prepare(connection)
            builds.set_clock(connection, builds.end_of_last_hour(deployment))
            _marketplace(connection, events, rows)
        parts = -(-events // builds.ROWS_AT_ONCE)
        staged = _dbt(
            deployment,
            parts,
            "path:models/generated/staging", "path:models/features", "path:models/generated/tiles",
        )  # fmt: skip
        models = [training_model(plan.service), *(asked_model(plan, v) for v in plan.views)]
        asked = _dbt(deployment, parts, *models)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        started = time.perf_counter()
        with duckdb.connect(str(deployment.warehouse)) as connection:
            written = write_training_set(connection, plan, deployment.training)
        parquet = time.perf_counter() - started
        size = sum(day.bytes for day in written.manifest.days) / 2**20
        asked_for = _history(deployment, (rows, FEW, FEW))
    for model, seconds in {**staged, **asked}.items():
        print(f"  {model:<45} {seconds:7.1f} s")
    total = sum(staged.values()) + sum(asked.values()) + parquet
    print(f"  staging and tiles     {sum(staged.values()):6.1f} s")
    print(f"  as-of values          {sum(asked.values()):6.1f} s")
    print(f"  Parquet               {parquet:6.1f} s, {size:,.0f} MB")
    print(f"  dbt's peak memory     {peak:6.1f} GB")
    print(f"  history of all rows   {asked_for[0]:6.1f} s")
    print(f"  history of {FEW} rows    {asked_for[1]:6.1f} s, again {asked_for[2]:.1f} s")
    set_seconds = sum(asked.values()) + parquet
    print(
        f"training: rows={written.manifest.rows} features={len(plan.service.features)} "
        f"seconds={set_seconds:.1f} rows_per_s={rows / set_seconds:.0f} with_tiles_s={total:.1f}"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    run(options.events, options.rows)


if __name__ == "__main__":
    main()
