"""Flows while the model writes: which flow each token of an answer needs.

The untouched model writes its answer, or a text is given. Every token then has the probability that the model
gives it behind the prompt and all tokens before it, which stay as they are whatever is cut (teacher forcing).
That probability is Map the Flow's measure (section 2.2) at every step instead of the first alone: softmax in
float32, change in percent of the untouched model's. Rows that are written inherit what `last` may not see
(appendix C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pandas as pd

from workbench.analyses.writing.measurement import TokensUnderKnockouts
from workbench.attached import attached
from workbench.errors import KnockoutError, PromptError, RunError, shown
from workbench.interventions import Flow, Window, as_flows, as_steps, as_windows
from workbench.runs import measure_samples
from workbench.statistics.bootstrap import bootstrap_table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

Text = str | Sequence[int]
"""What is written: as text, or as token ids."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FlowsWhileWriting:
    """Every token under every knockout."""

    table: pd.DataFrame
    """One row a sample, flow, window, layer and token, in that order. Columns: `StepRow`."""
    skipped: pd.DataFrame
    """Samples, and flows of a sample, that could not be used, with the reason."""
    manifest: dict[str, Any]
    folder: Path | None = None

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def wide(self, sample_id: str | None = None) -> pd.DataFrame:
        """The tokens of one sample, a row each: step, token, p_base, and a column a flow with the change in
        percent, the deepest fall where it was cut in several ranges of layers.

        Raises RunError for an unknown id, and for none where there are several samples.
        """
        return tokens_of(self.table, sample_id)

    def summary(self, *, seed: int = 0) -> pd.DataFrame:
        """The mean change of an answer's tokens by task, flow and range of layers: n samples, mean, and low
        and high of the 95% bootstrap interval over samples. Every sample weighs the same."""
        by = ["task", "flow", "window", "layer", "first_layer", "last_layer"]
        each: Any = self.table.groupby([*by, "sample_id"], sort=False, as_index=False)[
            "change_percent"
        ].mean()
        return bootstrap_table(each, by, "change_percent", seed=seed, within=(-100.0, float("inf")))

    def __repr__(self) -> str:
        tokens = len(self.table[["sample_id", "step"]].drop_duplicates())
        return (
            f"FlowsWhileWriting({self.table['sample_id'].nunique()} samples, {tokens} tokens, "
            f"{self.table['flow'].nunique()} flows)"
        )


def flows_while_writing(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    flows: Flow | str | Sequence[Flow | str],
    windows: Window | str | Sequence[Window | str] = "all_layers",
    *,
    steps: str | Sequence[int] = "each",
    texts: Mapping[str, Text] | None = None,
    max_new_tokens: int = 32,
    engine: str | Engine = "incremental",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> FlowsWhileWriting:
    """Cut every flow in every range of every window, and see what each token of the answer loses.

    Args:
        flows: as in `sweep`; `generated -> last` is what a token reads of those that are written before it.
        steps: when the rows that predict tokens lose what a flow takes. "each": every token is measured
            under a cut at its own step alone, and what was written before it is as the untouched model left
            it. "all": at every step, as when an answer is written under a knockout. Numbers from 1, also as
            text ("3,4"): at these steps only; later tokens show what a cut at one step leaves behind. Rows
            of the prompt before `last` lose what they lose in any case: a flow that acts there alone is the
            same in all three.
        texts: what is written, by the sample's id: a text (tokenised by itself, so with its leading space
            where the tokenizer has one in its words), or token ids. The untouched model's greedy answer if
            not given, with the token that ends it.
        max_new_tokens: most tokens of an answer that the model writes.
        engine: "incremental", "incremental-float32" or "reference", as in `sweep`.
        out, style, separators, frames, progress: as in `sweep`.

    A sample that cannot be used, or has no text among `texts`, is skipped and listed; so is a flow that its
    prompt does not have. Raises RunError where no sample can be used, a flow exists in none of them, a text
    is that of no sample, or `out` holds a run with other settings; FlowError, WindowError and KnockoutError
    for what cannot be read.
    """
    from workbench.engine import get_engine  # needs torch, which reading a run does not

    if max_new_tokens < 1:
        raise PromptError(f"max_new_tokens={max_new_tokens} leaves nothing to write. Give 1 or more.")
    if texts is not None and (unknown := set(texts) - {sample.id for sample in samples}):
        raise RunError(f"There is a text for {shown(min(unknown))}, which is the id of no sample.")
    measurement = TokensUnderKnockouts(
        flows=as_flows(flows),
        windows=as_windows(windows),
        steps=read_steps(steps),
        texts=None if texts is None else {name: _as_given(text) for name, text in texts.items()},
        max_new_tokens=max_new_tokens,
        engine=get_engine(engine),
    )
    prompting: dict[str, Any] = {"style": style, "separators": separators, "frames": frames}
    found = measure_samples(model, samples, measurement, out=out, progress=progress, **prompting)
    return FlowsWhileWriting(
        table=found.table, skipped=found.skipped, manifest=found.manifest, folder=found.folder
    )


def read_steps(steps: str | Sequence[int]) -> str | tuple[int, ...]:
    """ "each", "all", or the numbers of steps. Raises KnockoutError for anything else."""
    if not isinstance(steps, str):
        return as_steps(tuple(steps))
    if steps in ("each", "all"):
        return steps
    parts = [part.strip() for part in steps.split(",")]
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise KnockoutError(f"steps={shown(steps)}: write each, all, or steps such as 3,4, from 1.")
    return as_steps(tuple(map(int, parts)))


def _as_given(text: Text) -> str | list[int]:
    """A text as it is written into a manifest."""
    return text if isinstance(text, str) else [int(token) for token in text]


def tokens_of(table: pd.DataFrame, sample_id: str | None = None) -> pd.DataFrame:
    """A row a token of one sample, a column a flow: `FlowsWhileWriting.wide`."""
    known = list(dict.fromkeys(table["sample_id"]))
    if sample_id is None and len(known) == 1:
        sample_id = known[0]
    if sample_id not in known:
        asked = "Name one" if sample_id is None else f"There is no sample {shown(sample_id)}"
        raise RunError(
            f"{asked}: this table has {', '.join(map(shown, known[:8]))}{', ..' * (len(known) > 8)}."
        )
    mine = table.loc[table["sample_id"] == sample_id]
    tokens = mine[["step", "token", "p_base"]].drop_duplicates("step").set_index("step")
    lowest: Any = mine.groupby(["step", "flow"], sort=False)["change_percent"].min().unstack("flow")
    return cast(pd.DataFrame, tokens.join(lowest[list(dict.fromkeys(mine["flow"]))]).reset_index())
