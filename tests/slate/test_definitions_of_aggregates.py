"""Wrong aggregates, windows and filters fail at import."""

from typing import Any

import numpy as np
import pytest

from slate import (
    FeatureView,
    count,
    distinct,
    is_null,
    last,
    last_n,
    mean,
    quantile,
    share,
    sum,
    top,
)
from slate.filters import filter_sql
from tests.slate.cafe import (
    Guest,
    Order,
    Visit,
)
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


def aggregated(**aggregates: Any) -> object:
    body = {"entity": Guest, "source": Order, **aggregates}
    return type(FeatureView)("Wrong", (FeatureView,), body)


@wrong("Wrong.spend", "sum takes int, float", "Order.dish is a str")
def a_sum_of_texts() -> object:
    return aggregated(spend=sum(Order.dish, over="1h"))


@wrong("Wrong.usual", "mean takes int, float", "Order.ordered_at is a datetime")
def a_mean_of_times() -> object:
    return aggregated(usual=mean(Order.ordered_at, over="1h"))


@wrong("sum('price')", "sum(Event.price)")
def a_column_by_its_name() -> object:
    return aggregated(spend=sum("price", over="1h"))


@wrong("Wrong.people", "Visit.people is not a column of Order")
def a_column_of_another_source() -> object:
    return aggregated(people=sum(Visit.people, over="1h"))


@wrong("Wrong.spend", "a sum over no events is 0", "no default")
def a_sum_with_a_default() -> object:
    return aggregated(spend=sum(Order.price, over="1h", default=1.0))


@wrong("Wrong.orders", "'defualt'", "did you mean 'default'?")
def an_option_that_is_none() -> object:
    return aggregated(orders=count(over="1h", defualt=1))


@wrong("Wrong.last_dish", "the default 1 is not of type str")
def a_default_of_another_type_than_the_column() -> object:
    return aggregated(last_dish=last(Order.dish, default=1))


@wrong("count(Order.dish)", "distinct(Order.dish, over=...)")
def a_distinct_count_as_sql_has_it() -> object:
    return aggregated(dishes=count(Order.dish, distinct=True, over="1h"))


@wrong("distinct: most=0", "from 1 to 10,000")
def no_distinct_values() -> object:
    return aggregated(dishes=distinct(Order.dish, over="1h", most=0))


@wrong("Wrong.dishes", "say the windows")
def distinct_values_without_a_window() -> object:
    return aggregated(dishes=distinct(Order.dish))


@wrong("Wrong.dishes", "10,080 hops of 256 values each", "a larger hop", "most=25")
def more_values_than_a_row_can_tell_apart() -> object:
    return aggregated(dishes=distinct(Order.dish, over="7d/1m"))


@wrong("top(Order.dish, 0)", "from 1 to 1,000")
def the_most_frequent_none() -> object:
    return aggregated(dishes=top(Order.dish, 0, over="1h"))


@wrong("Wrong.portions", "an array of type int has no null", "give default=...")
def most_frequent_integers_without_padding() -> object:
    return aggregated(portions=top(Order.portions, 3, over="1h"))


@wrong("quantile(Order.price, 50)", "0.5 is the median")
def a_quantile_in_percent() -> object:
    return aggregated(median=quantile(Order.price, 50, over="1h"))


@wrong("Wrong.median", "quantile takes int, float, datetime", "Order.dish is a str")
def a_quantile_of_texts() -> object:
    return aggregated(median=quantile(Order.dish, 0.5, over="1h"))


@wrong("Wrong.share", "the default -1 is below 0", "it is a share")
def a_default_that_it_never_is() -> object:
    return aggregated(share=share(Order.dish, over="1h", default=-1))


@wrong("Wrong.dishes", "a distinct over no events is 0", "no default")
def a_distinct_count_with_a_default() -> object:
    return aggregated(dishes=distinct(Order.dish, over="1h", default=1))


@wrong("last_n(Order.dish, 0)", "a whole number from 1 to 1,000")
def a_list_of_no_values() -> object:
    return aggregated(dishes=last_n(Order.dish, 0))


@wrong("last_n(Order.dish, -3)", "a whole number from 1 to 1,000")
def a_list_of_fewer_than_no_values() -> object:
    return aggregated(dishes=last_n(Order.dish, -3))


@wrong("last_n(Order.dish, 1001)", "a whole number from 1 to 1,000")
def a_list_of_too_many_values() -> object:
    return aggregated(dishes=last_n(Order.dish, 1_001))


@wrong("last_n(Order.dish, True)", "a whole number from 1 to 1,000")
def a_list_of_a_truth_of_values() -> object:
    return aggregated(dishes=last_n(Order.dish, True))


@wrong("Wrong.portions", "an array of type int has no null", "give default=...")
def a_list_of_integers_without_padding() -> object:
    return aggregated(portions=last_n(Order.portions, 3))


@wrong("Wrong.paid", "an array of type bool has no null", "give default=...")
def a_list_of_truths_without_padding() -> object:
    return aggregated(paid=last_n(Order.paid, 3, over="1h"))


@wrong("Wrong.dishes", "the default 1 is not of type str")
def a_list_padded_with_another_type() -> object:
    return aggregated(dishes=last_n(Order.dish, 3, default=1))


@wrong("Wrong.orders", "sum has no option 'windows': did you mean 'over'?")
def windows_by_another_name() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        orders = sum(Order.portions, windows="30d")

    return Wrong


@wrong("Wrong.orders(over=...)", "'0m' is not a duration", "longer than nothing")
def a_window_of_nothing() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        orders = count(over="0m")

    return Wrong


@wrong("Wrong.orders(over=...)", "'300' is not a duration, as it has no unit")
def a_window_without_a_unit() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        orders = count(over=300)  # type: ignore[arg-type]

    return Wrong


@wrong("Wrong.tll", "There is an option 'ttl'")
def a_misspelt_setting() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        tll = "1d"
        orders = count(over="1h")

    return Wrong


@wrong("Order.ordered_at is a datetime; constant '2026-01-02'", "write datetime(2026, 1, 2)")
def a_time_as_a_text() -> object:
    class Wrong(FeatureView):
        entity, source = Guest, Order
        orders = count(where=Order.ordered_at > "2026-01-02", over="1h")

    return Wrong


@wrong("Wrong.prices", "last_n has no option 'min': known: default, last, over, tags, where")
def a_list_with_a_constraint() -> object:
    return aggregated(prices=last_n(Order.price, 3, min=0))


@wrong("last_n('dish')", "last_n(Event.price)")
def a_list_of_a_column_by_its_name() -> object:
    return aggregated(dishes=last_n("dish", 3))


@wrong("Wrong.orders", "say the windows", "over='1h'")
def no_window() -> object:
    return aggregated(orders=count(over=[]))


@wrong("Wrong.orders", "'1 hour'", "as in '1h'")
def a_window_that_is_no_duration() -> object:
    return aggregated(orders=count(over="1 hour"))


@wrong("over")
def a_window_that_is_no_text() -> object:
    return aggregated(orders=count(over=60))


@wrong("Wrong.orders", "the hop 7m does not divide the window 1h", "5m would")
def a_hop_that_does_not_divide() -> object:
    return aggregated(orders=count(over="1h/7m"))


@wrong("Wrong.orders", "''", "as in '1h'")
def a_hop_that_is_left_out() -> object:
    return aggregated(orders=count(over="1h/"))


@wrong("Wrong.orders", "'60'", "over")
def windows_that_are_no_texts() -> object:
    return aggregated(orders=count(over=[60]))


@wrong("Wrong", "4m and 6m do not nest", "choose hops")
def hops_that_do_not_nest() -> object:
    return aggregated(orders=count(over=["1h/4m", "1d/6m"]))


@wrong("Wrong.orders", "no usual hop divides 7s", "'10s/1s'")
def a_window_too_short_for_a_usual_hop() -> object:
    return aggregated(orders=count(over="7s"))


def filtered(where: Any) -> object:
    return aggregated(orders=count(where=where, over="1h"))


@wrong("Wrong.orders", "Order.dish is one of 'coffee', 'cake', never 'tea'")
def a_filter_for_what_never_is() -> object:
    return filtered(Order.dish == "tea")


@wrong("Wrong.orders", "Order.portions is a int", "'two'")
def a_filter_with_a_constant_of_another_type() -> object:
    return filtered(Order.portions == "two")


@wrong("Wrong.orders", "Order.price is a float")
def a_filter_that_is_no_truth() -> object:
    return filtered(Order.price)


@wrong("Wrong.orders", "is richer", "staging model")
def a_filter_that_is_no_comparison() -> object:
    return filtered(np.isfinite(Order.price))


@wrong("Wrong.orders", "np.log(Order.price)", "no equal in SQL")
def a_filter_that_computes_what_differs() -> object:
    return filtered(np.log(Order.price) > 2)


@wrong("Wrong.orders", "Order.guest_id is a str and Order.portions a int", "of one type")
def a_filter_of_two_columns_of_different_types() -> object:
    return filtered(Order.guest_id == Order.portions)


@wrong("Wrong.orders", "nothing equals null", "is_null(Order.note)")
def a_filter_by_what_equals_null() -> object:
    return filtered(Order.note == None)  # noqa: E711


@wrong("is_null(Order.portions + 1)", "of a source's column")
def a_filter_by_whether_a_sum_is_null() -> object:
    return filtered(is_null(Order.portions + 1))


@wrong("Order.note has no 'isna'", "is_null(it)")
def a_filter_by_a_method_of_data_frames() -> object:
    return filtered(Order.note.isna())


@wrong("Wrong.orders", "Order.dish is one of 'coffee', 'cake', never 'tea'")
def a_filter_for_what_never_is_within_others() -> object:
    return filtered(Order.paid | ~(Order.dish == "tea"))


@wrong("Wrong.orders", "invert")
def a_filter_by_what_is_not_in() -> object:
    return filtered(np.isin(Order.dish, ["cake"], invert=True))


@wrong("count(Order.dish)", "~is_null(Order.dish)")
def a_count_of_a_column() -> object:
    return aggregated(orders=count(Order.dish, distinct=True))


@wrong("Wrong.spent", "say the windows")
def a_sum_without_windows() -> object:
    return aggregated(spent=sum(Order.price))


@wrong("Wrong.orders")
def a_filter_by_one_text_taken_for_many() -> object:
    return filtered(np.isin(Order.note, "tap"))


@wrong("Wrong.orders")
def a_filter_by_nothing() -> object:
    return filtered(np.isin(Order.note, []))


@wrong("Wrong.orders", "np.isin(element=")
def a_filter_by_keywords() -> object:
    return filtered(np.isin(element=Order.dish, test_elements=["cake"]))


@wrong("Wrong.orders", "with a list")
def a_filter_by_what_runs_dry() -> object:
    return filtered(np.isin(Order.dish, (dish for dish in ["cake"])))


@wrong("Wrong.orders", "nan")
def a_filter_by_nan() -> object:
    return filtered(Order.price > float("nan"))


@wrong("Wrong.people", "Visit.people is not a column of Order")
def a_filter_of_another_source() -> object:
    return aggregated(people=count(where=Visit.people > 1, over="1h"))


@wrong("count(where=True)", "where=Event.kind == 'tap'")
def a_filter_that_python_computed() -> object:
    return filtered(True)


@wrong("no truth value", "& | ~")
def a_filter_with_and() -> object:
    return filtered((Order.portions > 1) and Order.paid)


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


MARCH = np.datetime64("2026-03-01")


@pytest.mark.parametrize(
    ("where", "sql"),
    [
        (Order.price > np.float64(1.5), "price > 1.5"),
        (Order.portions < np.int64(3), "portions < 3"),
        (np.isin(Order.dish, np.array(["cake"])), "dish in ('cake')"),
        (Order.ordered_at > MARCH, "ordered_at > timestamp '2026-03-01 00:00:00'"),
        (Order.paid & (Order.note == "it's"), "paid and note = 'it''s'"),
        (Order.paid | (Order.portions > 1), "(paid or portions > 1)"),
        (Order.paid & (Order.paid | ~is_null(Order.note)), "paid and (paid or note is not null)"),
        (~(Order.paid & np.isnan(Order.price)), "not (paid and price is null)"),
        (Order.guest_id != Order.note, "guest_id <> note"),
        (np.logical_or(Order.paid, np.logical_not(Order.paid)), "(paid or not (paid))"),
    ],
)  # fmt: skip
def test_a_filter_in_sql(where: Any, sql: str) -> None:
    assert filter_sql("here", where) == sql


def test_a_list_may_change_after_it_was_written() -> None:
    dishes = ["cake"]
    where = np.isin(Order.dish, dishes)
    dishes.append("coffee")
    assert filter_sql("here", where) == "dish in ('cake')"
