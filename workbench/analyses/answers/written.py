"""What a model says, in words, before and after a cut: greedy answers under knockouts.

Map the Flow, Table 2 and appendix C. Rows that the model writes inherit what `last` may not see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pandas as pd

from workbench.checksums import write_listed
from workbench.errors import RunError, WorkbenchError
from workbench.interventions import Intervention, as_intervention
from workbench.markup import as_text, table_html
from workbench.measures.text import is_right, option_said
from workbench.runs import Encoder, PromptMeasurement, measure_samples

if TYPE_CHECKING:
    from rich.table import Table

    from workbench.data import Sample, Samples
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

UNTOUCHED = "untouched"
"""The cut that cuts nothing."""


class Said(NamedTuple):
    """One answer: a row of the table."""

    sample_id: str
    task: str
    question: str
    options: str
    """ "(A) left (B) right"; empty for an open-ended question."""
    stem: str
    """What opens the answer of an open-ended question; empty otherwise."""
    answer: str
    """The true words; empty where they are not known."""
    cut: str
    """ "untouched", or the cut's name."""
    knockout: str
    """The cut as text; empty for the untouched model."""
    text: str
    """What the model wrote, exactly."""
    says: str
    """The option that `text` names, for a question with options; `text` where it names none."""
    right: bool
    """Whether that is the true answer; False, too, where it is not known."""
    problem: str
    """Why there is no text: the cut cannot act on this prompt; usually empty."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Generations:
    """Answers before and after cuts."""

    table: pd.DataFrame
    """One row a sample and cut. Columns: `Said`."""
    skipped: pd.DataFrame
    """Samples that could not be used: sample_id, reason."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        return write_listed(path, self.table.to_csv(index=False))

    def wide(self) -> pd.DataFrame:
        """A table to read: a row a sample, a column a cut with what was said and whether it is right."""
        rows = []
        for _, part in self.table.groupby("sample_id", sort=False):
            first = part.iloc[0]
            asked = " ".join(filter(None, (first["question"], first["options"])))
            asked += f" | {first['stem']} ..." if first["stem"] else ""
            row = {"task": first["task"], "asked": asked, "truth": first["answer"]}
            for said in part.to_dict("records"):
                row[str(said["cut"])] = _shown(said)
            rows.append(row)
        return pd.DataFrame(rows).fillna("")

    def __repr__(self) -> str:
        return self.wide().to_string(index=False)

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        wide = self.wide()
        table = Table(title="Answers before and after the cut", caption=_KEY, box=box.SIMPLE_HEAD)
        for name in wide.columns:
            table.add_column(as_text(name), overflow="fold")
        for row in wide.itertuples(index=False):
            table.add_row(*(as_text(cell) for cell in row))
        return table

    def _repr_html_(self) -> str:
        return table_html(self.wide(), _KEY)


_KEY = "✓ the true answer, ✗ another one."


def generations(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    knockouts: Mapping[str, Intervention | str],
    *,
    max_new_tokens: int = 16,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> Generations:
    """The model's greedy answer to every sample, untouched and under every knockout.

    `knockouts` go by the name that their column is to have. `out`, `style` and `frames` as in `sweep`. A
    sample that cannot be used is listed in `skipped`; a knockout that cannot act on a prompt gives a row that
    says why. Raises RunError for a knockout called "untouched", for max_new_tokens below 1, where no sample
    can be used and where `out` holds a run with other settings; KnockoutError for a layer that the model does
    not have.
    """
    if UNTOUCHED in knockouts:
        raise RunError(f"No knockout can be called {UNTOUCHED!r}: that is the model without any. Rename it.")
    cuts = {name: as_intervention(cut) for name, cut in knockouts.items()}
    if isinstance(max_new_tokens, bool) or max_new_tokens < 1:
        raise RunError(f"max_new_tokens={max_new_tokens!r} leaves nothing to say. Give 1 or more.")
    found = measure_samples(
        model,
        samples,
        Answers(cuts=cuts, max_new_tokens=max_new_tokens),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return Generations(table=found.table, skipped=found.skipped.drop(columns="flow"))


@dataclass(frozen=True, kw_only=True)
class Answers(PromptMeasurement):
    """The answer of the untouched model, then that under every knockout."""

    name: ClassVar[str] = "answers"
    table: ClassVar[str] = "generations"
    unit: ClassVar[str] = "answers"
    row: ClassVar[type] = Said
    writes_text: ClassVar[bool] = True

    cuts: Mapping[str, Intervention]
    max_new_tokens: int

    @property
    def settings(self) -> Mapping[str, Any]:
        cuts = {name: str(cut) for name, cut in self.cuts.items()}
        return {"knockouts": cuts, "max_new_tokens": self.max_new_tokens}

    def units(self, model: VideoLLM) -> int:
        return 1 + len(self.cuts)

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        for cut in self.cuts.values():
            cut.layers(model.n_layers)  # a layer that the model lacks fails everywhere: say so at once
        super().refuse(model, encoder)

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterable[Said]:
        for name, cut in {UNTOUCHED: None, **self.cuts}.items():
            yield _said(model, sample, prompt, name, cut, self.max_new_tokens)


def first_of_each_task(samples: Samples, kept: Iterable[str], number: int) -> Samples:
    """The first `number` samples of each task whose ids are in `kept`. Taken in order, not picked."""
    wanted, taken = set(kept), dict.fromkeys(samples.tasks, 0)

    def take(sample: Sample) -> bool:
        if sample.id not in wanted or taken[sample.task] >= number:
            return False
        taken[sample.task] += 1
        return True

    return samples.filter(take)


def _said(
    model: VideoLLM, sample: Sample, prompt: Prompt, name: str, cut: Intervention | None, max_new_tokens: int
) -> Said:
    from workbench.engine import generate

    text, problem = "", ""
    try:
        if cut is not None:
            cut.check(prompt.layout, model.n_layers, model.n_heads)
    except WorkbenchError as error:
        problem = str(error)
    else:
        text = generate(model, prompt, cut, max_new_tokens=max_new_tokens).text
    answer = sample.true_option or sample.open_answer or ""
    return Said(
        sample_id=sample.id,
        task=sample.task,
        question=sample.question,
        options=" ".join(
            f"({letter}) {option}" for letter, option in zip(sample.letters, sample.options, strict=True)
        ),
        stem="" if sample.options else sample.stem or "",
        answer=answer,
        cut=name,
        knockout="" if cut is None else str(cut),
        text=text,
        says=option_said(sample, text) if sample.options else text,
        right=is_right(sample, text),
        problem=problem,
    )


def _shown(said: Mapping[Any, Any]) -> str:
    if said["problem"]:
        return f"- ({said['problem']})"
    says = str(said["says"]) or "(nothing)"
    return says if not said["answer"] else f"{'✓' if said['right'] else '✗'} {says}"
