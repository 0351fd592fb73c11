"""Accuracy: how many questions the untouched model answers correctly, task by task.

Axes: b batch, s position.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analyses.sweep.effects import read_frames, sample_row
from workbench.analyses.sweep.sweeping import as_samples, nothing_usable
from workbench.errors import RunError, WorkbenchError
from workbench.measures.correctness import UNKNOWN, judge
from workbench.prompts import check_style
from workbench.runs import (
    Record,
    Skip,
    data_settings,
    effects_table,
    holds_run,
    make_run,
    model_settings,
    new_manifest,
    open_store,
)
from workbench.runs.progress import progress_bar
from workbench.statistics.curves import wilson

if TYPE_CHECKING:
    from rich.table import Table

    from workbench.data import Sample, Samples
    from workbench.engine import Baseline
    from workbench.models import Prompt, VideoLLM
    from workbench.video import Sampling


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy:
    """How well a model answers, task by task."""

    table: pd.DataFrame
    """One row a task: task, samples, correct, accuracy_percent, low_percent and high_percent (95% Wilson
    interval), chance_percent (guessing among the options; missing for open-ended samples), named_percent
    (answers that name one of the options at all, right or wrong; missing likewise)."""
    samples: pd.DataFrame
    """One row a sample. Columns: `workbench.runs.SampleRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for one in memory."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        path = Path(path)
        self.table.to_csv(path, index=False, float_format="%.4f")
        return path

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        settings = self.manifest["settings"]
        table = Table(
            title=f"Correct answers of {settings['model']} on {settings['data']}",
            caption=_skipped(len(self.skipped)),
            box=box.SIMPLE_HEAD,
        )
        table.add_column("task", no_wrap=True)
        for name in ("samples", "correct", "accuracy", "95% interval", "chance", "named an option"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.table.to_dict("records"):
            chance, named = row["chance_percent"], row["named_percent"]
            table.add_row(
                str(row["task"]),
                str(row["samples"]),
                str(row["correct"]),
                f"[bold]{row['accuracy_percent']:.1f}%[/bold]",
                f"{row['low_percent']:.1f} - {row['high_percent']:.1f}",
                "-" if pd.isna(chance) else f"{chance:.0f}%",
                "-" if pd.isna(named) else f"{named:.1f}%",
            )
        return table

    def _repr_html_(self) -> str:
        return self.table.round(1).to_html(index=False, border=0)


def accuracy(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    out: Path | str | None = None,
    style: str | None = None,
    frames: Sampling | int | str | None = None,
    batch: int = 8,
    progress: bool = True,
) -> Accuracy:
    """Ask the untouched model every question once, and compare the token it ranks first with the truth.

    Args:
        out: a folder for the results, written as they come; a run that was stopped goes on from there.
        style, frames: as in `sweep`.
        batch: questions a forward, where their prompts have the same length.
        progress: show a bar with the time left, where somebody can see it.

    A sample that cannot be used, or whose answer is not known, is skipped and listed. Raises RunError where
    none can be used, or `out` holds a run with other settings.
    """
    samples = as_samples(samples)
    check_style(style)
    frames = read_frames(frames)
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise RunError(f"batch={batch!r}: give the number of questions a forward, a whole number from 1.")
    settings = {
        **model_settings(model),
        **data_settings(samples),
        "style": style,
        "frames": None if frames is None else str(frames),
        "batch": batch,
    }

    def encode(sample: Sample) -> Prompt:
        return model.encode(sample, frames=frames, style=style)

    if not holds_run(out):
        refuse_unusable(samples, encode)
    with open_store(out, new_manifest("accuracy", settings, model)) as store:
        records = [store.get(position) for position in range(len(samples))]
        waiting = [position for position, record in enumerate(records) if record is None]
        with progress_bar(len(waiting), what="accuracy", unit=" questions", show=progress) as bar:
            for start in range(0, len(waiting), batch):
                group = waiting[start : start + batch]
                made = _measure(model, [samples[position] for position in group], encode)
                for position, record in zip(group, made, strict=True):
                    records[position] = record
                    store.put(position, record)
                bar.update(len(group))
        kept = [record for record in records if record is not None]
        left_out = [Skip(entry.id, "", entry.reason) for entry in samples.skipped]
        store.finish(kept, left_out)
        run = make_run(kept, store.manifest, folder=out, skipped=left_out)
    if run.samples.empty:
        first = run.skipped.iloc[-1]
        raise nothing_usable(len(samples), f"{first['sample_id']}: {first['reason']}")
    return Accuracy(
        table=accuracy_table(run.samples, samples),
        samples=run.samples,
        skipped=run.skipped,
        manifest=run.manifest,
        folder=run.folder,
    )


def refuse_unusable(samples: Samples, encode: Callable[[Sample], Prompt]) -> None:
    """Raise RunError, before anything is computed or written, where no sample can be encoded."""
    first = ""
    for sample in samples:
        try:
            encode(sample)
        except WorkbenchError as error:
            first = first or f"{sample.id}: {error}"
        else:
            return
    raise nothing_usable(len(samples), first)


def _skipped(n: int) -> str | None:
    return f"{n} sample{'s' if n > 1 else ''} skipped: see .skipped, or skipped.csv" if n else None


def accuracy_table(answered: pd.DataFrame, samples: Iterable[Sample]) -> pd.DataFrame:
    """One row a task from a table of answers (`sample_id`, `task`, `predicted`, `correct`), tasks in order of
    first appearance. `samples` have the options that guessing would choose from."""
    options = {sample.id: sample.letters for sample in samples}
    rows = []
    for task, part in answered.groupby("task", sort=False):
        offered = [options[str(sample_id)] for sample_id in part["sample_id"]]
        closed = all(offered)
        share = wilson(int(np.count_nonzero(part["correct"])), len(part))
        named = [said in letters for said, letters in zip(part["predicted"], offered, strict=True)]
        rows.append(
            {
                "task": str(task),
                "samples": share.n,
                "correct": int(np.count_nonzero(part["correct"])),
                "accuracy_percent": 100 * share.mean,
                "low_percent": 100 * share.low,
                "high_percent": 100 * share.high,
                "chance_percent": 100 * _mean([1 / len(x) for x in offered]) if closed else float("nan"),
                "named_percent": 100 * _mean(named) if closed else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _measure(model: VideoLLM, samples: Sequence[Sample], encode: Callable[[Sample], Prompt]) -> list[Record]:
    """One record a sample, in order; a sample that cannot be encoded gives one that says why."""
    from workbench.engine import Outcomes

    begun = time.perf_counter()
    prompts: dict[int, Prompt] = {}
    records: dict[int, Record] = {}
    for place, sample in enumerate(samples):
        try:
            prompts[place] = encode(sample)
        except WorkbenchError as error:
            records[place] = Record(None, effects_table(()), (Skip(sample.id, "", str(error)),))
    answers: dict[int, Baseline] = {}
    for places in _same_shape(prompts):
        try:
            found = first_answers(model, [prompts[place] for place in places])
        except Exception as error:
            error.add_note(f"This happened on {', '.join(repr(samples[place].id) for place in places)}.")
            raise
        answers.update(zip(places, found, strict=True))
    seconds = (time.perf_counter() - begun) / len(samples)
    for place, prompt in prompts.items():
        sample = samples[place]
        verdict = judge(model, sample, prompt)
        if not verdict.knows:
            records[place] = Record(None, effects_table(()), (Skip(sample.id, "", UNKNOWN),))
            continue
        row = sample_row(model, sample, prompt, verdict, Outcomes(answers[place], []), seconds)
        records[place] = Record(row, effects_table(()), ())
    return [records[place] for place in range(len(samples))]


def _same_shape(prompts: dict[int, Prompt]) -> Iterator[list[int]]:
    """Places of prompts whose inputs can be stacked without padding."""
    groups: dict[Any, list[int]] = {}
    for place, prompt in prompts.items():
        shape = tuple((name, tuple(value.shape)) for name, value in sorted(prompt.inputs.items()))
        groups.setdefault(shape, []).append(place)
    yield from groups.values()


def first_answers(model: VideoLLM, prompts: Sequence[Prompt]) -> list[Baseline]:
    """The token that the untouched model ranks first after each prompt, softmax in float32.

    The prompts' inputs must have the same shapes: they are stacked along their first axis and run as one.
    """
    import torch

    from workbench.engine import Baseline
    from workbench.engine.readout import probabilities

    inputs = {
        name: torch.cat([prompt.inputs[name] for prompt in prompts]) for name in sorted(prompts[0].inputs)
    }
    with torch.inference_mode():
        logits = model.hf(**inputs, use_cache=False, **model.only_last_logits).logits[:, -1]  # (b, vocab)
    best = probabilities(logits).max(dim=-1)
    return [
        Baseline(token_id=int(token), p=float(value))
        for token, value in zip(best.indices, best.values, strict=True)
    ]
