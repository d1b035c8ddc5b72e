"""A source's history, from files that others wrote into landing files, years of it at once.

Each row becomes part of the landing file of the hour in which it arrived; hours without rows get
none. Rows that the definition refuses go, as they were given, to files of their own beside these,
so that they land in quarantine with the reason like any others.

A file is loaded whole or not at all. All of its landing files are written aside; then a note says
what was loaded, and from there on they are moved to their places, by the next load if this one is
killed. A file with the same content is passed over, whatever its name.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slate.assets.event_columns import column_names
from slate.assets.event_files import (
    LINE,
    ROW,
    EventFile,
    malformed,
    open_events,
    reading,
)
from slate.assets.event_values import instant, values
from slate.assets.refusals import coerced_column, null_column, reasons
from slate.assets.scratch import scratch
from slate.coercion import landed_column
from slate.deployment import Deployment
from slate.errors import DataError, nearest
from slate.kinds import Kind
from slate.privacy import HIDDEN, personal_columns
from slate.quoting import quoted_name, quoted_text
from slate.refusals import EARLIEST, LATEST
from slate.sources import Source
from slate.windows import duration

SHOWN = 20
_BATCH = 65_536
_RULE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\+\s*([0-9]+[smhd])\s*)?")
# Beside the landing folders of days, and passed over there: the notes of what was loaded.
_NOTES, _ASIDE = "_loads", ".load-"
_HOUR, _REASON, _GIVEN = "_hour", "_reason", "given_"


@dataclass(frozen=True)
class Rules:
    """What is said of files, where they do not tell it themselves.

    Attributes:
        arrival: when rows arrived: a column of times, and maybe how long after it, as in
            ``placed_at + 5m``; empty where the files have the column.
        id_of_content: whether ids are made of the rows' content. Rows that are the same in every
            column are numbered; a file's are the same each time that it is read.
        null_words: words that stand for no value.
        time_formats: formats of times that are not in ISO 8601.
        table: the table of a DuckDB file.
    """

    arrival: str = ""
    id_of_content: bool = False
    null_words: tuple[str, ...] = ()
    time_formats: tuple[str, ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Refused:
    """A row that was refused.

    Attributes:
        place: the number of the row among those that can be read, or of the line, from 1.
        reason: why.
        content: the row.
    """

    place: str
    reason: str
    content: str


@dataclass(frozen=True)
class Loaded:
    """What became of a file.

    Attributes:
        rows: the rows that landed.
        refused: those that landed to be refused.
        broken: lines that are not rows at all, and land nowhere.
        repeats: rows whose id another row of the file has; one of each counts.
        hours: how many hours they arrived in.
        first, last: the first and the last arrival; None without rows.
        before: whether it had been loaded before, and nothing was done.
        examples: the first of what was refused.
    """

    rows: int = 0
    refused: int = 0
    broken: int = 0
    repeats: int = 0
    hours: int = 0
    first: datetime | None = None
    last: datetime | None = None
    before: bool = False
    examples: tuple[Refused, ...] = ()


def load_file(
    deployment: Deployment,
    source: type[Source],
    path: Path,
    rules: Rules,
    say: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Load a file.

    Args:
        deployment: the deployment.
        source: whose events they are; it has landing files.
        path: the file.
        rules: what is said of it.
        say: told what is being done, as it takes a while.

    Raises:
        DataError: it cannot be read, lacks what the source needs, or was loaded by other rules.
    """
    top = deployment.landing / source.landing
    digest = _digest(path, rules.table)
    note, aside = top / _NOTES / f"{digest}.json", top / f"{_ASIDE}{digest}"
    if note.exists():
        _require_same_rules(path, note, rules)
        if aside.exists():
            _move(aside, top)
        return Loaded(before=True)
    deployment.make_data()
    # What a load that was killed has left is not whole.
    shutil.rmtree(aside, ignore_errors=True)
    with scratch(deployment.data) as connection:
        say(f"{path}: reading it, and judging its rows")
        file = open_events(connection, path, rules.table)
        with reading(path):
            given = _stage(connection, source, file, rules)
        aside.mkdir(parents=True)
        say(f"{path}: writing landing files")
        try:
            stem = f"-{re.sub('[^A-Za-z0-9]+', '-', path.stem)[:40]}-{digest[:8]}"
            _write_rows(connection, source, aside, stem)
            _write_refused(connection, given, aside, stem)
            loaded = _told(connection, source, list(given), "line" if file.lines else "row")
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, duckdb.Error | pa.ArrowException | OSError):
                raise DataError(f"{top} cannot be written: {error}: nothing has landed") from error
            raise
    # What the note tells of outlasts a power cut, too.
    os.sync()
    if loaded.rows:
        # Of which none was taken, a file may be loaded again by other rules.
        note.parent.mkdir(exist_ok=True)
        unfinished = note.with_suffix(".tmp")
        unfinished.write_text(json.dumps({"file": str(path), "rules": asdict(rules)}, indent=2))
        unfinished.replace(note)
    _move(aside, top)
    return loaded


def _digest(path: Path, table: str) -> str:
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    digest.update(table.encode())
    return digest.hexdigest()


def _require_same_rules(path: Path, note: Path, rules: Rules) -> None:
    """Refuse to load a file again by other rules: the first rows of its ids would stay."""
    known = json.loads(note.read_text())
    now = json.loads(json.dumps(asdict(rules)))
    if known["rules"] != now:
        raise DataError(
            f"{path} was loaded before, by other rules ({_shown(known['rules'])}), and its rows "
            "are known by their ids: to load it by these, delete the data folder and load all again"
        )


def _shown(rules: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in rules.items() if value) or "none"


def _move(aside: Path, top: Path) -> None:
    """Move landing files to their places; a name that is there has the same content."""
    for file in sorted(aside.rglob("*.parquet")):
        place = top / file.relative_to(aside)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    shutil.rmtree(aside)


def _stage(
    connection: duckdb.DuckDBPyConnection, source: type[Source], file: EventFile, rules: Rules
) -> dict[str, pa.DataType]:
    """Read a file into a table: its rows as given, and typed, each with its hour and reason.

    Returns:
        The source's columns that it has, or that rules make, with the types in which they are
        given.
    """
    present = _present(source, file)
    columns, given = dict[str, str](), dict[str, pa.DataType]()
    for column in source.columns.values():
        if (header := present.get(column.name)) is None:
            continue
        type_ = file.columns[header]
        columns[column.name] = quoted_name(header)
        if column.kind is Kind.TIME and rules.time_formats:
            columns[column.name] = instant(quoted_name(header), type_, rules.time_formats)
            type_ = type_ if columns[column.name] == quoted_name(header) else pa.string()
        given[column.name] = type_
    _add_id(source, file, rules, columns, given)
    _add_arrival(source, rules, columns, given)
    _require_columns(source, file, given)
    read = ", ".join(f"{sql} as {column}" for column, sql in columns.items())
    line = LINE if file.lines else f"cast(null as varchar) as {LINE}"
    arrival = landed_column(
        Kind.TIME, given[source.arrival_time], f"landed.{source.arrival_time}"
    ).value
    refusals = ",\n".join(
        reason
        for column in source.columns.values()
        for reason in reasons(source, column, given.get(column.name))
    )
    typed_columns = ", ".join(
        coerced_column(c, given[c.name]) if c.name in given else null_column(c)
        for c in source.columns.values()
    )
    as_given = ", ".join(f"landed.{column} as {_GIVEN}{column}" for column in given)
    connection.execute(
        f"""create table staged as
        select landed.{ROW}, landed.{LINE}, {as_given}, {typed_columns},
            case when {arrival} between timestamp '{_naive(EARLIEST)}'
                and timestamp '{_naive(LATEST)}' then date_trunc('hour', {arrival}) end as {_HOUR},
            case when landed.{LINE} is not null then 'not a JSON object'
                else nullif(concat_ws('; ', {refusals}), '') end as {_REASON}
        from (select {ROW}, {line}, {read} from ({values(file, rules.null_words)})) as landed"""
    )
    return given


def _present(source: type[Source], file: EventFile) -> dict[str, str]:
    """The names in the file of a source's columns, by the columns' own."""
    found = {column: column for column in file.columns if column in source.columns}
    for header, column in column_names(source.name, file.columns).items():
        if column in source.columns:
            found.setdefault(column, header)
    return found


def _add_id(
    source: type[Source],
    file: EventFile,
    rules: Rules,
    columns: dict[str, str],
    given: dict[str, pa.DataType],
) -> None:
    column = source.unique_id
    if not rules.id_of_content:
        if column not in given:
            raise DataError(
                f"{file.path} has no column {column!r}, the id of {source.__name__}: name one so, "
                "or make ids of the rows' content by --id content"
            )
        return
    if column in given:
        raise DataError(f"{file.path} has a column {column!r}: leave --id content out")
    if source.columns[column].kind is not Kind.STRING:
        raise DataError(
            f"{source.columns[column]!r} is not a text, which ids made of content are: "
            "annotate it str"
        )
    # Null differs from every text.
    parts = ", ".join(
        f"coalesce('=' || cast({quoted_name(header)} as varchar), '')" for header in file.columns
    )
    content = f"md5(concat_ws(chr(31), {parts}))"
    same = f"row_number() over (partition by {content} order by {ROW})"
    columns[column] = f"{content} || case when {same} > 1 then '-' || {same} else '' end"
    given[column] = pa.string()


def _add_arrival(
    source: type[Source], rules: Rules, columns: dict[str, str], given: dict[str, pa.DataType]
) -> None:
    arrival = source.arrival_time
    if not rules.arrival:
        if arrival not in given:
            raise DataError(
                f"no column tells when rows of {source.__name__} arrived ({arrival}): say a rule, "
                f"as in --arrival '{source.event_time} + 5m'"
            )
        return
    match = _RULE.fullmatch(rules.arrival)
    if match is None:
        raise DataError(
            f"--arrival {rules.arrival!r} is not a rule: give a column of times and how long after "
            f"it, as in '{source.event_time} + 5m'"
        )
    column, after = match[1], match[2]
    if arrival in given:
        raise DataError(f"the file has a column {arrival!r}: leave --arrival out")
    if column not in given or source.columns[column].kind is not Kind.TIME:
        times = [c for c in given if source.columns[c].kind is Kind.TIME]
        raise DataError(f"--arrival: the file has no times {column!r}, {nearest(column, times)}")
    delay = duration(after, "--arrival") if after else 0
    time = landed_column(Kind.TIME, given[column], f"({columns[column]})").value
    columns[arrival] = f"({time}) + to_microseconds({delay})"
    given[arrival] = pa.timestamp("us")


def _require_columns(source: type[Source], file: EventFile, given: dict[str, pa.DataType]) -> None:
    for column in source.columns.values():
        if column.name not in given and not column.nullable:
            raise DataError(
                f"{file.path} has no column {column.name!r}, and {column!r} may not be null, "
                f"{nearest(column.name, file.columns)}; rename it in the file, or annotate it "
                f"{column.kind.value} | None"
            )


def _write_rows(
    connection: duckdb.DuckDBPyConnection, source: type[Source], aside: Path, stem: str
) -> None:
    """Write the rows that are taken, a file for each hour; one hour's at a time are in memory."""
    schema = pa.schema([(c.name, c.kind.arrow) for c in source.columns.values()])
    rows = connection.sql(
        f"""select {_HOUR}, {", ".join(source.columns)} from staged
        where {_REASON} is null order by {_HOUR}, {ROW}"""
    )
    _write_hours(rows.to_arrow_reader(_BATCH), schema, aside, stem)


def _write_refused(
    connection: duckdb.DuckDBPyConnection,
    given: dict[str, pa.DataType],
    aside: Path,
    stem: str,
) -> None:
    """Write the rows that are refused, as they were given.

    Where a row has no arrival, its hour is that of the last row which has.
    """
    columns = ", ".join(f"{_GIVEN}{column} as {column}" for column in given)
    ((last, rows),) = connection.execute(f"select max({_HOUR}), count(*) from staged").fetchall()
    if last is None:
        if rows:
            raise DataError(
                f"none of {rows:,} rows has an arrival that can be read: see --arrival and "
                "--time-format; nothing has landed"
            )
        return
    rows = connection.sql(
        f"""select coalesce({_HOUR}, timestamp '{last}') as hour, {columns} from staged
        where {_REASON} is not null and {LINE} is null order by hour, {ROW}"""
    )
    reader = rows.to_arrow_reader(_BATCH)
    schema = pa.schema([field for field in reader.schema if field.name != "hour"])
    _write_hours(reader, schema, aside, f"{stem}-refused")


def _write_hours(batches: pa.RecordBatchReader, schema: pa.Schema, aside: Path, stem: str) -> None:
    """Write rows, sorted by the hour that is their first column, into files of their hours."""
    writer: pq.ParquetWriter | None = None
    writing: datetime | None = None
    try:
        for batch in batches:
            for hour, part in _by_hour(batch):
                if hour != writing:
                    if writer is not None:
                        writer.close()
                    path = aside / f"{hour:%Y-%m-%d}" / f"{hour:%H}{stem}.parquet"
                    path.parent.mkdir(exist_ok=True)
                    writer = pq.ParquetWriter(
                        path, schema, compression="zstd", write_page_checksum=True
                    )
                    writing = hour
                assert writer is not None
                writer.write_table(part.cast(schema))
    finally:
        if writer is not None:
            writer.close()


def _by_hour(batch: pa.RecordBatch) -> Iterator[tuple[datetime, pa.Table]]:
    hours, rows = (
        batch.column(0),
        pa.Table.from_batches([batch]).drop_columns(batch.schema.names[0]),
    )
    runs = pc.run_end_encode(hours)
    start = 0
    for end, hour in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield hour, rows.slice(start, end - start)
        start = end


def _told(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    given: Sequence[str],
    counted: str,
) -> Loaded:
    taken = f"from staged where {_REASON} is null"
    ((rows, hours, first, last, ids),) = connection.execute(
        f"""select count(*), count(distinct {_HOUR}), min({source.arrival_time}),
            max({source.arrival_time}), count(distinct {source.unique_id}) {taken}"""
    ).fetchall()
    ((refused, lines),) = connection.execute(
        f"""select count(*) filter ({LINE} is null), count(*) filter ({LINE} is not null)
        from staged where {_REASON} is not null"""
    ).fetchall()
    hides = personal_columns(source)
    shown = {name: quoted_text(HIDDEN) if name in hides else f"{_GIVEN}{name}" for name in given}
    content = ", ".join(f'"{name}" := {value}' for name, value in shown.items())
    examples = connection.execute(
        f"""select {ROW}, {_REASON},
            coalesce({LINE}, cast(to_json(struct_pack({content})) as varchar))
        from staged where {_REASON} is not null order by {ROW} limit {SHOWN}"""
    ).fetchall()
    broken = malformed(connection)
    told = [Refused(f"line {one.line}", one.reason, one.text) for one in broken[:SHOWN]]
    told += [Refused(f"{counted} {number}", *example) for number, *example in examples]
    return Loaded(
        rows,
        refused,
        lines + len(broken),
        rows - ids,
        hours,
        first,
        last,
        examples=tuple(told[:SHOWN]),
    )


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
