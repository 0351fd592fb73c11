"""Tidy tables with fixed types: what goes in comes out, to the last bit."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from workbench.runs import Effect, effects_schema, table_of
from workbench.runs.shards import to_parquet
from workbench.runs.tables import EFFECTS_SCHEMA, arrow_table

text = st.text(st.characters(codec="utf-8"), max_size=8)
effects = st.builds(
    Effect,
    sample_id=text,
    task=text,
    flow=text,
    window=text,
    layer=st.integers(0, 80),
    first_layer=st.integers(1, 80),
    last_layer=st.integers(0, 80),
    token=text,
    p_base=st.floats(allow_nan=False),
    p_knockout=st.floats(allow_nan=False),
    change_percent=st.floats(allow_nan=False),
    correct_base=st.booleans(),
    correct_knockout=st.booleans(),
)


@given(st.lists(effects, max_size=5))
def test_tables_survive_pandas_and_parquet_exactly(rows) -> None:
    table = table_of(rows, EFFECTS_SCHEMA)
    frame = table.to_pandas()
    assert [Effect(*row) for row in frame.itertuples(index=False, name=None)] == rows
    again = arrow_table(frame, EFFECTS_SCHEMA)
    assert again.equals(table)
    assert to_parquet(again) == to_parquet(table)
    empty = pd.DataFrame(table_of([], EFFECTS_SCHEMA).to_pandas())
    assert list(empty.dtypes) == list(frame.dtypes)


def test_columns_of_further_measures_stand_behind() -> None:
    schema = effects_schema(["kl"])
    assert schema.names == [*EFFECTS_SCHEMA.names, "kl"]
    assert schema.field("kl").type == pa.float64()
