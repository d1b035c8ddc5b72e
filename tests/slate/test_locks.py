"""What a lock says of a change, what it passes over, and how it is kept in a file."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slate import Registry
from slate.deployment import load
from slate.errors import ConfigurationError
from slate.locks.comparison import Change, changes
from slate.locks.contracts import Contract, Locked
from slate.locks.lock_files import lock_path, read, to_toml
from slate.locks.own_models import OwnModels, tokens
from slate.locks.select_lists import of_columns
from slate.locks.standing import standing
from tests.slate.edited import TEXT, Read, edited, promised

ROOT = Path(__file__).parents[2]


def told(before: Registry, after: Registry) -> list[Change]:
    return changes(promised(before), promised(after))


def test_a_change_of_a_filter_is_told_with_what_it_touches(read: Read, unedited: Registry) -> None:
    (change,) = told(unedited, read(edited("Order.price > 2", "Order.price > 3")))
    assert change.definitions == ("orders.orders_1d", "orders.orders_1h")
    assert change.words == (
        "where: dish == 'cake' and price > 2.0 -> dish == 'cake' and price > 3.0",
    )
    assert set(change.features) == {
        "orders.orders_1h",
        "orders.orders_1d",
        "request.each",
        "again.often",
    }


@pytest.mark.parametrize(
    ("old", "new", "what", "words"),
    [
        ('"30d"', '"31d"', "orders.last_dish", ["ttl: 30d -> 31d"]),
        ("default=1.5", "default=2", "orders.usual_1d", ["default: 1.5 -> 2.0"]),
        (", default=1.5", "", "orders.usual_1d", ["default: 1.5 -> none"]),
        ('over="1h/1m"', 'over="1h/30s"', "orders.few_1h", ["1h, in hops of 1m -> 1h, in hops"]),
        ("last_n(Order.price, 5)", "last_n(Order.price, 6)", "orders.prices", ["values: 5 -> 6"]),
        ("column(min=0)", "column(min=1)", "source stg_orders", ["at least 0.0 -> float, at"]),
        ('horizon="7d"', 'horizon="1d"', "source stg_orders", ["is known for 7d -> order_id,"]),
        ('"guest_profile"', '"guests"', "view profile", ["model: guest_profile -> guests"]),
        ('default="fine"', "", "request.weather", ["default: 'fine' -> none"]),
        ("SCALE = 2.0", "SCALE = 3.0", "request.heat", ["- SCALE = 2.0", "+ SCALE = 3.0"]),
        ("guest_id: str\n\nclass Cafe", "guest_id: int\n\nclass Cafe", "the keys of a", ["-> int"]),
    ],
)
def test_a_change_is_told_old_against_new(
    read: Read, unedited: Registry, old: str, new: str, what: str, words: list[str]
) -> None:
    text = edited(old, new)
    if "guest_id: int" in new:
        text = text.replace("guest_id: str", "guest_id: int")
    found = [one for one in told(unedited, read(text)) if one.definitions[0].startswith(what)]
    assert len(found) == 1
    for word in words:
        assert any(word in line for line in found[0].words), found[0].words


def test_a_value_that_a_filter_passes_over_changes_nothing_for_it(
    read: Read, unedited: Registry
) -> None:
    """A new kind of event is new to those features alone that would count it."""
    after = read(edited('("coffee", "cake")', '("coffee", "cake", "tea")'))
    (change,) = told(unedited, after)
    assert change.definitions == ("source stg_orders",)
    assert {"orders.paid_1d", "orders.spend_1d", "request.each"} <= set(change.features)
    assert not {"orders.orders_1h", "orders.few_1h", "profile.city"} & set(change.features)


def test_what_is_gone_is_told_with_what_came_in_its_place(read: Read, unedited: Registry) -> None:
    text = edited('over="1d", max=100', 'over="2d", max=100')
    found = {change.definitions: change.words for change in told(unedited, read(text))}
    over = "over: 1d, in hops of 1h -> 2d, in hops of 1h"
    assert found["orders.spend_1d",] == (
        "is gone; orders.spend_2d is new, the same but for",
        over,
    )
    text = edited('paid = count(where=Order.paid, over="1d")', 'others = count(over="1m")')
    found = {change.definitions: change.words for change in told(unedited, read(text))}
    assert found["orders.paid_1d",] == ("no longer in the service",)
    (words,) = found["orders.others_1m",]
    assert words.startswith("new in the service")


def test_the_order_is_promised(read: Read, unedited: Registry) -> None:
    text = TEXT.replace("key=repr", "key=lambda f: (f.name == 'profile.city', f.name)")
    (change,) = told(unedited, read(text))
    assert change.definitions == ("the order of features",)
    assert change.words == (
        "profile.city stood after profile.cafe_id, and stands after request.wet",
    )


def test_a_new_feature_of_a_view_breaks_no_service_that_does_not_list_it(
    read: Read, unedited: Registry
) -> None:
    more = '    more = count(over="7d/1d")\n    last_dish = last'
    listed = "for f in view.features.values()"
    after = read(
        edited("    last_dish = last", more).replace(listed, f"{listed} if '7d' not in f.name")
    )
    assert "orders.more_7d" in after.features
    assert told(unedited, after) == []


SQL = """
-- Guests.
with rows as (select * from {{ ref('stg_guests') }} where not deleted),
final as (
    select guest_id, event_ts, received_at, row_id, city, born_at from rows
)
select * from final
"""


def test_hand_written_sql_is_part_of_it(read: Read, unedited: Registry, tmp_path: Path) -> None:
    def after(old: str, new: str) -> list[Change]:
        models = tmp_path / "models"
        models.mkdir(exist_ok=True)
        (models / "guest_profile.sql").write_text(SQL)
        before = promised(unedited, tmp_path)
        (models / "guest_profile.sql").write_text(SQL.replace(old, new))
        return changes(before, promised(unedited, tmp_path))

    assert after("select guest_id, ", "SELECT\n  guest_id /* whose */,\n") == []
    assert after("with rows", "{{ config(materialized='view') }}\nwith rows") == []
    assert after("city,", "city, street,") == [], "a new column touches no other"
    (change,) = after("city,", "lower(city) city,")
    assert (change.definitions, change.features) == (("model guest_profile",), ("profile.city",))
    assert change.words == (
        "-     select guest_id, event_ts, received_at, row_id, city, born_at from rows",
        "+     select guest_id, event_ts, received_at, row_id, lower(city) city, born_at from rows",
    )
    (change,) = after("not deleted", "true")
    assert {"profile.city", "profile.rating", "request.age"} <= set(change.features)


def test_what_a_model_refers_to_and_calls_is_part_of_it(tmp_path: Path) -> None:
    for name, text in {
        "models/a.sql": "select * from {{ ref('b') }} where {{ known('x') }}",
        "models/b.sql": "select * from {{ ref('shop', 'stg_c') }}",
        "models/generated/stg_c.sql": "select 1",
        "macros/m.sql": "{% macro known(c) -%} {{ c }} {{ other() }} {%- endmacro %}\n"
        "{% macro other() %} and true {% endmacro %}{% macro unused() %}{% endmacro %}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    origins = OwnModels(tmp_path).origins("a")
    assert origins.texts.keys() == {"a", "b", "macro known", "macro other"}
    assert origins.others == {"stg_c"}


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("select a, b + c as d, e from t where f", "select b + c as d , from t where f"),
        ("select a, e + 1 as d, x as e from t", "select e + 1 as d , x as e , from t"),
        ("select a, d from t where a > 1", "select a , d , from t where a > 1"),
        ("with t as (select 1) select a, d from t", "with t as ( select 1 ) select d , from t"),
        (
            "select a, max(b) over (order by c) as d from t",
            "select max ( b ) over ( order by c ) as d , from t",
        ),
        ("select a, d from t group by a", None),
        ("select distinct a, d from t", None),
        ("select a, d from t union all select b, d from u", None),
        ("select a * 2 as d, e * 3 as e from t", "select a * 2 as d , from t"),
        ("select *, d from t", None),
        ("select u.*, d from t", None),
        ("from t", None),
    ],
)
def test_the_part_of_a_model_that_makes_a_column(sql: str, part: str | None) -> None:
    found = " ".join(of_columns(tokens(sql), {"d"}))
    assert found == (" ".join(tokens(sql)) if part is None else part)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)
ANY_FACTS = st.dictionaries(TEXTS.filter(lambda name: name != "fingerprint"), TEXTS)
# As code and SQL have them.
BLOCKS = st.dictionaries(TEXTS, TEXTS.map(lambda text: text.replace("\r", "").strip("\n")))


@given(facts=ANY_FACTS, blocks=BLOCKS, name=TEXTS)
def test_a_file_holds_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    facts: dict[str, str],
    blocks: dict[str, str],
    name: str,
) -> None:
    locked = Contract(
        "ranking", 3, {"id": "str"}, {name: Locked(facts, "0" * 12)}, {}, {name: facts},
        {name: facts}, blocks, {"heat": "def heat():\n    return '''\\'\n"[:-1]},
    )  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "ranking_v3.toml"
    path.write_text(to_toml(locked), encoding="utf-8")
    assert read(path) == locked


@pytest.mark.parametrize("text", ["<<<<<<< ours\n", "service = 1\n", "[features]\na = 1\n"])
def test_what_is_not_a_lock_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ranking_v1.toml"
    path.write_text(text)
    with pytest.raises(
        ConfigurationError, match=r"ranking_v1\.toml is not a lock.*git.*slate lock"
    ):
        read(path)


def test_a_lock_under_another_name_is_refused(tmp_path: Path) -> None:
    deployment = replace(load(ROOT / "slate.toml"), root=tmp_path)
    path = lock_path(deployment, "other_v1")
    path.parent.mkdir()
    path.write_text((ROOT / "locks/show_quality_v1.toml").read_text())
    with pytest.raises(ConfigurationError, match="holds the lock of show_quality_v1"):
        standing(deployment)


@pytest.mark.parametrize("folder", [".", "examples/flights", "examples/clicks"])
def test_what_is_committed_is_locked(folder: str) -> None:
    found = standing(load(ROOT / folder / "slate.toml"))
    assert found.broken() == []
    assert found.unlocked == []
