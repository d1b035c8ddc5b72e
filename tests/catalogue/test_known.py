"""What is known besides definitions: other checks, locks."""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from slate.assets import check_results
from slate.assets.catalogue_site.site import write_site
from slate.deployment import Deployment
from slate.locks.lock_files import lock_path, write
from slate.locks.standing import standing
from tests.catalogue.pages import read
from tests.catalogue.shop import Sale


def test_what_each_check_found_last_is_told(shop: Deployment, tmp_path: Path) -> None:
    def found(name: str, passed: bool, told: str) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(check_name=name, passed=passed, description=told)

    check_results.keep(
        shop, Sale, [found("freshness", True, "2 hours ago"), found("hours", False, "3 <b>lack")]
    )
    check_results.keep(shop, Sale, [found("freshness", False, "9 hours ago")])
    kept = check_results.kept(shop, Sale)
    assert {name: (one.passed, one.told) for name, one in kept.items()} == {
        "freshness": (False, "9 hours ago"),
        "hours": (False, "3 <b>lack"),
    }
    write_site(shop, tmp_path / "site")
    text = read(tmp_path / "site/sources/sale.html").text
    assert "9 hours ago" in text
    assert "3 <b>lack" in text
    assert "2 hours ago" not in text


def test_a_locked_version_tells_what_changed_since(shop: Deployment, tmp_path: Path) -> None:
    contract = standing(shop).defined["pricing_v1"]
    write(contract, lock_path(shop, "pricing_v1"))
    write_site(shop, tmp_path / "site")
    page = tmp_path / "site/services/pricing_v1.html"
    assert "just what was locked" in read(page).text
    assert "It is not locked" in read(tmp_path / "site/services/pricing_v2.html").text
    spent = contract.features["customer_profile.spent"]
    other = replace(spent, facts=spent.facts | {"column": "paid"}, fingerprint="0" * 12)
    changed = replace(contract, features=contract.features | {"customer_profile.spent": other})
    write(changed, lock_path(shop, "pricing_v1"))
    write_site(shop, tmp_path / "site")
    assert "would be given something else" in read(page).text
    assert "column: paid -> spent" in read(page).text
    view = read(tmp_path / "site/views/customer_profile.html").text
    assert view.count("(it is something else now)") == 1
