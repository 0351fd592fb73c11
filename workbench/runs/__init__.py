"""Results: tidy tables, run folders that can be resumed, provenance."""

from workbench.runs.manifest import data_settings, model_settings, new_manifest
from workbench.runs.run import Run, load_run, make_run
from workbench.runs.store import Record, holds_run, open_store
from workbench.runs.tables import (
    EFFECT_COLUMNS,
    SAMPLE_COLUMNS,
    Effect,
    SampleRow,
    Skip,
    effects_table,
)

__all__ = [
    "EFFECT_COLUMNS",
    "SAMPLE_COLUMNS",
    "Effect",
    "Record",
    "Run",
    "SampleRow",
    "Skip",
    "data_settings",
    "effects_table",
    "holds_run",
    "load_run",
    "make_run",
    "model_settings",
    "new_manifest",
    "open_store",
]
