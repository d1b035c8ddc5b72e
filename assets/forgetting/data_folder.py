"""Everything that lies in the data folder: searched, and without subjects."""

import mmap
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.assets.forgetting import parquet_files, texts
from slate.assets.forgetting.looked import Looked, places
from slate.deployment import Deployment
from slate.errors import DataError
from slate.online.rows.event_ids import Ids, hash_ids
from slate.sources import Source
from slate.subjects import Subjects

# What an archive writes to; those of others are theirs.
_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")
# Of which each line is something by itself.
_LINES = ".jsonl"


@dataclass
class DataFolder:
    """The data folder of a deployment.

    Attributes:
        deployment: the deployment.
        subjects: what is looked for.
    """

    deployment: Deployment
    subjects: Subjects
    _taken: dict[type[Source], list[pa.Array]] = field(default_factory=dict)

    def search(self, *, anywhere: bool) -> list[Looked]:
        """Look at every file: of Parquet and SQLite the rows, of text the lines, else the bytes.

        Args:
            anywhere: as of ``Subjects.in_bytes``, of files that are bytes.
        """
        unread: list[str] = []
        found = places(self._looked(path, anywhere) for path in self._files(unread.append))
        beyond = [Looked("files: out of reach", "folders", unread=unread)] if unread else []
        return [*found, *beyond]

    def take_out(self, *, training: bool = False) -> None:
        """Write Parquet files anew without the subjects' rows.

        Args:
            training: whether those of training sets too, which are made anew otherwise.

        Raises:
            DataError: a file cannot be read or written; those before it are without them.
        """
        for path in self._files(_refuse):
            is_training = path.is_relative_to(self.deployment.training)
            if (training or not is_training) and parquet_files.is_parquet(path):
                out = parquet_files.take_out(path, self.subjects)
                if out is not None:
                    self._remember(path, out)

    def forgotten_ids(self) -> dict[str, Ids]:
        """Hashes of the ids of events that were taken out, and that no other row has, by stream.

        Raises:
            DataError: a file cannot be read.
        """
        found = {}
        for source, taken in self._taken.items():
            if source.stream:
                ids = pa.concat_arrays(taken)
                # A repeat of an id may be somebody else's.
                for path in self._events_of(source):
                    others = parquet_files.column(path, source.unique_id).cast(pa.string())
                    ids = ids.filter(pc.invert(pc.is_in(ids, others)))
                found[source.stream] = np.asarray(hash_ids(ids)).astype(np.uint64)
        return found

    def _events_of(self, source: type[Source]) -> Iterator[Path]:
        for folder in self._folders_of(source):
            paths = (path for path in folder.rglob("*.parquet") if path.is_file())
            yield from (path for path in paths if parquet_files.is_parquet(path))

    def _folders_of(self, source: type[Source]) -> list[Path]:
        landed = [self.deployment.landing / source.landing] if source.landing else []
        archived = [self.deployment.stream_archive / source.stream] if source.stream else []
        return [*landed, *archived]

    def blot_out(self) -> None:
        """Write files of text, and databases, anew without subjects.

        Raises:
            DataError: a file cannot be read or written.
        """
        for path in self._files(_refuse):
            if self._is_of_bytes(path) or parquet_files.is_parquet(path):
                continue
            if texts.is_sqlite(path):
                if texts.rows(path, self.subjects)[1] or self._left_over(path):
                    texts.blot_out_rows(path, self.subjects)
            elif texts.lines(path, self.subjects)[1]:
                texts.blot_out(path, self.subjects, whole_lines=path.suffix == _LINES)

    def remove_unfinished(self) -> None:
        """Remove what an archive that was killed has left."""
        for folder in (self.deployment.landing, self.deployment.stream_archive):
            for path in folder.glob("*/*/.*"):
                if _UNFINISHED.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def _files(self, failed: Callable[[str], None]) -> Iterator[Path]:
        """All files, each once; also those on other disks, where links lead to.

        Args:
            failed: told of what cannot be looked into.
        """

        def unread(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):  # else it went meanwhile
                failed(f"{error.filename} cannot be looked into ({error.strerror}): see to that")

        seen = set[str]()
        # Links come last, so that a file is known by where it lies.
        links = [self.deployment.data]
        while links:
            link = links.pop(0)
            real = os.path.realpath(link)
            if link.is_symlink() and not link.exists():
                failed(f"{link} leads to {real}, where nothing is: mount that, or remove the link")
            elif link.is_file() and real not in seen:
                seen.add(real)
                yield link
            elif link.is_dir():
                for path in _below(link, seen, unread):
                    if path.is_symlink():
                        links.append(path)
                    elif path.is_file():
                        yield path

    def _looked(self, path: Path, anywhere: bool) -> Looked:
        looked = Looked(self._place(path), "files")
        where = str(path.relative_to(self.deployment.data))
        try:
            if self._is_of_bytes(path):
                looked.what = "bytes"
                looked.add(path.stat().st_size, self._in_bytes(path, anywhere), where)
            elif parquet_files.is_parquet(path):
                looked.what = "rows"
                looked.add(*parquet_files.count(path, self.subjects), where)
            elif texts.is_sqlite(path):
                looked.what = "rows"
                number, found = texts.rows(path, self.subjects)
                looked.add(number, found or int(self._left_over(path)), where)
            else:
                looked.what = "lines"
                looked.add(*texts.lines(path, self.subjects), where)
        except FileNotFoundError:
            pass  # it went meanwhile
        except (DataError, OSError) as error:
            looked.unread.append(str(error))
        return looked

    def _place(self, path: Path) -> str:
        """Which part of the data folder a file lies in, in words."""
        of = self.deployment
        parts = path.relative_to(of.data).parts
        deep = (of.landing, of.stream_archive, of.answers, of.training, of.dagster_home)
        shown = parts[:2] if of.data / parts[0] in deep and len(parts) > 2 else parts[:1]
        return f"files: {'/'.join(shown)}"

    def _is_of_bytes(self, path: Path) -> bool:
        """Whether a file is neither rows nor text."""
        return path.name.startswith(self.deployment.warehouse.name) or (
            path.is_relative_to(self.deployment.online_store) and path.suffix != ".log"
        )

    def _in_bytes(self, path: Path, anywhere: bool) -> bool:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
                return self.subjects.in_bytes(held, anywhere=anywhere)

    def _left_over(self, path: Path) -> bool:
        """Whether a database has in its bytes what none of its rows has."""
        beside = [path.with_name(f"{path.name}{end}") for end in ("", "-wal")]
        return any(self._in_bytes(one, anywhere=False) for one in beside if one.is_file())

    def _remember(self, path: Path, out: pa.Table) -> None:
        """Remember the ids of events that were taken out, if they are of a source."""
        for source in self.deployment.registry.sources.values():
            if not any(path.is_relative_to(folder) for folder in self._folders_of(source)):
                continue
            if source.unique_id in out.column_names:
                with suppress(pa.ArrowException):
                    ids = out[source.unique_id].combine_chunks().cast(pa.string())
                    self._taken.setdefault(source, []).append(ids)


def _below(folder: Path, seen: set[str], unread: Callable[[OSError], None]) -> Iterator[Path]:
    """What below a folder was not seen yet: files, and links, which are not followed.

    Args:
        folder: the folder.
        seen: the real paths of what was seen; they are added to.
        unread: told of folders that cannot be looked into.
    """
    for root, inner, names in os.walk(folder, onerror=unread):
        real = os.path.realpath(root)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        folders = set(inner)
        for path in sorted(Path(root, name) for name in (*inner, *names)):
            if path.is_symlink():
                yield path
            elif path.name not in folders and (its := f"{real}/{path.name}") not in seen:
                seen.add(its)
                yield path


def _refuse(message: str) -> None:
    raise DataError(message)
