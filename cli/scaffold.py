"""A deployment's first files, from what a file of events may be: as short as a person writes them.

What is guessed is marked so. Nothing else needs to be there: all other files are generated.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import slate
from slate.assets.column_profiles import FileProfile
from slate.base import snake_case
from slate.cli.column_roles import GuessedColumn
from slate.cli.guesses import Guess, camel_case
from slate.cli.hours import hour_after
from slate.identifiers import VIEW_COLUMNS
from slate.kinds import Kind
from slate.views import FeatureView
from slate.windows import duration

# What a source has where its file does not: the names of these columns, and the arrival's rule.
ROW_ID, RECEIVED_AT = "row_id", "received_at"
MODULE, PROJECT = "definitions", "dbt_project"
# What a view has already, and what its body calls.
_TAKEN = (
    VIEW_COLUMNS
    | frozenset(slate.__all__)
    | frozenset(
        name
        for base in FeatureView.__mro__
        for name in (*inspect.get_annotations(base), *vars(base))
    )
)
# Data that end longer ago than this are of the past.
_PAST = timedelta(days=2)


@dataclass(frozen=True)
class Scaffold:
    """A deployment that is to be.

    Attributes:
        name: its name, and that of its package.
        file: the file that it is made from.
        guess: what the file may be.
        profile: what the file holds.
        now: the machine's clock.
    """

    name: str
    file: Path
    guess: Guess
    profile: FileProfile
    now: datetime

    @property
    def dated_by(self) -> GuessedColumn:
        """The column that tells how new a row is."""
        return self.guess.arrival_time or self.guess.event_time

    @property
    def clock(self) -> datetime | None:
        """Where the virtual clock is to stand: after what is newest, if that is of the past."""
        newest = self.dated_by.profile.newest
        if newest is None:
            return None
        if self.guess.arrival_time is None:
            newest += timedelta(microseconds=duration(self.delay, "the delay"))
        after = hour_after(newest)
        return after if after < self.now - _PAST else None

    @property
    def delay(self) -> str:
        """How long after an event the platform could know it, where the file does not say it.

        What is dated by the day is known when that is over.
        """
        return "1d" if self.guess.event_time.profile.whole_days else "5m"

    @property
    def service(self) -> str:
        """The name of the first service."""
        return f"{snake_case(self.guess.entity)}_features"

    def files(self) -> dict[Path, str]:
        """The files by their paths, with their texts."""
        package = Path(self.name)
        return {
            Path("slate.toml"): self._toml(),
            package / "__init__.py": f'"""What {self.name} is made of."""\n',
            package / f"{MODULE}.py": self._definitions(),
            Path(PROJECT) / "dbt_project.yml": _DBT_PROJECT.replace("NAME", self.name),
            Path(PROJECT) / "profiles.yml": _PROFILES.replace("NAME", self.name),
            Path(".gitignore"): f"/data/\n/{PROJECT}/target/\n/{PROJECT}/logs/\n__pycache__/\n",
        }

    def _toml(self) -> str:
        clock, comment = "", "the machine's; an instant serves and replays the past"
        if self.clock is not None:
            clock, comment = self.clock.isoformat(), "after the newest row; empty: the machine's"
        return (
            "# The deployment: which definitions, which dbt project, and where the data lie.\n"
            f'name = "{self.name}"\n'
            f'definitions = "{self.name}.{MODULE}"\n'
            f'dbt_project = "{PROJECT}"\n'
            'data = "data"    # landing files, warehouse, training sets, online store\n'
            'redis = ""       # an embedded server; else its address, as in "redis://host:6379"\n'
            f'clock = "{clock}"    # {comment}\n'
        )

    def _definitions(self) -> str:
        guess, key = self.guess, self.guess.key
        source, entity = guess.source, guess.entity
        used = ["Entity", "FeatureService", "FeatureView", "Source", "arrival_time", "count"]
        used += ["event_time", "last", "unique_id", *(["sum"] if guess.measure else [])]
        kinds = sorted(used, key=lambda name: (name.islower(), name))
        imports = "".join(f"    {name},\n" for name in kinds)
        view = f"{entity}{camel_case(guess.landing)}"
        features = "".join(f"    {line}\n" for line in self._features())
        columns = "".join(f"    {line}\n" for line in self._columns())
        return f'''"""The definitions of {self.name}.

Made from {self.file.name}. What is marked as guessed was told from its values: confirm or
change it, and take the mark away. `slate check` tells what is wrong, and `slate compile` writes the
SQL anew.
"""

from datetime import datetime

from slate import (
{imports})


class {entity}(Entity):
    """Whose features are asked for."""

    {key.name}: {key.kind.value}  # {self._of_key()}


class {source}(Source):
    """A row of {self.file.name}."""

    model, landing = "stg_{guess.landing}", "{guess.landing}"
{columns}

class {view}(FeatureView):
    """What the {guess.landing.replace("_", " ")} of one {snake_case(entity)} tell."""

    entity, source = {entity}, {source}
{features}

{self.service} = FeatureService(
    "{self.service}",
    version=1,
    keys=[{entity}],
    spine={source},
    features=[{view}],
)
'''

    def _features(self) -> Iterator[str]:
        guess = self.guess
        taken = _TAKEN | {guess.key.name}
        number = _free(guess.landing, taken)
        yield f'{number} = count(over=["1d", "30d"])'
        if guess.measure:
            summed = guess.measure.name
            total = _free(f"{summed}_sum", taken | {number})
            yield f'{total} = sum({guess.source}.{summed}, over=["1d", "30d"])  # guessed'
        latest = _free(f"last_{snake_case(guess.source)}", taken)
        yield f"{latest} = last({guess.source}.{guess.event_time.name})"

    def _columns(self) -> Iterator[str]:
        guess = self.guess
        names = {found.name for found in guess.columns}
        if guess.unique_id is None:
            yield (
                f"{_free(ROW_ID, names)}: str = unique_id()  "
                "# of the row's content, as the file has no id"
            )
        for found in guess.columns:
            yield f"{found.name}: {_annotation(found)}{self._role(found)}{self._comment(found)}"
            if found is guess.event_time and guess.arrival_time is None:
                yield (
                    f"{_free(RECEIVED_AT, names)}: datetime = arrival_time()  "
                    f"# not in the file: {self.delay} after the event, by a rule"
                )
        for header in guess.passed_over:
            yield f"# {' '.join(header.split())!r} is left out: it holds lists or structures."

    def _role(self, found: GuessedColumn) -> str:
        guess = self.guess
        roles = {"unique_id": guess.unique_id, "event_time": guess.event_time}
        roles["arrival_time"] = guess.arrival_time
        return "".join(f" = {role}()" for role, of in roles.items() if of is found)

    def _comment(self, found: GuessedColumn) -> str:
        guess, told = self.guess, []
        if found.header != found.name:
            told.append(f"{' '.join(found.header.split())!r} in the file")
        mark = "" if found in guess.said else "guessed: "
        if found is guess.unique_id:
            differs = "another one in each row" if found.profile.unique else "repeats count once"
            told.append(f"{mark}{differs}")
        elif found is guess.event_time:
            told.append(f"{mark}when it happened")
        elif found is guess.arrival_time:
            told.append(f"{mark}when it could be known")
        elif found in guess.other_keys:
            told.append(f"guessed: another key, of {_of_values(found)}")
        elif found.profile.kind is Kind.TIME and not found.profile.nullable:
            told.append("known only then? mark it arrival_time()")
        if found.profile.misfits:
            misfits = found.profile.misfits
            no_times = "1 is no time" if misfits == 1 else f"{misfits:,} are no times"
            told.append(f"{no_times}, and refused")
        if found.profile.decimal_comma:
            told.append("guessed: commas are decimal points")
        if found.profile.nullable and found.profile.nulls == found.profile.rows:
            told.append("guessed: the file has no value of it")
        return f"  # {'; '.join(told)}" if told else ""

    def _of_key(self) -> str:
        key = self.guess.key
        mark = "" if key in self.guess.said else "guessed: "
        return f"{mark}{_of_values(key)} in {key.profile.rows:,} rows"


def _annotation(found: GuessedColumn) -> str:
    return f"{found.kind.value}{' | None' if found.profile.nullable else ''}"


def _of_values(found: GuessedColumn) -> str:
    return f"{found.profile.distinct:,} different values"


def _free(name: str, taken: set[str] | frozenset[str]) -> str:
    """A name that is not taken yet."""
    while name in taken:
        name = f"{name}_of_row"
    return name


_DBT_PROJECT = """\
# The warehouse of NAME. models/generated is written by `slate compile`; models of your own, of
# attribute views, go to models/features.
name: NAME
version: "1.0"
config-version: 2
profile: NAME

model-paths: [models]
macro-paths: [macros]
target-path: target
clean-targets: [target, logs]

flags:
  send_anonymous_usage_stats: false
"""

_PROFILES = """NAME:
  target: local
  outputs:
    local:
      type: duckdb
      path: "{{ env_var('SLATE_WAREHOUSE', '../data/warehouse.duckdb') }}"
      threads: 2
      # No handle outlives a command, and a file in use is waited for.
      keep_open: false
      retries:
        connect_attempts: 8
        query_attempts: 1
        retryable_exceptions: [IOException]
      settings:
        autoinstall_known_extensions: false
        autoload_known_extensions: false
"""
