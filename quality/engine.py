"""The runner: expectations rendered to Great Expectations and run on the rows themselves.

A batch holds the columns of a few expectations at a time, so that what Great Expectations keeps
of each (a mask of the rows and their index) is let go before the next.
"""

import types
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from slate.quality.expectations import Expectation
from slate.quality.json_values import json_value

if TYPE_CHECKING:
    import great_expectations as gx
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations.expectation import Expectation as Kind
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

BATCH = 12  # expectations
# Where they are met, nothing was observed and no value is unexpected.
_OF_EACH_VALUE = frozenset(
    {
        "ExpectColumnPairValuesAToBeGreaterThanB",
        "ExpectColumnValuesToBeBetween",
        "ExpectColumnValuesToBeInSet",
        "ExpectColumnValuesToBeUnique",
        "ExpectColumnValuesToNotBeNull",
        "ExpectCompoundColumnsToBeUnique",
    }
)
EXAMPLES = 20  # unexpected rows kept of each


@dataclass(frozen=True)
class Outcome:
    """What came of one expectation.

    Attributes:
        success: whether it was met.
        observed: what was found, of an expectation of a column or table as a whole; or why it
            could not be evaluated.
        unexpected: how many rows do not meet it.
        positions: where the first of them are in the table.
    """

    success: bool
    observed: Any = None
    unexpected: int = 0
    positions: tuple[int, ...] = ()


def load() -> None:
    """Load Great Expectations, which takes seconds, for whoever waits for something else."""
    import great_expectations  # noqa: F401


def render(name: str, expectations: Sequence[Expectation]) -> "gx.ExpectationSuite":
    """Expectations as a suite of Great Expectations; the meta of each holds its position."""
    import great_expectations as gx
    from great_expectations.expectations.metadata_types import FailureSeverity

    rendered = [
        _kind(expectation.kind)(
            **expectation.parameters,
            severity=FailureSeverity(expectation.severity),
            description=expectation.why,
            meta={"position": position},
        )
        for position, expectation in enumerate(expectations)
    ]
    return gx.ExpectationSuite(name=name, expectations=rendered)


@cache
def _kind(name: str) -> "type[Kind]":
    """An expectation of Great Expectations that makes its configuration once.

    It is asked for it a hundred times while it is evaluated, which was half of the time, and
    nothing changes it after it was rendered. It has a name of its own: Great Expectations keeps
    what it knows of each by name, and warns of two that share one.
    """
    import great_expectations.expectations as kinds

    of: type[Kind] = getattr(kinds, name)

    def configuration(self: Any) -> "ExpectationConfiguration":
        made: ExpectationConfiguration | None = getattr(self, "made", None)
        if made is None:
            made = of.configuration.__get__(self)
            # As a slot it is none of the fields, which are copied and compared.
            object.__setattr__(self, "made", made)
        return made

    own = {"__slots__": ("made",), "configuration": property(configuration)}
    once: type[Kind] = types.new_class(
        f"{name}Once", (of,), exec_body=lambda body: body.update(own)
    )
    return once


def run(table: pa.Table, expectations: Sequence[Expectation]) -> list[Outcome]:
    """Run expectations on a table, and say what came of each."""
    return _run(_batch_definition(), table, expectations)


def run_in_batches(table: pa.Table, expectations: Sequence[Expectation]) -> list[Outcome]:
    """Run many expectations on a large table, a few at a time and on their columns alone."""
    definition = _batch_definition()
    outcomes: list[Outcome] = []
    for start in range(0, len(expectations), BATCH):
        batch = expectations[start : start + BATCH]
        needed = list(dict.fromkeys(n for e in batch for n in (*e.columns, *e.computed)))
        # Rows are counted on some column.
        outcomes += _run(definition, table.select(needed or table.column_names[:1]), batch)
    return outcomes


def _run(
    definition: "BatchDefinition[Any]", table: pa.Table, expectations: Sequence[Expectation]
) -> list[Outcome]:
    if not expectations:
        return []
    # Whole numbers beside nulls stay whole: as floats, large keys would coincide.
    frame = table.to_pandas(integer_object_nulls=True)
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    met: set[int] = set()
    strict = [at for at, expectation in enumerate(expectations) if _all_or_nothing(expectation)]
    if strict:
        # Of those that are met there is nothing to tell, and whether they are costs a third.
        suite = render("met", [expectations[at] for at in strict])
        validation = batch.validate(suite, result_format="BOOLEAN_ONLY")
        met = {strict[_position(result)] for result in validation.results if result.success}
    outcomes = [Outcome(True)] * len(expectations)
    told = [at for at in range(len(expectations)) if at not in met]
    if told:
        validation = batch.validate(
            render("told", [expectations[at] for at in told]),
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
        )
        for result in validation.results:
            outcomes[told[_position(result)]] = _outcome(result)
    return outcomes


def _all_or_nothing(expectation: Expectation) -> bool:
    """Whether it is of each value, of which none may be otherwise."""
    return expectation.kind in _OF_EACH_VALUE and "mostly" not in expectation.parameters


@cache
def _batch_definition() -> "BatchDefinition[Any]":
    """What hands tables to Great Expectations: one for all, as its making takes 0.1 s."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("warehouse").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("columns")


def _position(result: "ExpectationValidationResult") -> int:
    configuration = result.expectation_config
    assert configuration is not None
    position: int = configuration.meta["position"]
    return position


def _outcome(result: "ExpectationValidationResult") -> Outcome:
    found = result.result
    if not found:
        return Outcome(False, f"cannot be evaluated: {_exception(result.exception_info)}")
    observed = found.get("details", {}).get("mismatched", found.get("observed_value"))
    return Outcome(
        bool(result.success),
        json_value(observed),
        int(found.get("unexpected_count", 0)),
        tuple(int(position) for position in found.get("partial_unexpected_index_list", ())),
    )


def _exception(info: dict[str, Any]) -> str:
    """The message of what was raised, which is told for each metric or for the whole."""
    told = [info, *(item for item in info.values() if isinstance(item, dict))]
    messages = (str(item["exception_message"]) for item in told if item.get("exception_message"))
    return next(messages, "no reason given")
