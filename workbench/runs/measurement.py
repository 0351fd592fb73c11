"""Analyses that run a model once a sample: skip what cannot be used, go on where a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from workbench.analyses.answers.accuracy import refuse_unusable
from workbench.analyses.sweep.effects import read_frames
from workbench.analyses.sweep.sweeping import as_samples, nothing_usable
from workbench.errors import RunError, WorkbenchError
from workbench.prompts import check_style
from workbench.runs import Skip, data_settings, holds_run, model_settings, new_manifest
from workbench.runs.parts import Part, PartStore
from workbench.runs.progress import progress_bar
from workbench.runs.store import MANIFEST, SKIPPED, read_manifest
from workbench.runs.tables import schema_of, skipped_frame

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.models import Prompt, VideoLLM
    from workbench.video import Sampling


class Unusable(Exception):
    """A sample that can be encoded, but not measured; its text says why."""


class Measured(NamedTuple):
    """What every sample gave."""

    table: pd.DataFrame
    skipped: pd.DataFrame
    """Columns: `workbench.runs.Skip`."""
    manifest: dict[str, Any]
    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What is done with each sample."""

    name: str
    """Of the analysis: in the manifest, and of its parquet file."""
    row: type
    """A NamedTuple: one row of the table."""
    measure: Callable[[Sample, Prompt], Iterable[tuple[Any, ...]]]
    """Rows of one sample. Raises Unusable for one to be skipped."""
    settings: Mapping[str, Any]
    """Besides model and data, all that decides the numbers."""


def measure_samples(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    what: Measurement,
    *,
    out: Path | str | None,
    style: str | None,
    frames: Sampling | int | str | None,
    progress: bool,
) -> Measured:
    """Measure every sample, in order; what the folder `out` holds already is not measured again.

    Raises RunError where no sample can be used, or `out` holds a run with other settings.
    """
    samples = as_samples(samples)
    check_style(style)
    how = read_frames(frames)
    settings = {
        **model_settings(model),
        **data_settings(samples),
        "style": style,
        "frames": None if how is None else str(how),
        **what.settings,
    }
    manifest = new_manifest(what.name, settings, model)
    if not holds_run(out):
        refuse_unusable(samples, lambda sample: model.encode(sample, frames=how, style=style))
    skipped = [Skip(entry.id, "", entry.reason) for entry in samples.skipped]
    parts: list[Part] = []
    with PartStore(out, manifest, schema_of(what.row)) as store:
        with progress_bar(len(samples), what=what.name, unit=" samples", show=progress) as bar:
            for position, sample in enumerate(samples):
                part = store.get(position)
                if part is None:
                    part = _measure(model, sample, what, store, how, style)
                    store.put(position, part)
                parts.append(part)
                if part.skipped:
                    skipped.append(Skip(sample.id, "", part.skipped))
                bar.update(1)
        if all(part.skipped for part in parts):
            raise nothing_usable(len(samples), f"{samples[0].id}: {parts[0].skipped}")
        table = store.finish(what.name, parts, skipped)
        return Measured(
            table.to_pandas(), skipped_frame(skipped), store.manifest, None if out is None else Path(out)
        )


def _measure(
    model: VideoLLM, sample: Sample, what: Measurement, store: PartStore, frames: Any, style: str | None
) -> Part:
    try:
        prompt = model.encode(sample, frames=frames, style=style)
    except WorkbenchError as error:
        return store.part((), str(error))
    try:
        return store.part(what.measure(sample, prompt))
    except Unusable as reason:
        return store.part((), str(reason))
    except Exception as error:
        error.add_note(f"This happened on sample {sample.id!r} ({sample.video}).")
        raise


def load_measured(folder: Path | str, name: str) -> Measured:
    """What `measure_samples` left in a folder.

    Raises RunError where it holds no finished run of that name.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise RunError(
            f"{folder} holds no run: it has no {MANIFEST}. Name the folder that was given as --out."
        )
    manifest = read_manifest(folder / MANIFEST)
    if manifest["kind"] != name:
        raise RunError(
            f"{folder} holds the results of {manifest['kind']!r}, and those of {name!r} are asked."
        )
    if manifest["finished"] is None or not (folder / f"{name}.parquet").is_file():
        raise RunError(f"The run in {folder} is not finished. Start its command again; it goes on.")
    skipped = pd.read_csv(folder / SKIPPED, dtype="str", keep_default_na=False)
    return Measured(pd.read_parquet(folder / f"{name}.parquet"), skipped, manifest, folder)
