"""`slate apply` in a preview: a new version beside the former ones, and production untouched."""

import fcntl
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from redis import Redis

from slate.assets import verdicts
from slate.assets.previews import bring
from slate.assets.publish_step import TOGETHER
from slate.cli.main import command
from slate.deployment import Deployment, load
from slate.online import Publisher
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from slate.orchestration.assembly import assemble
from slate.orchestration.home import prepare_home
from tests.orchestration import stays

DEFINITIONS = """
from slate import FeatureService, FeatureView, count
from tests.orchestration.small import Guest, GuestLetters, Letter, Stay


class GuestStays(FeatureView):
    entity, source = Guest, Stay
    stays = count(over="1d")
    nights = count(over="7d")


welcome = FeatureService(
    "welcome", version=1, keys=[Guest], spine=Stay, features=[GuestStays.stays, GuestLetters]
)
welcome_v2 = FeatureService(
    "welcome", version=2, keys=[Guest], spine=Stay, features=[GuestStays.stays]
)
welcome_v3 = FeatureService("welcome", version=3, keys=[Guest], spine=Stay, features=[GuestStays])
"""
AT = "2026-03-10T15:00"
Contents = dict[str, Any]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """What ran, by the definitions of then, in a store that others share."""
    found = stays.ran(tmp_path_factory.mktemp("production") / "stays")
    with EmbeddedServer.attach(found.data / "redis") as server:
        yield replace(found, redis=server.address)


@pytest.fixture(scope="module")
def redis(production: Deployment) -> Iterator[Redis]:
    with connect(production.redis) as redis:
        yield redis


@pytest.fixture(scope="module")
def branch(production: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The slate.toml of a checkout with other definitions, about the same data."""
    root = tmp_path_factory.mktemp("branch")
    (root / "applied_stays.py").write_text(DEFINITIONS)
    for folder in ("dbt_project", "locks"):
        shutil.copytree(production.root / folder, root / folder)
    config = root / "slate.toml"
    config.write_text(
        f'name = "events"\ndefinitions = "applied_stays"\ndbt_project = "dbt_project"\n'
        f'data = "{production.data}"\nredis = "{production.redis}"\n'
    )
    yield config
    sys.path.remove(str(root))
    del sys.modules["applied_stays"]


def of_production(production: Deployment, redis: Any) -> Contents:
    """Every file and every key: what it holds, and of files when they were changed."""
    found: Contents = {}
    for path in production.data.rglob("*"):
        place = path.relative_to(production.data).parts
        # What the store writes of its own accord, and the previews themselves.
        if path.is_file() and place[0] not in ("env", "redis"):
            told = path.stat()
            digest = sha256(path.read_bytes()).hexdigest()
            found[str(path)] = digest, told.st_mtime_ns, told.st_ctime_ns, told.st_nlink
    for name in redis.scan_iter(match="*"):
        if not name.startswith((b"events@", b"{events@")):
            found[name.decode()] = redis.dump(name)
    assert len(found) > 20
    return found


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    return (command(arguments), *capsys.readouterr())


def asked(capsys: pytest.CaptureFixture[str], version: str, *where: str) -> dict[str, Any]:
    code, out, err = told(capsys, "query", version, "guest_id=g1", "--at", AT, "--json", *where)
    assert (code, "slate:" in err) == (0, False), err
    values: dict[str, Any] = json.loads(out)["features"]
    return values


def test_a_change_is_applied_in_a_preview_and_removed_with_it(
    production: Deployment,
    redis: Redis,
    branch: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(branch))
    before = of_production(production, redis)
    assert told(capsys, "compile")[0] == 0
    preview = load(branch).preview("review")

    # Nobody is there who could be asked.
    code, out, err = told(capsys, "apply", "--env", "review", "--sample", "0")
    assert code == 1
    assert out.startswith("1 new version of a service, 1 feature new, changed or gone, ")
    assert err.splitlines()[-1].startswith("slate: nothing was done: there is no terminal")
    assert not redis.exists("events@review:generations")

    code, out, err = told(capsys, "--env", "review", "apply", "--yes", "--sample", "0")
    assert code == 0, err
    live = out[out.index("live now, in one step") :].splitlines()
    assert [line.split()[0] for line in live[2:]] == ["guest_letters", "guest_stays"]
    with duckdb.connect(preview.warehouse, read_only=True) as warehouse:
        ((anew,),) = warehouse.execute(
            "select anew from raw.builds order by built_at desc limit 1"
        ).fetchall()
        files = warehouse.execute("select name, taken_in_at from raw.files").fetchall()
    assert {"guest_stays_tiles", "welcome_v1", "welcome_v3"} <= set(anew)
    assert "guest_letters_tiles" not in anew, "only what is touched"
    with duckdb.connect(production.warehouse, read_only=True) as warehouse:
        assert warehouse.execute("select name, taken_in_at from raw.files").fetchall() == files
    assert not (branch.parent / "locks/welcome_v3.toml").exists(), "a preview promises nothing"

    # All versions are served, and there is nothing left to do.
    three = asked(capsys, "welcome_v3", "--env", "review")
    assert three == {"guest_stays.stays_1d": 3, "guest_stays.nights_7d": 3}
    one = asked(capsys, "welcome_v1", "--env", "review")
    assert one == {"guest_stays.stays_1d": 3, "guest_letters.letters_1d": 0}
    assert asked(capsys, "welcome@2", "--env", "review") == {"guest_stays.stays_1d": 3}
    assert told(capsys, "plan", "--env", "review")[1].startswith("nothing to do; 1 stream begins")
    code, out, err = told(capsys, "apply", "--env", "review", "--sample", "0")
    assert (code, out.partition(";")[0]) == (0, "nothing to do"), err
    assert "running the whole chain" not in err

    # What is applied goes live together: where a view is held back, the others stay too.
    require_together(preview)

    # Production has neither changed, nor does it know of the new version.
    assert of_production(production, redis) == before
    monkeypatch.setenv("SLATE_CONFIG", str(production.root / "slate.toml"))
    monkeypatch.setenv("SLATE_REDIS", production.redis)
    assert asked(capsys, "welcome_v1") == one

    removed(preview, redis, capsys)
    assert of_production(production, redis) == before


def require_together(preview: Deployment) -> None:
    """A publish of both views, of which one did not pass, makes nothing live by their tag."""
    stays_, letters = (preview.registry.view(name) for name in ("guest_stays", "guest_letters"))
    with duckdb.connect(preview.warehouse) as warehouse:
        verdicts.record(warehouse, letters, passed=False)
    prepare_home(preview)
    job = assemble(preview).resolve_job_def("publish_online")
    with Publisher.connect(preview) as store, dg.DagsterInstance.get() as instance:
        before = store.live(stays_)
        assert before is not None
        for tags, changes in (({TOGETHER: "guest_letters,guest_stays"}, False), ({}, True)):
            result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
            assert not result.success
            live = store.live(stays_)
            assert live is not None
            assert (live.name != before.name) is changes
        assert store.live(letters) is not None


def removed(preview: Deployment, redis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed, kept while a run builds it, and then all of it goes, and nothing else."""
    names = [name for name in redis.scan_iter() if name.startswith(b"events@review:")]
    (one,) = json.loads(told(capsys, "env", "list", "--json")[1])
    assert (one["name"], one["folder"]) == ("review", str(preview.data))
    assert one["keys"] >= len(names) > 2
    assert one["bytes"] > preview.warehouse.stat().st_size
    with preview.warehouse.with_name("warehouse.duckdb.lock").open() as run:
        fcntl.flock(run, fcntl.LOCK_EX)
        code, _, err = told(capsys, "env", "remove", "review")
    assert (code, "a run has " in err) == (1, True)
    assert [name for name in redis.scan_iter() if name.startswith(b"events@review:")] == names
    other = preview.preview("review-2")
    redis.set(f"{other.name}:generations", "another's")
    code, out, _ = told(capsys, "env", "remove", "review")
    assert (code, out.startswith(f"review: {len(names):,} keys and ")) == (0, True)
    assert not preview.data.exists()
    assert [name for name in redis.scan_iter() if b"@" in name] == [b"events@review-2:generations"]
    code, _, err = told(capsys, "env", "remove", "review")
    assert (code, err) == (1, "slate: there is no preview 'review': did you mean 'review-2'?\n")
    assert told(capsys, "env", "remove", "review-2")[1].startswith("review-2: 1 keys and 0.0 MB")
    assert told(capsys, "env", "list")[:2] == (0, "")
    assert not preview.data.parent.exists()


def test_what_lands_is_linked_and_what_is_a_previews_own_stays(
    production: Deployment, tmp_path: Path
) -> None:
    """By links that change nothing of what they lead to, also where it goes again."""
    own = replace(production, data=tmp_path / "data", redis="")
    shutil.copytree(production.landing, own.landing)
    preview = own.preview("p1")
    found = bring(preview)
    other, file = sorted(own.landing.rglob("*.parquet"))
    link = preview.landing / file.relative_to(own.landing)
    assert (found.copied, found.linked) == (0, 2)
    assert (link.is_symlink(), link.read_bytes()) == (True, file.read_bytes())
    mine = link.with_name("23-mine.parquet")
    mine.write_bytes(b"mine")
    late = file.with_name("22-late.parquet")
    late.write_bytes(b"late")
    file.rename(file.with_suffix(".bad"))
    assert bring(preview).linked == 1
    there = {path.name: path.read_bytes() for path in link.parent.iterdir()}
    assert there == {other.name: other.read_bytes(), late.name: b"late", mine.name: b"mine"}
    assert bring(preview).linked == 0
