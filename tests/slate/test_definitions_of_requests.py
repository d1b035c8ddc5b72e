"""Wrong request features fail at import."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
import pytest

from slate import (
    Array,
    RequestFeatures,
    contains,
    now,
    request_input,
    resolver,
)
from slate.errors import DefinitionError
from tests.slate.cafe import (
    CafeOrders,
    GuestOrders,
    GuestProfile,
    Order,
    VisitRequest,
)
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


def requested(annotation: object, value: Any) -> object:
    body = {"__annotations__": {"rate": annotation}, "rate": value}
    return type(RequestFeatures)("Wrong", (RequestFeatures,), body)


@wrong("Wrong.rate is annotated int", "float64", "change the annotation")
def an_annotation_that_does_not_fit() -> object:
    return requested(int, GuestOrders.spend / 2)


@wrong("Wrong.rate is annotated float", "datetime64")
def a_time_called_a_float() -> object:
    return requested(float, GuestProfile.born_at)


@wrong("Wrong.rate reads guest_orders.recent_dishes", "a list of up to 3 values", "contains(")
def an_expression_of_a_list() -> object:
    return requested(bool, GuestOrders.recent_dishes == "cake")


@wrong("Wrong.rate asks guest_orders.last_dish as a list", "compare it")
def a_value_asked_as_a_list() -> object:
    return requested(bool, contains(GuestOrders.last_dish, "cake"))


@wrong("not a list of values", "last_n(...) or top(..., n)")
def a_computed_value_asked_as_a_list() -> object:
    return requested(bool, contains(GuestOrders.spend + 1, 3.0))


@wrong("Wrong.rate", "a list of str", "compare values of one type")
def a_list_of_texts_asked_for_a_number() -> object:
    return requested(bool, contains(GuestOrders.recent_dishes, 3.0))


@wrong("Wrong.rate reads guest_orders.recent_dishes", "a list of up to 3 values", "contains(")
def a_resolver_of_a_list() -> object:
    @resolver
    def share(
        dishes: Annotated[Array, GuestOrders.recent_dishes],
    ) -> Annotated[Array, float]:
        return np.mean(dishes == "cake", axis=1)

    return requested(float, share)


@wrong("Wrong.rate", "annotate its type", "`rate: float = ...`")
def an_expression_without_annotation() -> object:
    class Wrong(RequestFeatures):
        rate = GuestOrders.spend / 2

    return Wrong


@wrong("Wrong.rate has no value", "request_input()")
def an_annotation_without_a_value() -> object:
    class Wrong(RequestFeatures):
        rate: float

    return Wrong


@wrong("Wrong.rate = 3.0", "expression of other features")
def a_constant() -> object:
    return requested(float, 3.0)


@wrong("Order.price is not a feature", "reads features")
def an_expression_of_a_column() -> object:
    return requested(float, Order.price + 1)


@wrong("GuestOrders.orders has several windows", "GuestOrders.orders['1h']")
def an_expression_of_several_windows() -> object:
    return requested(float, GuestOrders.orders + 1)


@wrong("Wrong.rate", "guest_profile.city + guest_profile.rating", "fails on sample values")
def an_expression_that_cannot_run() -> object:
    return requested(float, GuestProfile.city + GuestProfile.rating)


@wrong("Wrong.rate", "datetime64")
def a_time_that_numpy_cannot_compare_with_null() -> object:
    return requested(bool, GuestProfile.born_at > datetime(2000, 1, 1))


@wrong("no truth value", "& | ~", "np.where")
def an_expression_with_and() -> object:
    return requested(bool, (GuestProfile.rating > 1) and (GuestProfile.rating < 4))


@wrong("no truth value", "& | ~")
def a_chain_of_comparisons() -> object:
    return requested(bool, 1 < GuestProfile.rating < 4)


@wrong("cannot be iterated")
def an_iterated_expression() -> object:
    return requested(float, np.stack([*GuestProfile.rating]))


@wrong("Wrong.rate", "np.sum(guest_profile.rating)", "one value a row")
def a_sum_over_rows() -> object:
    return requested(float, np.sum(GuestProfile.rating))


@wrong("np.add.accumulate mixes rows", "call np.add itself")
def a_running_sum_by_a_ufuncs_method() -> object:
    return requested(float, np.add.accumulate(GuestProfile.rating))


MIXING = {
    "a_running_sum": np.cumsum(GuestProfile.rating),
    "a_sort": np.sort(GuestProfile.rating),
    "a_reversal": np.flip(GuestProfile.rating),
    "a_difference_of_neighbours": np.diff(GuestProfile.rating, prepend=0),
    "a_distance_from_the_mean_of_all": GuestProfile.rating - np.mean(GuestProfile.rating),
    "a_share_of_the_greatest": GuestProfile.rating / np.max(GuestProfile.rating),
}


@pytest.mark.parametrize("name", MIXING)
def test_an_expression_that_mixes_rows_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.rate"):
        requested(float, MIXING[name])


@wrong("Wrong.rate", "mix")
def a_resolver_that_mixes_rows() -> object:
    class Wrong(RequestFeatures):
        @resolver
        def rate(rating: Annotated[Array, GuestProfile.rating]) -> Annotated[Array, float]:
            return rating - rating.mean()

    return Wrong


@wrong("Wrong.rate", "one value of", "beside many", "@resolver")
def an_expression_that_needs_equal_shapes() -> object:
    both = np.stack([GuestProfile.rating, CafeOrders.orders])
    return requested(float, np.max(both, axis=0))


@wrong("rate", "what it returns", "-> Annotated[Array, float]")
def a_resolver_that_promises_nothing() -> object:
    @resolver
    def rate(rating: Annotated[Array, GuestProfile.rating]): ...

    return rate


@wrong("rate", "which feature rating reads", "rating: Annotated[Array, SomeView.some_feature]")
def a_resolver_that_reads_nothing() -> object:
    @resolver
    def rate(rating: float) -> Annotated[Array, float]: ...

    return rate


@wrong("Wrong.rate is annotated int", "float64")
def a_resolver_of_another_type() -> object:
    class Wrong(RequestFeatures):
        @resolver
        def rate(rating: Annotated[Array, GuestProfile.rating]) -> Annotated[Array, int]:
            return rating

    return Wrong


@wrong("Wrong.rate", "index 5")
def a_resolver_that_fails() -> object:
    class Wrong(RequestFeatures):
        @resolver
        def rate(rating: Annotated[Array, GuestProfile.rating]) -> Annotated[Array, float]:
            return rating[5]

    return Wrong


@wrong("Wrong.rate", "the default 1 is not of type str")
def an_input_with_a_default_of_another_type() -> object:
    return requested(str, request_input(default=1))


@wrong("Wrong.other")
def one_input_under_two_names() -> object:
    class Wrong(RequestFeatures):
        weather: str = request_input()
        other: str = weather

    return Wrong


@wrong("Wrong.rate", "visit_request.weather", "another request_input()")
def an_input_of_another_class() -> object:
    return requested(str, VisitRequest.weather)


@wrong("request_input()", "no name", "above what reads it")
def an_input_without_a_name() -> object:
    return requested(float, request_input() * GuestProfile.rating)


@wrong("guest_profile.rating", "'mean'", "NumPy's functions")
def a_method_of_arrays() -> object:
    return GuestProfile.rating.mean()  # type: ignore[attr-defined]


@wrong("guest_profile.rating.astype('nope')", "NumPy type")
def a_type_that_numpy_does_not_know() -> object:
    return GuestProfile.rating.astype("nope")  # type: ignore[attr-defined]


@wrong("Wrong.rate", "timedelta64")
def a_span_that_numpy_cannot_compare_with_null() -> object:
    return requested(bool, now() - GuestProfile.born_at > timedelta(days=1))


@wrong("Wrong.rate", "mixes rows")
def a_choice_by_what_any_row_has() -> object:
    return requested(float, np.where(np.any(GuestProfile.rating > 3), 1.0, GuestProfile.rating))


@wrong("Wrong.rate", "null")
def what_fails_on_null() -> object:
    return requested(int, np.strings.str_len(GuestProfile.city))


@pytest.mark.parametrize("kind", [int, bool])
def test_an_input_without_null_may_be_required(kind: type) -> None:
    made: Any = requested(kind, request_input())
    assert made.rate.required


def test_values_out_of_bounds_are_not_tried() -> None:
    class Levels(RequestFeatures):
        level: str = request_input(default="low", one_of=["low", "high"])

        @resolver
        def rank(level: Annotated[Array, level]) -> Annotated[Array, int]:
            return np.array([{"low": 1, "high": 2}[name] for name in level.tolist()])

    assert Levels.rank.kind.value == "int"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("define", "says"), wrong)
def test_a_wrong_definition_is_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)
