"""slate.toml: which definitions, which dbt project, and where the data lie."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slate import deployment
from slate.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
BIKES = ROOT / "tests/deployments/bikes"

MINIMAL = 'name = "shop"\ndefinitions = "shop.definitions"\ndbt_project = "warehouse"\n'


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "SLATE_CONFIG",
        "SLATE_DATA",
        "SLATE_REDIS",
        "SLATE_CLOCK",
        "SLATE_MEMORY",
        "SLATE_ENV",
    ):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    file = folder / "slate.toml"
    file.write_text(text)
    return file


def test_the_nearest_file_upwards_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, MINIMAL)
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    found = deployment.load()
    assert (found.name, found.root, found.redis) == ("shop", tmp_path, "")
    assert found.dbt_project == tmp_path / "warehouse"
    assert found.data == tmp_path / "data"
    assert found.landing == tmp_path / "data/landing"
    assert found.warehouse == tmp_path / "data/warehouse.duckdb"
    assert found.training == tmp_path / "data/training"


def test_elsewhere_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the demonstration's either, whose data and rows a command would take for one's own."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        deployment.load()
    assert f"no slate.toml in {tmp_path} or above: `slate init NAME --from FILE`" in str(
        raised.value
    )


def test_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(BIKES / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path))
    monkeypatch.setenv("SLATE_REDIS", "unix:///run/redis.sock")
    found = deployment.load()
    assert found.name == "bikes"
    assert found.dbt_project == BIKES / "dbt_project"
    assert found.data == tmp_path
    assert found.redis == "unix:///run/redis.sock"
    assert set(found.registry.services) == {"bike_choice_v2", "station_outlook_v1"}


def test_a_relative_data_folder_of_the_environment_is_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLATE_DATA", "mine")
    assert deployment.load(BIKES / "slate.toml").data == tmp_path / "mine"
    monkeypatch.delenv("SLATE_DATA")
    assert deployment.load(BIKES / "slate.toml").data == BIKES / "data"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "shop"\n', "set definitions"),
        (MINIMAL.replace('"shop"', '""'), "set name"),
        (MINIMAL + 'redis_url = ""\n', "unknown 'redis_url', did you mean 'redis'?"),
        (MINIMAL + "data = 5\n", "data = 5 is not a string"),
        (
            MINIMAL + 'data = "."\n',
            "which holds the deployment itself: give it",
        ),
        (MINIMAL + 'data = "../"\n', "which holds the deployment itself"),
        ("name = shop\n", "is not TOML"),
        (MINIMAL.replace('"shop"', '"my {shop}"'), "name = 'my {shop}': the names in the online"),
        (MINIMAL + 'clock = "noon"\n', "clock = 'noon' is not an instant: write it as in '2026"),
        (MINIMAL + 'clock = "2999-01-01"\n', "clock = '2999-01-01' lies in the future"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as raised:
        deployment.load(file)
    assert str(file) in str(raised.value)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ('"2026-05-01T06:30:00"', datetime(2026, 5, 1, 6, 30, tzinfo=UTC)),
        ('"2026-05-01"', datetime(2026, 5, 1, tzinfo=UTC)),
        # TOML has instants and days of its own.
        ("2026-05-01T06:30:00Z", datetime(2026, 5, 1, 6, 30, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ('"2026-05-01T06:30:00+02:00"', datetime(2026, 5, 1, 4, 30, tzinfo=UTC)),
    ],
)
def test_a_virtual_clock_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, instant: datetime
) -> None:
    file = written(tmp_path, MINIMAL + f"clock = {text}\n")
    assert deployment.load(file).now() == instant
    monkeypatch.setenv("SLATE_CLOCK", "2026-01-01")
    assert deployment.load(file).now() == datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setenv("SLATE_CLOCK", "")
    assert deployment.load(file).now() - datetime.now(UTC) < timedelta(seconds=5)


def test_no_data_folder_is_the_default_one(tmp_path: Path) -> None:
    assert deployment.load(written(tmp_path, MINIMAL + 'data = ""\n')).data == tmp_path / "data"


def test_what_is_no_text_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
        deployment.load()
    (tmp_path / "slate.toml").write_bytes(MINIMAL.encode() + b"# \xff\n")
    with pytest.raises(ConfigurationError, match=r"slate\.toml is not UTF-8"):
        deployment.load(tmp_path / "slate.toml")


def test_a_missing_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigurationError, match=r"none\.toml does not exist: set SLATE_CONFIG"):
        deployment.load()


def test_missing_definitions_are_said(tmp_path: Path) -> None:
    file = written(tmp_path, MINIMAL)
    with pytest.raises(ConfigurationError, match=r"'shop\.definitions' cannot be imported"):
        _ = deployment.load(file).registry


def test_definitions_beside_the_file_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "beside_the_file.py").write_text("from slate import Entity\n")
    file = written(tmp_path, MINIMAL.replace("shop.definitions", "beside_the_file"))
    assert deployment.load(file).registry.entities == {}


@pytest.mark.parametrize("text", ["12GB", "1.5 GiB", "800MiB", "70%", "100%", ""])
def test_memory_is_an_amount_or_a_share(tmp_path: Path, text: str) -> None:
    assert deployment.load(written(tmp_path, f'{MINIMAL}memory = "{text}"\n')).memory == text


@pytest.mark.parametrize("text", ["much", "12", "0GB", "-1", "101%", "1GB'; drop", "GB"])
def test_what_is_not_an_amount_of_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    file = written(tmp_path, MINIMAL)
    monkeypatch.setenv("SLATE_MEMORY", text)
    with pytest.raises(ConfigurationError, match=r"SLATE_MEMORY = .* is not an amount of memory"):
        deployment.load(file)


def test_how_many_generations_are_kept_is_a_number(tmp_path: Path) -> None:
    assert deployment.load(written(tmp_path, MINIMAL)).kept_generations == 1
    kept = deployment.load(written(tmp_path, f"{MINIMAL}kept_generations = 3\n"))
    assert kept.kept_generations == 3
    for wrong in ("0", "101", "1.0", '"1"', "true"):
        file = written(tmp_path, f"{MINIMAL}kept_generations = {wrong}\n")
        with pytest.raises(ConfigurationError, match=r"kept_generations = .* from 1 to 100: how"):
            deployment.load(file)


def test_where_a_web_server_has_pages_is_an_address(tmp_path: Path) -> None:
    assert deployment.load(written(tmp_path, MINIMAL)).catalogue_url == ""
    told = 'catalogue_url = "https://a.example.com:81/docs/"\nreports_url = "http://b"\n'
    found = deployment.load(written(tmp_path, MINIMAL + told))
    assert (found.catalogue_url, found.reports_url) == ("https://a.example.com:81/docs", "http://b")
    for wrong in (
        "a.example.com/docs",
        "javascript:alert(1)",
        "file:///docs",
        "https://",
        "https://u:p@a",
        "https://a:x",
        "https://a?q=1",
        "https://a#b",
        "https://a b",
        "https://[a",
    ):
        file = written(tmp_path, f'{MINIMAL}catalogue_url = "{wrong}"\n')
        with pytest.raises(ConfigurationError, match="is not an address of pages: write it as in"):
            deployment.load(file)


@pytest.mark.parametrize("module", ["slate/__init__.py", "slate.py"])
def test_a_module_named_slate_is_refused(tmp_path: Path, module: str) -> None:
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).touch()
    file = written(tmp_path, MINIMAL)
    with pytest.raises(ConfigurationError, match="in the place of Slate itself"):
        _ = deployment.load(file).registry


def test_a_folder_named_slate_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "slate").mkdir()
    (tmp_path / "beside_slate.py").write_text("from slate import Entity\n")
    file = written(tmp_path, MINIMAL.replace("shop.definitions", "beside_slate"))
    assert deployment.load(file).registry.entities == {}


def test_a_preview_has_names_and_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, MINIMAL + 'redis = "redis://store"\n')
    production = deployment.load(file)
    monkeypatch.setenv("SLATE_ENV", "review-42")
    found = deployment.load(file)
    assert found == production.preview("review-42")
    assert (found.name, found.data) == ("shop@review-42", tmp_path / "data/env/review-42")
    assert (found.redis, found.dbt_project) == (production.redis, production.dbt_project)
    assert found.production == production
    assert found.preview("other") == production.preview("other")
    assert production.production is production
    with pytest.raises(ConfigurationError, match="the names in the online store begin with it"):
        deployment.load(written(tmp_path, MINIMAL.replace('"shop"', '"shop@review-42"')))


@pytest.mark.parametrize("name", ["Review", "a b", "../up", "a/b", "-a", "a:b", "a*", "", "a" * 31])
def test_a_preview_cannot_be_called_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = written(tmp_path, MINIMAL)
    with pytest.raises(ConfigurationError, match="is not a name that a preview can have: use up"):
        deployment.load(file).preview(name)
    monkeypatch.setenv("SLATE_ENV", name)
    if name:
        with pytest.raises(ConfigurationError, match=r"SLATE_ENV: .* is not a name"):
            deployment.load(file)


def test_production_is_no_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_ENV", "production")
    with pytest.raises(ConfigurationError, match="is no preview: leave the name out, or SLATE_ENV"):
        deployment.load(written(tmp_path, MINIMAL))


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, MINIMAL)
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"data cannot be made \(File exists\): see that"):
        deployment.load(file).make_data()
