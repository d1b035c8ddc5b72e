"""Previews: a deployment beside production that begins with what production has.

Its warehouse begins as a copy of production's, so that only what its definitions change is built.
Landing files are links to production's. Nothing of production's is opened for writing: the copy is
made while the warehouse is open for reading, as by any other reader, and a link changes no file
that it leads to.

Not hard links: these change when a file was changed last, by which production's ledger tells new
files. And production's file is not attached: as long as anybody reads it, no run can write it.
"""

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from slate.assets.landing_files import landed, landing_sources
from slate.deployment import Deployment
from slate.errors import ConfigurationError, DataError, StoreError, nearest
from slate.offline.warehouse import held_alone, lock_file, reading
from slate.online.store import deployment_keys
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.preview_names import is_preview_name, previews_folder

# For how many seconds a store may be silent.
TIMEOUT = 10.0
# Linux's request to let a file share another's blocks, where the file system can.
_FICLONE = 0x40049409
# What the next run is compared with, and for how many runs before it that was done.
_LAST_GOOD = ("*.profile.json", "*.gates.jsonl")


@dataclass(frozen=True)
class Brought:
    """What a preview was given of production's.

    Attributes:
        copied: how many bytes of the warehouse were copied; 0 if it has one already, or production
            has none.
        shared: whether the copy shares production's blocks, and took none of its own.
        linked: how many landing files were linked.
        seconds: how long it took.
    """

    copied: int
    shared: bool
    linked: int
    seconds: float


def bring(deployment: Deployment) -> Brought:
    """Give a preview what production has: the warehouse once, landing files as they come.

    Stopped at any point it may be done again.

    Raises:
        DataError: production's warehouse cannot be read now, or a folder cannot be looked into.
    """
    began, production = time.perf_counter(), deployment.production
    production.make_data()
    deployment.make_data()
    copied, shared = 0, False
    if production.warehouse.is_file() and not deployment.warehouse.exists():
        copied, shared = _copy_warehouse(production, deployment)
    linked = _link_landing(production, deployment)
    return Brought(copied, shared, linked, time.perf_counter() - began)


def _copy_warehouse(production: Deployment, preview: Deployment) -> tuple[int, bool]:
    shared, size = True, 0
    preview.reports.mkdir(parents=True, exist_ok=True)
    with reading(production):
        # In this order: whoever is stopped on the way has no warehouse yet.
        for path in (path for kind in _LAST_GOOD for path in production.reports.glob(kind)):
            shutil.copyfile(path, preview.reports / path.name)
        log = production.warehouse.with_name(f"{production.warehouse.name}.wal")
        for path in (log, production.warehouse):
            if path.exists():
                part = preview.data / f".{path.name}.part"
                shared &= _copy(path, part)
                size += part.stat().st_size
                part.replace(preview.data / path.name)
    return size, shared


def _copy(source: Path, target: Path) -> bool:
    """Copy a file; tells whether the copy shares the file's blocks."""
    with source.open("rb") as read, target.open("wb") as written:
        try:
            fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
            return True
        except OSError:
            shutil.copyfileobj(read, written, 1 << 24)
            return False


def _link_landing(production: Deployment, preview: Deployment) -> int:
    """Link production's landing files that are not linked yet; unlink those that are gone there."""
    linked, wanted = 0, set[Path]()
    for source in landing_sources(preview.registry):
        for file in landed(production.landing, source).files:
            link = preview.landing / file.name
            wanted.add(link)
            # A file of the preview's own goes before.
            if not os.path.lexists(link):
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(os.path.relpath(file.path, link.parent))
                linked += 1
    for link in preview.landing.glob("*/*/*"):
        if link.is_symlink() and link not in wanted:
            link.unlink()
    return linked


@dataclass(frozen=True)
class Preview:
    """A preview, as far as anything of it is there.

    Attributes:
        name: its name.
        folder: its data folder, which may be gone.
        size: how many bytes of the disk its own files take.
        built: when its warehouse was written last, in seconds since 1970; None if it has none.
        keys: how many names it has in production's online store; None where that is not known, or
            it has a store of its own, in its folder.
    """

    name: str
    folder: Path
    size: int
    built: float | None
    keys: int | None


def previews(deployment: Deployment) -> list[Preview]:
    """The previews of a deployment, by their names.

    Raises:
        StoreError: the online store cannot be reached.
    """
    production = deployment.production
    folder = previews_folder(production.data)
    found = {path.name for path in folder.glob("*") if is_preview_name(path.name)}
    keys: dict[str, int] | None = None
    if production.redis:
        try:
            with connect(production.redis, TIMEOUT) as redis:
                keys = deployment_keys.previews(redis, production.name)
        except (RedisError, OSError) as error:
            raise StoreError(
                "which previews have keys in the online store is not known, as it cannot be "
                f"reached ({error}): see that it runs, and to its address (redis in slate.toml, or "
                "SLATE_REDIS)"
            ) from error
        found |= keys.keys()
    return [
        _preview(production.preview(name), None if keys is None else keys.get(name, 0))
        for name in sorted(found)
    ]


def _preview(preview: Deployment, keys: int | None) -> Preview:
    built = preview.warehouse.stat().st_mtime if preview.warehouse.exists() else None
    return Preview(preview.env, preview.data, _size(preview.data), built, keys)


def _size(folder: Path) -> int:
    """What the files of a folder take of the disk, without those that links lead to."""
    size = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                size += Path(root, name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue  # it was removed meanwhile
    return size


@dataclass(frozen=True)
class Removed:
    """What was removed of a preview.

    Attributes:
        keys: how many names of production's online store.
        size: how many bytes of the disk.
    """

    keys: int
    size: int


def remove(deployment: Deployment, name: str) -> Removed:
    """Remove all of a preview: its keys in the online store, then its files.

    Stopped at any point it may be done again.

    Raises:
        ConfigurationError: there is none of that name.
        DataError: something still uses it, or a file cannot be removed. Where that is found before
            anything is removed, all stays.
        StoreError: the online store cannot be reached; files stay.
    """
    preview = deployment.production.preview(name)
    known = previews(deployment)
    if name not in {one.name for one in known}:
        hint = nearest(name, [one.name for one in known]) if known else "there are no previews"
        raise ConfigurationError(f"there is no preview {name!r}: {hint}")
    _require_unused(preview)
    keys, size = 0, _size(preview.data)
    if preview.redis:
        keys = _remove_keys(preview)
    try:
        if preview.data.exists():
            shutil.rmtree(preview.data)
        folder = previews_folder(deployment.production.data)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise DataError(
            f"{preview.data} cannot be removed as a whole ({error}): mend that, and run "
            f"`slate env remove {name}` again"
        ) from error
    return Removed(keys, size)


def _require_unused(preview: Deployment) -> None:
    """Refuse to remove what a run builds, or a process that serves or streams has open."""
    again = f"end that, and run `slate env remove {preview.env}` again"
    if lock_file(preview.warehouse).exists():
        with held_alone(preview.warehouse, again):
            pass
    if EmbeddedServer.in_use(preview.online_store):
        raise DataError(f"a process uses the online store in {preview.online_store}: {again}")


def _remove_keys(preview: Deployment) -> int:
    try:
        with connect(preview.redis, TIMEOUT) as redis:
            removed = deployment_keys.remove_all(redis, preview.name)
            left = deployment_keys.count(redis, preview.name)
    except (RedisError, OSError) as error:
        raise StoreError(
            f"what {preview.env} has in the online store cannot be removed ({error}): see that it "
            f"runs, and run `slate env remove {preview.env}` again; its files stay until then"
        ) from error
    if left:
        raise DataError(
            f"{left:,} names of {preview.env} were written to the online store meanwhile: end what "
            f"serves, streams or writes there, and run `slate env remove {preview.env}` again"
        )
    return removed
