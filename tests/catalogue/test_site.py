"""The site: whole without data, safe with any text, and nobody's values with data."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from slate.assets.catalogue_site import site as catalogue
from slate.assets.catalogue_site.site import WRITTEN, write_site
from slate.assets.experiment_report import PICTURE, picture
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError
from slate.offline.comparisons import compared
from slate.offline.outcomes import Analysis
from slate.online import Publisher
from slate.online.store.embedded_server import EmbeddedServer
from slate.quality.files import write_atomically
from tests.catalogue.pages import broken_links, read, site
from tests.online.tables import attribute_rows
from tests.quality.warehouse import AS_OF

ROOT = Path(__file__).parents[2]
Check = Callable[..., None]


@pytest.mark.parametrize(
    "config",
    [
        "slate.toml",
        "examples/clicks/slate.toml",
        pytest.param("tests/deployments/bikes/slate.toml", marks=pytest.mark.thorough),
    ],
)
def test_without_data_it_is_whole(config: str, tmp_path: Path) -> None:
    deployment = replace(load(ROOT / config), data=tmp_path / "data", redis="")
    written = write_site(deployment, tmp_path / "site")
    pages, registry = site(tmp_path / "site"), deployment.registry
    assert list(broken_links(pages)) == []
    assert written.pages == len(pages)
    names = {str(page.relative_to(tmp_path / "site")) for page in pages}
    assert {f"views/{name}.html" for name in (*registry.views, *registry.requests)} <= names
    assert {f"services/{name}.html" for name in registry.services} <= names
    assert {f"sources/{name}.html" for name in registry.sources} <= names
    assert {f"entities/{name}.html" for name in registry.entities} <= names
    for name, view in registry.views.items():
        page = pages[tmp_path / f"site/views/{name}.html"]
        assert {f"feature-{column}" for column in view.features} <= set(page.ids)
        assert "Not known yet: no run has checked it." in page.text
        assert f"class {view.__name__}(" in page.text
        assert f"{name}_current.sql" in page.text
    assert not (tmp_path / "data").exists()


def test_texts_are_never_markup(shop: Deployment, check: Check, tmp_path: Path) -> None:
    check(1)
    write_site(shop, tmp_path / "site")
    pages = site(tmp_path / "site")
    assert list(broken_links(pages)) == []
    for page, found in pages.items():
        index = page.name == "index.html" and page.parent == tmp_path / "site"
        assert found.names.count("script") == (2 if index else 1), page
        assert not {"img", "i", "iframe", "link", "object"} & set(found.names), page
        assert not [name for _, of in found.tags for name in of if name.startswith("on")], page
    assert "49" not in pages[tmp_path / "site/sources/sale.html"].text
    said = pages[tmp_path / "site/services/pricing_v1.html"].text
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)>" in said


def test_only_its_own_script_may_run_and_nothing_is_loaded(
    shop: Deployment, tmp_path: Path
) -> None:
    write_site(shop, tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text()
        script = text.rpartition("<script>")[2].partition("</script>")[0]
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in text
        )
        assert not re.search(r"(?:src|href|action)=\"(?:\w+:)?//", text)


def test_values_of_single_rows_are_in_no_page(
    shop: Deployment, check: Check, tmp_path: Path
) -> None:
    """Neither keys, nor the least and the greatest, nor what few rows have."""
    check(1)
    check(2)
    write_site(shop, tmp_path / "site")
    everything = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    for secret in ("secret-", "Hamlet", "987", "123456", "123,456", "-123"):
        assert secret not in everything, secret
    page = read(tmp_path / "site/views/customer_profile.html")
    assert "Town 1" in page.text
    assert "any other" in page.text
    # The rest of 400 rows: 60 have a value.
    assert "60 values: of fewer than 100 none are shown" in page.text


def test_distributions_are_shown_over_runs(shop: Deployment, check: Check, tmp_path: Path) -> None:
    check(1)
    write_site(shop, tmp_path / "site")
    page = tmp_path / "site/views/customer_profile.html"
    assert "to be seen once there are runs of two instants" in page.read_text()
    assert "400" in read(page).text
    assert "0, in 33.5% of the rows" in " ".join(read(page).text.split())
    check(3, hour=1)  # as of the same instant
    write_site(shop, tmp_path / "site")
    assert "to be seen once there are runs of two instants" in page.read_text()
    check(2)
    write_site(shop, tmp_path / "site")
    labels = [of["aria-label"] for tag, of in read(page).tags if of.get("class") == "chart"]
    assert any(re.match(r"2 runs: the median was \S+ and is \S+; nine tenths", t) for t in labels)
    assert any("2 runs: Town" in text for text in labels)
    assert any(text.startswith("nulls: 25.0% at first") for text in labels)


def test_a_run_has_a_page_of_what_its_checks_found(
    shop: Deployment, check: Check, tmp_path: Path
) -> None:
    check(1)
    (folder,) = (path.name for path in shop.reports.glob("*-00000001"))
    write_site(shop, tmp_path / "site")
    page = read(tmp_path / f"site/runs/{folder}.html")
    assert "1 view checked from 2026-05-01 13:00 UTC" in page.text
    assert "customer_profile_current has the columns of CustomerProfile" in page.text
    assert f"runs/{folder}.html#view-customer_profile" in str(
        read(tmp_path / "site/views/customer_profile.html").links
    )


def words(page: Path) -> str:
    """A page's text, with a space where a tag is."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.read_text()).split())


@pytest.mark.process
def test_rows_that_were_held_back_are_not_told_as_those_that_are_published(
    shop: Deployment, check: Check, tmp_path: Path
) -> None:
    check(1)
    (report,) = shop.reports.glob("*-00000001/customer_profile.json")
    report.write_text(json.dumps(json.loads(report.read_text()) | {"passed": False}))
    view = shop.registry.view("customer_profile")
    rows = attribute_rows(view, [{"customer_id": name, "event_ts": AS_OF} for name in "ab"])
    with (
        EmbeddedServer.attach(shop.data / "redis"),
        Publisher.connect(shop) as publisher,
    ):
        publisher.publish(view, [rows], AS_OF)
        write_site(shop, tmp_path / "site")
    told = words(tmp_path / "site/views/customer_profile.html")
    held_back = f"{AS_OF + timedelta(hours=1):%Y-%m-%d %H:%M}"
    assert f"Rows held back 400 as of {held_back}, not published" in told
    assert f"2 rows as of {AS_OF:%Y-%m-%d %H:%M}" in told
    assert "400 held back; published: 2" in words(tmp_path / "site/index.html")
    check(2)
    write_site(shop, tmp_path / "site")
    told = words(tmp_path / "site/views/customer_profile.html")
    assert "Rows built 400" in told
    assert "not published" not in told


def test_experiments_are_drawn_on_the_first_page(shop: Deployment, tmp_path: Path) -> None:
    def written(units: int) -> str:
        arms, values = np.arange(2 * units) % 2, np.arange(2.0 * units) % 7
        numbers = {"<one>": units, "other": units}
        found = Analysis(
            "dear",
            AS_OF,
            AS_OF,
            2 * units,
            0,
            numbers,
            0,
            0,
            (compared("spend", [*numbers], arms, values),),
            {},
            1.0,
        )
        write_atomically(shop.experiments / "dear" / PICTURE, picture(found))
        write_site(shop, tmp_path / "site")
        return (tmp_path / "site/index.html").read_text()

    write_site(shop, tmp_path / "site")
    assert "Experiments" not in (tmp_path / "site/index.html").read_text()
    assert "spend: other" in written(100)
    few = written(99)
    assert "nothing can be told yet" in few
    assert "spend: other" not in few, "of few units a mean may be that of one"


def test_what_is_no_longer_made_goes_and_what_others_wrote_stays(
    shop: Deployment, check: Check, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    check(1)
    write_site(shop, folder)
    (folder / "views/theirs.html").write_text("theirs")
    (run,) = shop.reports.glob("*-00000001")
    (run / "customer_profile.json").unlink()
    write_site(shop, folder)
    assert not (folder / f"runs/{run.name}.html").exists()
    assert (folder / "views/theirs.html").read_text() == "theirs"
    # A file that was made to name others removes none of them.
    (folder / WRITTEN).write_text('["../kept.html", "views/theirs.txt"]')
    (tmp_path / "kept.html").write_text("kept")
    write_site(shop, folder)
    assert (tmp_path / "kept.html").exists()


def test_another_site_is_not_written_over(shop: Deployment, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("theirs")
    with pytest.raises(ConfigurationError, match="holds a site that `slate docs` did not write"):
        write_site(shop, folder)
    assert (folder / "index.html").read_text() == "theirs"


def test_one_that_was_stopped_is_written_again(
    shop: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, written = tmp_path / "site", []

    def write_or_die(path: Path, text: str) -> None:
        written.append(path)
        if len(written) == 4:
            raise KeyboardInterrupt
        write_atomically(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "write_atomically", write_or_die)
        with pytest.raises(KeyboardInterrupt):
            write_site(shop, folder)
    assert (folder / "index.html").exists()
    assert write_site(shop, folder).pages > 4


def test_damaged_reports_and_locks_are_gaps(shop: Deployment, check: Check, tmp_path: Path) -> None:
    check(1)
    (run,) = shop.reports.glob("*-00000001")
    (run / "customer_sales.json").write_text('{"view": "customer_sales"')
    (shop.reports / "source.sale.checks.json").write_text("[]")
    (shop.root / "locks").mkdir()
    (shop.root / "locks/pricing_v1.toml").write_text("format = 9")
    (shop.training / "pricing_v1/current").mkdir(parents=True)
    written = write_site(shop, tmp_path / "site")
    assert [gap for gap in written.gaps if "is not a lock" in gap]
    assert [gap for gap in written.gaps if "holds no training set" in gap]
    assert (
        "Not known: a lock cannot be read." in read(tmp_path / "site/services/pricing_v1.html").text
    )
    assert str(tmp_path) not in (tmp_path / "site/index.html").read_text()
