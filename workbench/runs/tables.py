"""The tidy tables of a run: their columns, in order, with fixed types.

Everything is built as an Arrow table with a fixed schema, in memory as on disk, so that two equal runs give
equal bytes and a table read back is the table that was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_type_hints

import pandas as pd
import pyarrow as pa


class Effect(NamedTuple):
    """One row of `run.table`: what one knockout did to one sample."""

    sample_id: str
    task: str
    flow: str
    window: str
    layer: int
    """From 1: the centre of a centred window, the last layer of a trailing one, i of after(i); 0 where a
    window has no place."""
    first_layer: int
    last_layer: int
    token: str
    """The traced token: the one that the untouched model ranks first."""
    p_base: float
    p_knockout: float
    change_percent: float
    """(p_knockout - p_base) / p_base * 100."""
    correct_base: bool
    correct_knockout: bool
    """Whether the token ranked first after the cut is the right answer."""


class SampleRow(NamedTuple):
    """One row of `run.samples`: what the untouched model answered."""

    sample_id: str
    task: str
    token: str
    p_base: float
    answer: str
    """The true letter, or the true words of an open-ended sample."""
    predicted: str
    """The letter that the token stands for; the token itself where it is no option's letter."""
    correct: bool
    """False, too, where the true answer is not known."""
    n_tokens: int
    """Rows of the prompt, video tokens included."""
    seconds: float
    """Wall time of the sample: reading the clip and all forwards; a mean where samples ran together."""
    noise_percent: float | None = None
    """How far p_base moves, in percent, by rounding alone; where it was measured (Outcomes.noise_percent)."""
    peak_gb: float | None = None
    """Most GPU memory that tensors took, weights included, in GB; empty on a CPU."""


class Skip(NamedTuple):
    """One row of `run.skipped`: a sample, or one flow of a sample, that could not be used."""

    sample_id: str
    flow: str
    """Empty where the whole sample was skipped."""
    reason: str


_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    float | None: pa.float64(),
    bool: pa.bool_(),
}


def schema_of(row: type) -> pa.Schema:
    """The Arrow schema of a NamedTuple of str, int, float and bool fields."""
    return pa.schema([pa.field(name, _ARROW[kind]) for name, kind in get_type_hints(row).items()])


EFFECTS_SCHEMA = schema_of(Effect)
SAMPLES_SCHEMA = schema_of(SampleRow)
EFFECT_COLUMNS: tuple[str, ...] = Effect._fields
SAMPLE_COLUMNS: tuple[str, ...] = SampleRow._fields
SKIP_COLUMNS: tuple[str, ...] = Skip._fields


def effects_schema(extra: Iterable[str] = ()) -> pa.Schema:
    """The schema of a sweep's table, with the columns of further measures behind."""
    return pa.schema([*EFFECTS_SCHEMA, *(pa.field(name, pa.float64()) for name in extra)])


def table_of(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """An Arrow table from tuples with the fields of the schema, in the order given."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def arrow_table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """A data frame as an Arrow table, without pandas' own metadata."""
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)


def skipped_frame(rows: Sequence[Skip]) -> pd.DataFrame:
    """A data frame of what was skipped."""
    return pd.DataFrame(rows, columns=list(SKIP_COLUMNS), dtype="str")
