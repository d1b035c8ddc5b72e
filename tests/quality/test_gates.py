"""What is about to go live is compared with the last good run: nulls, rows and distributions."""

import math
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from slate import Allowed, FeatureView, Gate, count
from slate.errors import DataError, DefinitionError
from slate.quality import gate_history, last_good_profiles
from slate.quality.acceptance import Acceptance, accept, accepted, use_up
from slate.quality.distributions import Distribution, bounds_of, ks, psi, spread
from slate.quality.move_pictures import pictures
from slate.quality.moves import moves
from slate.quality.profiles import Profile, measure
from slate.quality.reports import failures
from slate.quality.results import Validation
from slate.quality.validations import validate
from tests.quality.library import Loan, Member, MemberLoans, MemberProfile
from tests.quality.warehouse import AS_OF, write

LONG_AGO, TODAY = AS_OF - timedelta(days=30), AS_OF - timedelta(hours=6)
BOTH = "update member_loans_current set loans_1d = loans_1d + 50, loans_1h = 0"


def test_an_index_of_known_shares() -> None:
    before, now = Distribution((1.0,), (500, 500)), Distribution((1.0,), (200, 800))
    assert psi(before, before) == 0
    assert psi(before, now) == pytest.approx(-0.3 * math.log(0.4) + 0.3 * math.log(1.6))
    assert psi(now, before) == pytest.approx(psi(before, now))
    assert ks(before, now) == pytest.approx(0.3)
    gone = Distribution(("a", "b"), (10, 0, 0))
    assert psi(gone, Distribution(("a", "b"), (0, 0, 10))) == pytest.approx(
        2 * 0.999 * math.log(1000)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_is_that_of_the_values_but_for_a_part(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(seed)
    before = random.normal(size=3_000)
    now = random.normal(random.uniform(0, 2), random.uniform(0.5, 2), size=2_000)
    bounds = bounds_of(before)
    binned = ks(spread(before, bounds), spread(now, bounds))
    exact = stats.ks_2samp(before, now).statistic
    assert binned <= exact + 1e-9
    assert exact - binned < 1 / 20


@pytest.mark.parametrize("constant", [0.0, 3.0, -1e12])
def test_a_constant_that_moves_either_way_is_seen(constant: float) -> None:
    values = np.full(600, constant)
    bounds = bounds_of(values)
    before = spread(values, bounds)
    for other in (constant - 1, constant + 1):
        assert ks(before, spread(np.full(600, other), bounds)) == 1


@pytest.fixture
def large() -> Any:
    """Tables with as many rows as are compared."""
    with duckdb.connect() as connection:
        for view in (MemberLoans, MemberProfile):
            write(connection, view, [])
        connection.execute(
            """insert into member_loans_current by name
            select i as member_id, ?::timestamp as event_ts, ?::timestamp as as_of,
                0 as loans_1h, i % 40 as loans_1d, 0 as late_1d, 1.0 as spread_1d,
                'north' as last_branch, []::varchar[] as recent_branches,
                []::double[] as recent_days
            from range(800) t(i)""",
            [AS_OF, AS_OF],
        )
        connection.execute(
            """insert into member_profile_current by name
            select i as member_id, ?::timestamp as event_ts, ?::timestamp as as_of,
                if(i % 4 = 0, 'child', 'adult') as reader, i % 100 as fines, i * 1.0 as distance,
                i % 40 as books, i % 2 = 0 as active, timestamp '2021-01-01' as joined_at
            from range(800) t(i)""",
            [AS_OF, AS_OF],
        )
        yield connection


def run(
    connection: Any, view: type[FeatureView], previous: Profile | None = None, **more: Any
) -> Any:
    return validate(view, connection, previous=previous, known_since=LONG_AGO, **more)


def test_categories_are_counted_however_many_others_there_are(large: Any) -> None:
    """Here there are 2,000, each twice."""
    profile = measure(MemberProfile, large)
    large.execute(
        """create or replace table member_profile_current as
        select m.* replace ('reader ' || (m.member_id * 5 + i) // 2 as reader)
        from member_profile_current as m, range(5) t(i)"""
    )
    large.execute("update member_profile_current set reader = 'adult' where reader = 'reader 9'")
    large.execute("update member_profile_current set reader = 'child' where reader = 'reader 8'")
    (moved,) = (
        one
        for one in moves(MemberProfile, large, profile, LONG_AGO, frozenset()).values()
        if one.column == "reader"
    )
    assert moved.before.counts == (600, 200, 0)
    assert moved.now.bounds == ("adult", "child")
    assert moved.now.counts == (2, 2, 3_996)


def held_back(validation: Validation) -> list[str]:
    return [
        text
        for result, text in zip(validation.failed, failures(validation), strict=True)
        if result.expectation.severity == "critical"
    ]


SPOILT = {
    MemberProfile: (
        """update member_profile_current set reader = 'child', fines = 500,
            distance = if(member_id % 10 < 6, null, distance),
            books = if(member_id % 10 < 6, 0, books)""",
        [
            "distance is null in 50% of the rows or fewer: it was in 0.0% in the last good run, of "
            "2026-05-01 12:00, and max_null_shift of MemberProfile is 50%; found 60% of 800",
            "books is 0, its default, in 52% of the rows or fewer: it was in 2.5% in the last good",
            "reader is spread as in the last good run, of 2026-05-01 12:00: a population stability "
            "index of 0.5 or less, as the gate of MemberProfile allows; found 5.99",
            "fines is spread as in the last good run, of 2026-05-01 12:00: a Kolmogorov-Smirnov "
            "distance of 0.4 or less, as the gate of MemberProfile allows; found 1",
        ],
    ),
    MemberLoans: (
        """delete from member_loans_current where member_id % 5 < 3;
        update member_loans_current set loans_1d = loans_1d + 50""",
        [
            "there are 400 rows or more: 50% of the 800 of the last good run, of 2026-05-01 12:00",
        ],
    ),
}


@pytest.mark.parametrize("view", SPOILT)
def test_what_is_far_from_the_last_good_run_is_held_back(
    large: Any, view: type[FeatureView]
) -> None:
    """The same again is not, nor what somebody says is meant."""
    change, says = SPOILT[view]
    good = run(large, view)
    assert good.success
    assert run(large, view, good.profile).failed == ()
    large.execute(change)
    validation = run(large, view, good.profile)
    told = held_back(validation)
    for sentence in says:
        assert any(sentence in text for text in told), told
    meant = run(large, view, good.profile, accepted=Acceptance("meant", "now"))
    assert meant.success
    assert len(meant.failed) == len(validation.failed)


def test_windows_that_are_filling_or_change_with_the_hour_hold_nothing_back(large: Any) -> None:
    good = measure(MemberLoans, large)
    large.execute(BOTH)
    assert not moves(MemberLoans, large, good, known_since=TODAY)
    assert not moves(MemberLoans, large, good)
    found = moves(MemberLoans, large, good, known_since=LONG_AGO)
    assert "loans_1d" in found
    assert "loans_1h" not in found


def test_few_rows_hold_nothing_back(large: Any) -> None:
    large.execute("delete from member_profile_current where member_id >= 499")
    good = measure(MemberProfile, large)
    large.execute("update member_profile_current set distance = distance * 100")
    assert not moves(MemberProfile, large, good)


def test_a_gate_is_turned_off_or_loosened(large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    good = run(large, MemberLoans).profile
    large.execute("update member_loans_current set loans_1d = loans_1d + 50")
    assert not run(large, MemberLoans, good).success
    loosened = Gate(features={"loans_1d": Allowed(psi=None, ks=None, nulls=1)})
    for gate in (Gate.open(), loosened):
        monkeypatch.setattr(MemberLoans, "gate", gate)
        assert run(large, MemberLoans, good).success


def test_more_rows_than_said_are_held_back(large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    good = run(large, MemberLoans).profile
    monkeypatch.setattr(MemberLoans, "gate", Gate(more_rows=0.9))
    (told,) = held_back(run(large, MemberLoans, good))
    assert told.startswith("there are 720 rows or fewer: 0.9 times the 800 of the last good run")


def test_both_distributions_and_the_history_are_shown(large: Any, tmp_path: Path) -> None:
    good = run(large, MemberLoans)
    last_good_profiles.save(tmp_path, good)
    previous = last_good_profiles.load(tmp_path, MemberLoans)
    assert previous == good.profile
    large.execute("update member_loans_current set loans_1d = loans_1d + 50")
    moved = run(large, MemberLoans, previous)
    shown = pictures(moved)
    assert shown.startswith("**loans_1d**: PSI ")
    assert "| above 39 |  0.0% | ████████████████████████ 100.0% |" in shown
    for number, validation in enumerate((good, moved)):
        line = gate_history.entry(validation, AS_OF.replace(tzinfo=UTC), f"run {number}")
        gate_history.append(tmp_path, "member_loans", line)
    with (tmp_path / "member_loans.gates.jsonl").open("a") as file:
        file.write('{"cut')
    newest, oldest = gate_history.newest(tmp_path, "member_loans")
    assert (newest["passed"], oldest["passed"], oldest["compared_with"]) == (False, True, None)
    table = gate_history.table([newest, oldest])
    assert "| held back: loans_1d is spread as in the last good run" in table
    assert "passed, with nothing to compare" in table


def test_of_a_long_history_the_newest_runs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_history, "MOST_BYTES", 1_000)
    path = tmp_path / "loans.gates.jsonl"
    for number in range(100):
        gate_history.append(tmp_path, "loans", {"run": number})
        assert path.stat().st_size <= 1_000
        assert gate_history.newest(tmp_path, "loans", 1) == [{"run": number}]
    assert 20 < len(gate_history.newest(tmp_path, "loans", 100)) < 100
    with path.open("a") as file:
        file.write('{"cut')
    gate_history.append(tmp_path, "loans", {"run": 100})
    assert [line["run"] for line in gate_history.newest(tmp_path, "loans", 2)] == [100, 99]


def test_an_acceptance_holds_until_it_is_used_up(tmp_path: Path) -> None:
    assert accepted(tmp_path, "loans") is None
    said = Acceptance("prices are in cents now", "2026-05-01T12:00:00")
    accept(tmp_path, "loans", said)
    assert accepted(tmp_path, "loans") == said
    use_up(tmp_path, "loans")
    assert accepted(tmp_path, "loans") is None
    (tmp_path / "loans.accepted.json").write_text("{}")
    with pytest.raises(DataError, match=r"does not say what is accepted.*slate accept loans"):
        accepted(tmp_path, "loans")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Gate(fewer_rows=2), r"Gate\.fewer_rows = 2: write a share"),
        (lambda: Gate(more_rows=-1), r"Gate\.more_rows = -1: write a number"),
        (lambda: Gate(features={"a": 0.5}), r"what a is allowed is 0\.5: write Allowed"),  # type: ignore[dict-item]
        (lambda: Allowed(psi=-1), r"Allowed\.psi = -1: write a number"),
        (lambda: Allowed(ks=1.5), r"Allowed\.ks = 1\.5: write a distance"),
        (lambda: Allowed(nulls=50), r"Allowed\.nulls = 50: write a share"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(wrong: Any, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        wrong()


def test_a_gate_names_features_that_there_are() -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.gate names 'loans', which is no feature"):

        class Wrong(FeatureView):
            entity, source = Member, Loan
            gate = Gate(features={"loans": Allowed(psi=None)})
            loans = count(over="1d")
