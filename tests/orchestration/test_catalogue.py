"""What Dagster's catalogue shows of a deployment: columns with texts, tags, freshness."""

import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from slate.assets.catalogue import SCHEMA, asset_tags
from slate.assets.catalogue_site.asset import KEY, catalogue_assets
from slate.assets.dbt_project import parse_if_changed
from slate.assets.links import report_link
from slate.assets.online import online_assets, online_key
from slate.compile.project import write
from slate.deployment import load
from slate.orchestration.assembly import assemble
from tests.orchestration import small

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
Specs = dict[str, dg.AssetSpec]


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Specs:
    """The assets of the reference deployment, by key."""
    folder = tmp_path_factory.mktemp("catalogue")
    # With what came of parsing it, if that is not out of date.
    shutil.copytree(ROOT / "dbt_project", folder / "dbt_project")
    shutil.copy(ROOT / "slate.toml", folder)
    deployment = load(folder / "slate.toml")
    parse_if_changed(deployment)
    definitions = assemble(deployment)
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def columns(specs: Specs, key: str) -> dict[str, dg.TableColumn]:
    return {column.name: column for column in specs[key].metadata[SCHEMA].columns}


def test_every_column_has_a_description(specs: Specs) -> None:
    found = {key: columns(specs, key) for key, spec in specs.items() if SCHEMA in spec.metadata}
    lacking = [
        f"{key}.{name}"
        for key, of in found.items()
        for name, column in of.items()
        if not column.description
    ]
    assert lacking == []
    kinds = {key.split("/")[0] for key in found if "/" in key}
    assert kinds == {"raw", "stream", "training", "online", "log"}


def test_request_features_show_their_expression(specs: Specs) -> None:
    price = columns(specs, "training/feed_ranking_v1")["feed_request.is_live"]
    assert price.description == "Computed when asked: show_catalog.status == 'live'."


def test_the_text_of_a_column_is_the_same_everywhere(specs: Specs) -> None:
    text = "Count of Event where kind == 'tap', in the last hour, its tail in hops of 5 minutes."
    for key, name in (
        ("viewer_activity_current", "taps_1h"),
        ("feed_ranking_v1", "viewer_activity.taps_1h"),
        ("training/feed_ranking_v1", "viewer_activity.taps_1h"),
        ("online/viewer_activity", "taps_1h"),
    ):
        assert columns(specs, key)[name].description == text


def test_tags_are_those_of_the_definitions(specs: Specs) -> None:
    for key in ("viewer_category_taste_tiles", "online/viewer_category_taste"):
        assert {"affinity", "session"} <= specs[key].tags.keys()
    for key in ("feed_ranking_v1", "training/feed_ranking_v1"):
        assert "ranking" in specs[key].tags
    for key in ("show_catalog_current", "online/show_catalog"):
        assert columns(specs, key)["start_price"].tags == {"price": ""}


def test_tags_that_dagster_does_not_take_are_left_out() -> None:
    assert asset_tags(["a.b-c_1", "two words", "é", "x" * 64]) == {"a.b-c_1": ""}


def test_sources_show_how_fresh_they_are(specs: Specs) -> None:
    text = "A check fails when its newest row arrived more than 3 hours ago"
    for key in ("raw/events", "stg_events"):
        assert text in (specs[key].description or "")
    unique = columns(specs, "raw/events")["event_id"].constraints
    assert unique == dg.TableColumnConstraints(nullable=False, unique=True)


def test_a_published_view_tells_where_its_page_is(specs: Specs) -> None:
    told = specs["online/viewer_activity"].metadata["catalogue"]
    assert isinstance(told, dg.PathMetadataValue)
    assert str(told.path).endswith("data/catalogue/views/viewer_activity.html")


def test_the_site_is_written_last_whatever_fails(tmp_path: Path) -> None:
    deployment = small.place(tmp_path, "events")
    write(deployment.registry, deployment.dbt_project)

    @dg.asset
    def fails() -> None:
        raise ValueError("it fails")

    @dg.asset(deps=[fails])
    def follows() -> None: ...

    @dg.asset
    def another() -> None: ...

    @dg.asset(deps=[another])
    def one_more() -> None: ...

    (catalogue,) = catalogue_assets(deployment)
    result = dg.materialize([catalogue, fails, follows, another, one_more], raise_on_error=False)
    assert not result.success
    ended = [event.step_key for event in result.all_events if event.is_step_success]
    assert ended == ["another", "one_more", "site__catalogue"]
    (made,) = (e for e in result.get_asset_materialization_events() if e.asset_key == KEY)
    index = made.materialization.metadata["path"].value
    assert index == str(deployment.catalogue / "index.html")
    assert "guest_stays" in Path(str(index)).read_text()


def test_pages_are_links_where_a_web_server_has_them(tmp_path: Path) -> None:
    deployment = replace(
        small.place(tmp_path, "events"),
        catalogue_url="https://docs.example.com/slate",
        reports_url="http://127.0.0.1:8091",
    )
    write(deployment.registry, deployment.dbt_project)
    result = dg.materialize(catalogue_assets(deployment))
    (made,) = result.get_asset_materialization_events()
    link = made.materialization.metadata["path"]
    assert isinstance(link, dg.UrlMetadataValue)
    assert link.value == "https://docs.example.com/slate/index.html"
    (online,) = online_assets(deployment)
    view = deployment.registry.view("guest_stays")
    assert online.metadata_by_key[online_key(view)]["catalogue"] == dg.MetadataValue.url(
        "https://docs.example.com/slate/views/guest_stays.html"
    )
    page = deployment.reports / "2026" / "größe.html"
    assert report_link(deployment, page).value == "http://127.0.0.1:8091/2026/gr%C3%B6%C3%9Fe.html"
    # What is there are production's pages.
    preview = deployment.preview("mine")
    assert report_link(preview, preview.reports / "a.html") == dg.MetadataValue.path(
        str(preview.reports / "a.html")
    )
