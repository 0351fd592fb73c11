"""The loop over samples that everything runs in: decode ahead, encode, measure, write, go on after a stop."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from workbench.data import Sample, Samples, as_samples
from workbench.errors import NO_ROOM, WorkbenchError
from workbench.progress import progress_bar
from workbench.prompts import check_separators, check_style
from workbench.ranks import Share, share_of
from workbench.runs.encoding import Encoder, nothing_usable, read_frames
from workbench.runs.executors import Executor, Job, current
from workbench.runs.finals import Tables, joined
from workbench.runs.manifest import new_manifest
from workbench.runs.measurement import Measurement
from workbench.runs.record import Record
from workbench.runs.settings import data_settings, model_settings
from workbench.runs.store import Store, holds_run, open_store
from workbench.runs.tables import Skip, skipped_frame
from workbench.runs.waiting import others

if TYPE_CHECKING:
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Sampling


class Measured(NamedTuple):
    """What every sample gave."""

    table: pd.DataFrame
    samples: pd.DataFrame
    """What the untouched model answered; without rows where the measurement does not keep it."""
    skipped: pd.DataFrame
    """What could not be used, with the reason. Columns: `workbench.runs.Skip`."""
    manifest: dict[str, Any]
    folder: Path | None


def measured(tables: Tables, manifest: dict[str, Any], folder: Path | str | None) -> Measured:
    """The tables as data frames."""
    return Measured(
        table=tables.rows.to_pandas(),
        samples=tables.samples.to_pandas(),
        skipped=skipped_frame(tables.skipped),
        manifest=manifest,
        folder=None if folder is None else Path(folder),
    )


def measure_samples(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    measurement: Measurement,
    *,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
    executor: Executor | None = None,
    prompts: dict[str, Prompt] | None = None,
) -> Measured:
    """Measure every sample; what the folder `out` holds already is not measured again.

    Where torchrun, srun or mpirun started several processes (`workbench.ranks`), each measures its share of
    what goes into `out`, and waits at the end until the others have measured theirs.

    Args:
        out: a folder for the results, written sample by sample; a run that was stopped goes on from there.
            None keeps everything in memory.
        style, separators, frames: how samples become prompts, as in `encode`.
        executor: where the samples are measured; if not given, by the workers whose context is open
            (`runs.executors.using`), or in this process.
        prompts: the prompts that are measured are put into it, by the sample's id.

    A sample that cannot be encoded, or does not fit into memory, is skipped and listed; the latter is tried
    again by a process alone that goes on. Raises RunError where none can be used, or `out`
    holds a run with other settings; and as the measurement's `refuse`.
    """
    from workbench.models.papers import default_separators  # needs torch, which reading a run does not

    samples = as_samples(samples)
    check_style(style)
    check_separators(separators)
    how, by = read_frames(frames), executor or current(model)
    before = None if model.cache is None else model.cache.counts()
    settings = {
        **model_settings(model, writes_text=measurement.writes_text),
        "device": by.device_of(model),
        **data_settings(samples),
        **measurement.settings,
        "style": style,
        "separators": default_separators(model.family, model.setting) if separators is None else separators,
        "frames": None if how is None else str(how),
    }
    manifest = new_manifest(measurement.name, settings, model)
    prompting: dict[str, Any] = {"frames": how, "style": style, "separators": separators}
    with Encoder(model, samples, **prompting, identified=out is not None) as encoder:
        if not holds_run(out):
            measurement.refuse(model, encoder)
        job = Job(model=model, measurement=measurement, encoder=encoder, prompts=prompts)
        share = None if out is None else share_of()
        with open_store(out, manifest, measurement, samples, share) as store:
            records = _records(job, store, by, progress, share)
            left_out = [Skip(entry.id, "", entry.reason) for entry in samples.skipped]
            tables = joined(records, measurement.schema, left_out=left_out)
            _refuse_skipped(samples, records)
            store.finish(tables, _of_cache(model, before, progress))
            return measured(tables, store.manifest, out)


def _records(job: Job, store: Store, executor: Executor, progress: bool, share: Share | None) -> list[Record]:
    """All records, in the order of the samples: those that are stored, and the others measured and stored.

    Of several ranks, this one measures its share, and then waits for the others'.
    """
    samples, measurement = job.encoder.samples, job.measurement
    units = measurement.units(job.model)
    found = dict(enumerate(store.stored()))
    if share is None:  # ranks would have to agree about it
        found = {position: None if _had_no_room(record) else record for position, record in found.items()}
    what = measurement.name if share is None else f"{measurement.name} ({share})"
    show = progress and (share is None or share.rank == 0)
    with progress_bar(len(samples) * units, what=what, unit=f" {measurement.unit}", show=show) as bar:
        # A group is measured as a whole, so that a run that goes on gives the same bits.
        groups = _groups(job, share) if None in found.values() else []
        if share is not None:
            groups = groups[share.rank :: share.of]
        waiting = [group for group in groups if any(found[position] is None for position in group)]
        # What was done in an earlier run needs no units now.
        bar.total -= units * (len(samples) - sum(map(len, waiting)))
        before = bar.n
        for made in executor.run(job, waiting, bar.update):
            for position, record in made.items():
                if found[position] is None:
                    found[position] = record
                    store.put(position, record)
            # Nor does what was skipped, or answered wrongly.
            bar.total -= units * len(made) - (bar.n - before)
            before = bar.n
    if None in found.values():
        assert share is not None, "one process measures all"
        found = dict(enumerate(others(store, share, samples)))
    return [
        _named(record, sample)
        for record, sample in zip(found.values(), samples, strict=True)
        if record is not None
    ]


def _of_cache(
    model: VideoLLM, before: Mapping[str, Mapping[str, int]] | None, progress: bool
) -> dict[str, Any]:
    """What this process found in the cache and put into it, for the manifest; nothing without a cache."""
    if model.cache is None or before is None:
        return {}
    model.cache.flush()
    counts = {
        kind: {what: number - before[kind].get(what, 0) for what, number in now.items()}
        for kind, now in model.cache.counts().items()
    }
    if progress and any(any(of.values()) for of in counts.values()):
        told = "; ".join(
            f"{kind} {', '.join(f'{number} {what}' for what, number in of.items())}"
            for kind, of in counts.items()
            if of
        )
        print(f"Cache {model.cache.folder}: {told}", file=sys.stderr, flush=True)
    return {"cache": {"folder": str(model.cache.folder), **counts}}


def _groups(job: Job, share: Share | None) -> list[range]:
    """Positions that are measured together: as many as the measurement likes of samples like the first."""
    try:
        size = job.measurement.at_once(job.model, job.encoder.first_usable())
    except WorkbenchError:
        if share is not None:
            raise  # ranks that disagreed about the groups would leave samples to nobody
        size = 1  # the clips of what is stored may be gone
    count = len(job.encoder.samples)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _had_no_room(record: Record | None) -> bool:
    """Whether a sample was skipped for want of memory, which there may be more of now."""
    return record is not None and any(not skip.flow and NO_ROOM in skip.reason for skip in record.skipped)


def _named(record: Record, sample: Sample) -> Record:
    """With the sample's id where a shard of an older version does not name it."""
    skipped = tuple(skip if skip.sample_id else skip._replace(sample_id=sample.id) for skip in record.skipped)
    return record._replace(skipped=skipped)


def _refuse_skipped(samples: Samples, records: Sequence[Record]) -> None:
    """Raise RunError where every sample was skipped."""
    reasons = [skip.reason for record in records for skip in record.skipped[:1] if not skip.flow]
    used = any(record.sample is not None or record.rows.num_rows for record in records)
    if not used and len(reasons) == len(samples):
        raise nothing_usable(len(samples), f"{samples[0].id}: {reasons[0]}")
