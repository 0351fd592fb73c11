"""The answer's probability layer by layer: true option against false ones (Map the Flow, Fig. 8 and E).

The residual stream at the last prompt row after each block goes through the final norm and the unembedding;
softmax in float32. An option stands for its letter: the probability is summed over every token that says just
this letter ("A", " A", ..), which the model's spelling dominates; that spelling alone is in the table too.
An open-ended answer stands for the first sub-token of the true words, in every spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.analyses.lens.roles import ROLES, TRUE
from workbench.attached import attached
from workbench.errors import RunError
from workbench.measures.correctness import UNKNOWN, first_tokens, judge
from workbench.runs import PromptMeasurement, Unusable, measure_samples
from workbench.statistics.bootstrap import bootstrap_table
from workbench.statistics.columns import require_columns

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data import Sample, Samples
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling


class AnswerRow(NamedTuple):
    """One option of one sample after one layer."""

    sample_id: str
    task: str
    layer: int
    """From 1."""
    role: str
    """ "true_option" (also the words of an open-ended answer) or "false_option"."""
    option: str
    """The option's letter; empty for an open-ended answer."""
    text: str
    """What the option says, or the true words of an open-ended answer."""
    p: float
    """Probability, summed over all spellings of the letter, or of the word's first sub-token."""
    token: str
    """The spelling that is likeliest after the last layer, the same in every layer."""
    p_token: float
    """Probability of this spelling alone."""
    rank: int
    """From 1: place of the likeliest spelling among the whole vocabulary."""
    correct: bool
    """Whether the model ranks the right answer first."""


class CurvePoint(NamedTuple):
    """One point of one curve."""

    task: str
    role: str
    layer: int
    n: int
    """Samples."""
    mean: float
    low: float
    high: float
    """Ends of the mean's bootstrap interval."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerProbability:
    """Probabilities of true and false options by layer."""

    table: pd.DataFrame
    """One row a sample, layer and option, wrong answers included. Columns: `AnswerRow`."""
    skipped: pd.DataFrame
    manifest: dict[str, Any]
    folder: Path | None = None

    def curves(self, *, only_correct: bool = True, seed: int = 0) -> pd.DataFrame:
        """Means over samples by task, role and layer: `answer_curves`."""
        return answer_curves(self.table, only_correct=only_correct, seed=seed)

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def __repr__(self) -> str:
        correct = self.table.drop_duplicates("sample_id")["correct"].to_numpy(bool)
        return f"AnswerProbability({len(correct)} samples, {int(correct.sum())} answered correctly)"


def answer_probability(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    final_norm: bool = True,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> AnswerProbability:
    """The probability of every option at the last row, after each layer.

    Args:
        final_norm: False leaves the norm out before the last layer, as the authors' script does for all
            models but VideoLLaMA3. The last layer keeps it: it is the model's own output.
        out: a folder for the results, written sample by sample; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.

    A sample that cannot be used, or whose answer is not known, is skipped and listed. Raises RunError where
    none can be used, or `out` holds a run with other settings.
    """
    found = measure_samples(
        model,
        samples,
        OptionsByLayer(final_norm=final_norm),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return AnswerProbability(
        table=found.table, skipped=found.skipped, manifest=found.manifest, folder=found.folder
    )


@dataclass(frozen=True, kw_only=True)
class OptionsByLayer(PromptMeasurement):
    """The probability of every option after each layer."""

    name: ClassVar[str] = "answer_probability"
    table: ClassVar[str] = "answer_probability"
    row: ClassVar[type] = AnswerRow

    final_norm: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"final_norm": self.final_norm}

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterable[AnswerRow]:
        if not judge(model, sample, prompt).knows:
            raise Unusable(UNKNOWN)
        return _rows(model, sample, prompt, self.final_norm)


class _Option(NamedTuple):
    role: str
    letter: str
    text: str
    ids: tuple[int, ...]


def _options(model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterator[_Option]:
    if not (sample.options and prompt.answer_ids):
        words = sample.open_answer or sample.true_option or ""
        yield _Option(TRUE, "", words, tuple(sorted(first_tokens(model, words))))
        return
    for number, letter in enumerate(sample.letters):
        role = ROLES[number != sample.answer]
        yield _Option(role, letter, sample.options[number], tuple(prompt.answer_ids[letter]))


def _rows(model: VideoLLM, sample: Sample, prompt: Prompt, final_norm: bool) -> Iterator[AnswerRow]:
    from workbench.analyses.lens.layers import lens_layers, read_layers
    from workbench.analyses.lens.lenses import Unembedding
    from workbench.prompts.rows import chosen_rows

    options = list(_options(model, sample, prompt))
    layers = list(
        read_layers(
            model,
            prompt,
            chosen_rows("last", prompt.layout),
            lens_layers(None, model.n_layers),
            groups=[option.ids for option in options],
            lens=Unembedding(final_norm=final_norm),
        )
    )
    last = layers[-1].reading
    correct = judge(model, sample, prompt).is_right(int(last.top_ids[0, 0]))
    start = 0
    for number, option in enumerate(options):
        best = start + int(last.id_p[0, start : start + len(option.ids)].argmax())
        token = model.token_text(option.ids[best - start])
        start += len(option.ids)
        for layer, reading in layers:
            yield AnswerRow(
                *(sample.id, sample.task, layer, option.role, option.letter, option.text),
                p=float(reading.group_p[0, number]),
                token=token,
                p_token=float(reading.id_p[0, best]),
                rank=int(reading.group_rank[0, number]),
                correct=correct,
            )


def answer_curves(table: pd.DataFrame, *, only_correct: bool = True, seed: int = 0) -> pd.DataFrame:
    """Mean probability by task, role and layer with its 95% bootstrap interval. Columns: `CurvePoint`.

    A sample's false options are averaged first, so that every sample weighs the same. `only_correct` keeps to
    the samples that the model answers correctly, as the paper does. Raises RunError where none are left.
    """
    needed = ("sample_id", "task", "layer", "role", "p", "correct")
    require_columns(table, *needed, remedy="Pass the table of wb.answer_probability.")
    if only_correct:
        table = cast(pd.DataFrame, table[table["correct"].astype(bool)])
    if table.empty:
        raise RunError(
            "No sample is left: the model answers none correctly. Give only_correct=False to see all."
            if only_correct
            else "The table has no rows. Measure at least one sample."
        )
    by = ["task", "role", "layer"]
    each: Any = table.groupby([*by, "sample_id"], sort=False, as_index=False)["p"].mean()
    curves = bootstrap_table(each, by, "p", seed=seed, within=(0.0, 1.0))
    tasks = list(dict.fromkeys(table["task"]))
    task = [tasks.index(name) for name in curves["task"]]
    role = [ROLES.index(name) for name in curves["role"]]
    return curves.iloc[np.lexsort(np.array([curves["layer"], role, task]))].reset_index(drop=True)
