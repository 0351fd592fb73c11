"""Accuracy: how many questions the untouched model answers correctly, task by task.

Axes: b batch, s position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pyarrow as pa

from workbench.analyses.answers.untouched import sample_row
from workbench.checksums import write_listed
from workbench.data import as_samples
from workbench.errors import RunError
from workbench.markup import as_text, table_html
from workbench.measures.correctness import UNKNOWN, judge
from workbench.runs import Asked, Done, Measurement, Record, effects_schema, measure_samples
from workbench.statistics.proportions import share_of

if TYPE_CHECKING:
    from rich.table import Table

    from workbench.data import Sample, Samples
    from workbench.engine import Baseline
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
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
        return write_listed(path, self.table.to_csv(index=False, float_format="%.4f"))

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        settings = self.manifest["settings"]
        table = Table(
            title=as_text(f"Correct answers of {settings['model']} on {settings['data']}"),
            caption=_skipped(len(self.skipped)),
            box=box.SIMPLE_HEAD,
        )
        table.add_column("task", no_wrap=True)
        for name in ("samples", "correct", "accuracy", "95% interval", "chance", "named an option"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.table.to_dict("records"):
            chance, named = row["chance_percent"], row["named_percent"]
            table.add_row(
                as_text(row["task"]),
                str(row["samples"]),
                str(row["correct"]),
                f"[bold]{row['accuracy_percent']:.1f}%[/bold]",
                f"{row['low_percent']:.1f} - {row['high_percent']:.1f}",
                "-" if pd.isna(chance) else f"{chance:.0f}%",
                "-" if pd.isna(named) else f"{named:.1f}%",
            )
        return table

    def _repr_html_(self) -> str:
        return table_html(self.table.round(1))


def accuracy(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    batch: int = 8,
    progress: bool = True,
) -> Accuracy:
    """Ask the untouched model every question once, and compare the token it ranks first with the truth.

    Args:
        out: a folder for the results, written as they come; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.
        batch: questions a forward, where their prompts have the same length.
        progress: show a bar with the time left, where somebody can see it.

    A sample that cannot be used, or whose answer is not known, is skipped and listed. Raises RunError where
    none can be used, or `out` holds a run with other settings.
    """
    samples = as_samples(samples)
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise RunError(f"batch={batch!r}: give the number of questions a forward, a whole number from 1.")
    found = measure_samples(
        model,
        samples,
        FirstAnswers(batch=batch),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return Accuracy(
        table=accuracy_table(found.samples, samples),
        samples=found.samples,
        skipped=found.skipped,
        manifest=found.manifest,
        folder=found.folder,
    )


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
        named = [said in letters for said, letters in zip(part["predicted"], offered, strict=True)]
        rows.append(
            {
                "task": str(task),
                **share_of(part["correct"])._asdict(),
                "chance_percent": 100 * _mean([1 / len(x) for x in offered]) if closed else float("nan"),
                "named_percent": 100 * _mean(named) if closed else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(frozen=True, kw_only=True)
class FirstAnswers(Measurement):
    """The token that the untouched model ranks first. Nothing is cut: the table of effects stays empty."""

    name: ClassVar[str] = "accuracy"
    table: ClassVar[str] = "effects"
    unit: ClassVar[str] = "questions"
    keeps_samples: ClassVar[bool] = True

    batch: int
    """Questions a forward, where their prompts have the same length."""

    @property
    def schema(self) -> pa.Schema:
        return effects_schema()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"batch": self.batch}

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        return self.batch

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        from workbench.engine import Outcomes

        answers: dict[int, Baseline] = {}
        for places in _same_shape([asked.prompt for asked in group]):
            found = first_answers(model, [group[place].prompt for place in places])
            answers.update(zip(places, found, strict=True))
            on_done(len(places))
        records = []
        for place, asked in enumerate(group):
            verdict = judge(model, asked.sample, asked.prompt)
            if verdict.knows:
                row = sample_row(model, asked, verdict, Outcomes(answers[place], []))
                records.append(Record(self.schema.empty_table(), row))
            else:
                records.append(self.skip(asked.sample, UNKNOWN))
        return records


def _same_shape(prompts: Sequence[Prompt]) -> Iterator[list[int]]:
    """Places of prompts whose inputs can be stacked without padding."""
    groups: dict[Any, list[int]] = {}
    for place, prompt in enumerate(prompts):
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

    given = [prompt.inputs for prompt in prompts]
    told = [model.family.behind(one, given[:place]) for place, one in enumerate(given)]
    inputs = {name: torch.cat([one[name] for one in told]) for name in sorted(given[0])}
    with torch.inference_mode():
        logits = model.hf(**inputs, use_cache=False, **model.only_last_logits).logits[:, -1]  # (b, vocab)
    best = probabilities(logits).max(dim=-1)
    return [
        Baseline(token_id=int(token), p=float(value))
        for token, value in zip(best.indices, best.values, strict=True)
    ]
