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
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from slate.assets.csv_lines import Malformed, lines, malformed
from slate.assets.event_files import LINE, ROW, EventFile, open_events, reading
from slate.assets.hourly_files import write_refused, write_rows
from slate.assets.refused_values import hints
from slate.assets.scratch import scratch
from slate.assets.staged_events import GIVEN, HOUR, REASON, STAGED, Rules, stage, unmatched
from slate.deployment import Deployment
from slate.errors import DataError
from slate.privacy import HIDDEN, personal_columns
from slate.quoting import quoted_text
from slate.sources import Source

SHOWN = 20
# Beside the landing folders of days, and passed over there: the notes of what was loaded.
_NOTES, _ASIDE = "_loads", ".load-"


@dataclass(frozen=True)
class RefusedRow:
    """A row that was refused.

    Attributes:
        place: in a file of text the line on which it begins, from 1 as editors count them; in
            others the number of the row.
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
        alike: rows that ids of content number, as others are the same in every column; all count.
        before: whether it had been loaded before, and nothing was done; ``refused`` is of then.
        examples: the first of what was refused.
        unmatched: which columns the file lacks, and which of its own are not taken.
        hints: what may mend refused rows.
    """

    rows: int = 0
    refused: int = 0
    broken: int = 0
    repeats: int = 0
    alike: int = 0
    hours: int = 0
    first: datetime | None = None
    last: datetime | None = None
    before: bool = False
    examples: tuple[RefusedRow, ...] = ()
    unmatched: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


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
        _require_same_rules(path, top, digest, rules)
        if aside.exists():
            _move(aside, top)
        return Loaded(refused=_refused_before(top, digest), before=True)
    deployment.make_data()
    # What a load that was killed has left is not whole.
    shutil.rmtree(aside, ignore_errors=True)
    with scratch(deployment.data) as connection:
        say(f"{path}: reading it, and judging its rows")
        file = open_events(connection, path, rules.table)
        with reading(path):
            given = stage(connection, source, file, rules)
        aside.mkdir(parents=True)
        say(f"{path}: writing landing files")
        try:
            stem = f"-{re.sub('[^A-Za-z0-9]+', '-', path.stem)[:40]}-{digest[:8]}"
            write_rows(connection, source, aside, stem)
            write_refused(connection, given, aside, stem)
            loaded = _told(connection, source, list(given), file, rules.id_of_content)
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


def _refused_before(top: Path, digest: str) -> int:
    """How many rows of a file that was loaded wait, or have been taken in, to be refused."""
    files = top.glob(f"*/*-{digest[:8]}-refused.parquet")
    return sum(pq.read_metadata(file).num_rows for file in files)


def _require_same_rules(path: Path, top: Path, digest: str, rules: Rules) -> None:
    """Refuse to load a file again by other rules: the first rows of its ids would stay."""
    note = top / _NOTES / f"{digest}.json"
    # A rule that came up later was none.
    before = asdict(Rules()) | json.loads(note.read_text())["rules"]
    if before != json.loads(json.dumps(asdict(rules))):
        files = " ".join(
            f"{shlex.quote(str(top))}/*/*-{digest[:8]}{end}.parquet" for end in ("", "-refused")
        )
        raise DataError(
            f"{path} was loaded before, {_as_options(before)}, and its rows are known by their "
            "ids. To load it by other options before a `slate run` has taken it in, first "
            f"`rm -f {shlex.quote(str(note))} {files}`; after that, delete the data folder and "
            "load all again"
        )


def _as_options(rules: dict[str, Any]) -> str:
    """Rules as they are typed."""
    said = [("--arrival", rules["arrival"]), ("--table", rules["table"])]
    said += [("--id", "content")] if rules["id_of_content"] else []
    said += [("--null", word) for word in rules["null_words"]]
    said += [("--time-format", form) for form in rules["time_formats"]]
    said += [("--decimal", ",")] if rules["decimal_comma"] else []
    words = " ".join(
        f"{option} {shlex.quote(value)}" for option, value in said if value or (option == "--null")
    )
    return f"by {words}" if words else "by no options"


def _move(aside: Path, top: Path) -> None:
    """Move landing files to their places; a name that is there has the same content."""
    for file in sorted(aside.rglob("*.parquet")):
        place = top / file.relative_to(aside)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    shutil.rmtree(aside)


def _told(
    connection: duckdb.DuckDBPyConnection,
    source: type[Source],
    given: Sequence[str],
    file: EventFile,
    by_content: bool,
) -> Loaded:
    taken = f"from {STAGED} where {REASON} is null"
    # Of ids of content, those that have a number behind it.
    numbered = f"regexp_full_match({source.unique_id}, '[0-9a-f]{{32}}-[0-9]+')"
    alike = f"count(*) filter ({numbered})" if by_content else "0"
    ((rows, hours, first, last, ids, numbers),) = connection.execute(
        f"""select count(*), count(distinct {HOUR}), min({source.arrival_time}),
            max({source.arrival_time}), count(distinct {source.unique_id}),
            {alike} {taken}"""
    ).fetchall()
    ((refused, lines),) = connection.execute(
        f"""select count(*) filter ({LINE} is null), count(*) filter ({LINE} is not null)
        from {STAGED} where {REASON} is not null"""
    ).fetchall()
    hides = personal_columns(source)
    shown = {name: quoted_text(HIDDEN) if name in hides else f"{GIVEN}{name}" for name in given}
    content = ", ".join(f'"{name}" := {value}' for name, value in shown.items())
    examples = connection.execute(
        f"""select {ROW}, {REASON},
            coalesce({LINE}, cast(to_json(struct_pack({content})) as varchar))
        from {STAGED} where {REASON} is not null order by {ROW} limit {SHOWN}"""
    ).fetchall()
    broken = malformed(connection)
    return Loaded(
        rows,
        refused,
        lines + len(broken),
        rows - ids,
        numbers,
        hours,
        first,
        last,
        examples=_examples(file, broken, examples),
        unmatched=tuple(unmatched(source, file, given)),
        hints=tuple(hints(connection, source, given)) if refused else (),
    )


def _examples(
    file: EventFile, broken: Sequence[Malformed], refused: Sequence[tuple[int, str, str]]
) -> tuple[RefusedRow, ...]:
    """The first of what is no row, or was refused by its number, with the reason and its text."""
    told: list[tuple[int, RefusedRow]] = []
    if not file.delimiter:
        counted = "line" if file.lines else "row"
        told = [(n, RefusedRow(f"{counted} {n}", *why)) for n, *why in refused]
    elif broken or refused:
        numbers = [number for number, *_ in refused]
        found = lines(file.path, file.delimiter, [one.record for one in broken], numbers)
        for one in broken:
            line = found.of_records.get(one.record, one.record)
            told.append((line, RefusedRow(f"line {line}", one.reason, one.text)))
        for number, *why in refused:
            line = found.of_rows.get(number, 0)
            place = f"line {line}" if line else f"row {number} of those that can be read"
            told.append((line, RefusedRow(place, *why)))
    return tuple(row for _, row in sorted(told, key=lambda one: one[0])[:SHOWN])
