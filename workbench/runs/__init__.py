"""Runs: one loop over samples, one store that can be resumed, one manifest."""

from workbench.runs.encoding import Encoder, first_prompts, nothing_usable, read_frames
from workbench.runs.executors import Executor, Job, ThisProcess, measure_group
from workbench.runs.folder import Damaged
from workbench.runs.loop import Measured, measure_samples
from workbench.runs.manifest import new_manifest
from workbench.runs.measurement import Done, Measurement, PromptMeasurement, Unusable
from workbench.runs.record import Asked, Record
from workbench.runs.run import Run, as_run, load_measured, load_run
from workbench.runs.settings import as_seed, data_settings, model_settings
from workbench.runs.tables import (
    EFFECT_COLUMNS,
    SAMPLE_COLUMNS,
    Effect,
    SampleRow,
    Skip,
    effects_schema,
    table_of,
)

__all__ = [
    "EFFECT_COLUMNS",
    "SAMPLE_COLUMNS",
    "Asked",
    "Damaged",
    "Done",
    "Effect",
    "Encoder",
    "Executor",
    "Job",
    "Measured",
    "Measurement",
    "PromptMeasurement",
    "Record",
    "Run",
    "SampleRow",
    "Skip",
    "ThisProcess",
    "Unusable",
    "as_run",
    "as_seed",
    "data_settings",
    "effects_schema",
    "first_prompts",
    "load_measured",
    "load_run",
    "measure_group",
    "measure_samples",
    "model_settings",
    "new_manifest",
    "nothing_usable",
    "read_frames",
    "table_of",
]
