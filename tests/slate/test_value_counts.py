"""Values that are counted: their codes, and what is estimated of more than are kept."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from slate.aggregates import Counted, EventsSql, ValueCounts, codes
from slate.aggregates.distinct import Distinct
from slate.aggregates.quantile import Quantile
from slate.expressions import Array
from slate.kinds import Kind

VALUES = {
    Kind.STRING: ["", "a", "Zürich", "it's", "\x00", "x" * 5_000],
    Kind.INTEGER: [0, -1, 2**63 - 1, -(2**63)],
    Kind.FLOAT: [0.0, -0.0, 0.1, 1e308, 5e-324, -7.75],
    Kind.BOOLEAN: [False, True],
    Kind.TIME: [0, -1, 1_773_039_600_000_000],
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_has_the_same_code_in_sql_and_in_numpy(kind: Kind) -> None:
    arrow = pa.timestamp("us") if kind is Kind.TIME else kind.arrow
    rows = pa.table({"value": pa.array(VALUES[kind], arrow)})
    partial = ValueCounts(kind, kept=10, valued=True)
    (sql,) = partial.columns_of_events(EventsSql("value", True, "", "", "", ""))
    macro = "create macro code_of(text) as cast(md5_number_lower(text) >> 1 as bigint)"
    with duckdb.connect() as connection:
        connection.execute(macro)
        sql = sql.replace("{{ code_of('", "code_of(").replace("') }}", ")")
        found = connection.sql(f"select unnest({sql}, recursive := true) from rows").fetchall()
    ours = codes(rows["value"].combine_chunks(), kind)
    assert {code for code, _, _ in found} == set(ours.tolist())
    assert sum(n for _, _, n in found) == len(rows)
    if kind is Kind.FLOAT:
        assert ours[0] == ours[1], "-0.0 and 0.0 are one value"


def counted(values: Array, kept: int) -> Counted:
    """Each of different values once, in one row."""
    found = codes(pa.array(values), Kind.INTEGER)
    order = np.argsort(found)[:kept]
    row = np.zeros(len(order), np.int64)
    return Counted(1, row, found[order], values[order], np.ones(len(order), np.int64))


@pytest.mark.parametrize("most", [64, 256, pytest.param(1_024, marks=pytest.mark.thorough)])
def test_an_estimate_is_as_good_as_it_says(most: int) -> None:
    """The mean squared error over many sets is what is stated, and there is no bias."""
    function, many = Distinct(most), 20_000
    values = np.random.default_rng(1).permutation(40 * many)
    errors = np.array(
        [
            function.finish(counted(values[start : start + many], function.kept))[0] / many - 1
            for start in range(0, len(values), many)
        ]
    )
    stated = 1 / np.sqrt(most)
    assert np.sqrt(np.mean(errors**2)) < 1.5 * stated
    assert abs(errors.mean()) < stated / 2


def test_a_median_of_a_sample_is_near() -> None:
    function = Quantile(256, 0.5, Kind.INTEGER)
    found = counted(np.random.default_rng(2).permutation(20_000), function.kept)
    (median,) = found.value[function.pick(found, 1)[0]]
    assert abs(median / 20_000 - 0.5) < 4 * 0.5 / np.sqrt(256)
