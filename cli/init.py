"""`slate init`: a deployment in this folder, from a file of events."""

import importlib.util
import keyword
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from slate.assets.column_profiles import profile
from slate.assets.csv_lines import malformed
from slate.assets.event_files import open_events, reading
from slate.assets.event_values import require_time_format
from slate.assets.scratch import scratch
from slate.base import snake_case
from slate.cli.column_roles import GuessedColumn, Said
from slate.cli.guesses import Guess, guess, left_out
from slate.cli.scaffold import Scaffold
from slate.compile.project import write
from slate.deployment import load
from slate.errors import ConfigurationError
from slate.identifiers import is_portable
from slate.refusals import LATEST


def run(options: Namespace) -> int:
    """Look at the file, write what a deployment needs, and tell what to run next."""
    folder = Path.cwd()
    _require_name(options.name, folder)
    file = Path(options.from_)
    formats = [require_time_format(text) for text in options.time_format]
    now = datetime.now(UTC).replace(tzinfo=None)
    with scratch(folder) as connection:
        found = open_events(connection, file, options.table)
        if options.decimal:
            found = replace(found, decimal_comma=True)
        with reading(file):
            told = profile(connection, found, now, options.null or None, formats)
        broken = len(malformed(connection))
    said = Said(options.source, options.id, options.time, options.arrival, options.key)
    stem = Path(file.stem).stem if file.suffix == ".gz" else file.stem
    guessed = guess(options.table or stem, told, said)
    made = Scaffold(options.name, file, guessed, told, now)
    with _all_or_none(folder, made.files()):
        deployment = load(folder / "slate.toml")
        write(deployment.registry, deployment.dbt_project)
    for path in made.files():
        print(path)
    print(f"{deployment.dbt_project.name}/models/generated", flush=True)
    rows = told.columns[0].rows
    print(
        f"{file}: {rows:,} rows, {len(guessed.columns)} columns{_broken(broken)}. {_told(guessed)}",
        file=sys.stderr,
    )
    if made.clock is not None:
        print(
            f"Its newest row is of the past, so the clock stands at {made.clock} UTC: see `clock` "
            "in slate.toml.",
            file=sys.stderr,
        )
    if made.dated_by.profile.ahead:
        print(_ahead(made.dated_by), file=sys.stderr)
    if guessed.passed_over:
        print(left_out(guessed.passed_over), file=sys.stderr)
    # A comma parts several values.
    example = f"{guessed.key.name}={guessed.key.profile.commonest.partition(',')[0]}"
    print(
        f"Confirm what is marked as guessed in {options.name}/definitions.py, then:\n"
        f"  {_load_command(made, options)}\n"
        f"  slate run\n"
        f"  {shlex.join(['slate', 'query', made.service, example])}",
        file=sys.stderr,
    )
    return 0


def _require_name(name: str, folder: Path) -> None:
    """Refuse a name that no package here can have.

    Raises:
        ConfigurationError: saying why.
    """
    if not is_portable(name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"{name!r} is not a name for a Python package: use lower-case letters, digits and "
            "underscores, as in 'my_shop'"
        )
    if (folder / "slate.toml").exists():
        raise ConfigurationError(
            f"{folder} has a slate.toml: it is a deployment; start another one in an empty folder"
        )
    # A name that Python, or something installed, has would be imported in place of the new package.
    if not (folder / name).exists() and importlib.util.find_spec(name) is not None:
        raise ConfigurationError(
            f"{name!r} is the name of a package that is installed: choose another, as in "
            f"'{name}_features'"
        )


@contextmanager
def _all_or_none(folder: Path, files: dict[Path, str]) -> Iterator[None]:
    """Write all files, or where one is in the way, none; a .gitignore that is there stays.

    Where what is done with them fails, those that were written are taken away: what cannot be used
    is in the way of another try.

    Raises:
        ConfigurationError: naming those that are there, or one cannot be written.
    """
    there = [path for path in files if (folder / path).exists() and path.name != ".gitignore"]
    if there:
        raise ConfigurationError(
            f"{', '.join(map(str, there))} in {folder} would be overwritten: start in an empty "
            "folder, or move them away"
        )
    written: list[Path] = []
    try:
        for path in [path for path in files if not (folder / path).exists()]:
            written.append(folder / path)
            try:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(files[path])
            except OSError as error:
                raise ConfigurationError(
                    f"{path} cannot be written in {folder}: {error.strerror}; start in a folder "
                    "that you may write to"
                ) from error
        yield
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _told(guessed: Guess) -> str:
    """What the columns are for, in one line."""
    of_id = guessed.unique_id.header if guessed.unique_id else "none, so of each row's content"
    arrival = guessed.arrival_time.header if guessed.arrival_time else "none, so by a rule"
    return (
        f"Id {of_id}; time {guessed.event_time.header}; arrival {arrival}; key "
        f"{guessed.key.header}: guessed, where it was not said."
    )


def _ahead(column: GuessedColumn) -> str:
    """What is told of rows that are dated later than now."""
    number, furthest = column.profile.ahead, column.profile.furthest
    rows = "1 row is" if number == 1 else f"{number:,} rows are"
    return (
        f"By {column.header} {rows} of the future, up to {furthest}, and left out of that: such a "
        f"row waits until the clock has reached it, and one of {LATEST:%Y} or later is refused."
    )


def _broken(number: int) -> str:
    """How many lines are not rows; empty if all are."""
    lines = "1 line that is not a row" if number == 1 else f"{number:,} lines that are not rows"
    return f", and {lines}" if number else ""


def _load_command(made: Scaffold, options: Namespace) -> str:
    """The command that loads the file by the rules that were found."""
    guessed = made.guess
    words = ["slate", "load", snake_case(guessed.source), options.from_]
    if options.table:
        words += ["--table", options.table]
    if guessed.arrival_time is None:
        words += ["--arrival", f"{guessed.event_time.name} + {made.delay}"]
    if guessed.unique_id is None:
        words += ["--id", "content"]
    for word in made.profile.null_words:
        words += ["--null", word]
    if any(found.profile.decimal_comma for found in guessed.columns):
        words += ["--decimal", ","]
    formats = dict.fromkeys(
        found.profile.time_format for found in guessed.columns if found.profile.time_format
    )
    for time_format in formats:
        words += ["--time-format", time_format]
    return shlex.join(words)
