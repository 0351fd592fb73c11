"""Where a word's attention goes, over many samples: summed weights by span and layer, untouched and cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pandas as pd

from workbench.errors import WorkbenchError
from workbench.prompts.words import word_rows
from workbench.runs import PromptMeasurement, Unusable, measure_samples

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import AttentionMaps, Heads
    from workbench.data import Sample, Samples
    from workbench.interventions import Knockout
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling


class AttentionShare(NamedTuple):
    """How much of a query's attention one span gets in one layer."""

    sample_id: str
    task: str
    query: str
    state: str
    """ "untouched", or the knockout."""
    layer: int
    """From 1."""
    span: str
    keys: int
    """Rows of the span."""
    mass: float
    """Summed weight; the spans of a layer sum to 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionShares:
    """Shares of attention of one word a sample."""

    table: pd.DataFrame
    """One row a sample, state, layer and span. Columns: `AttentionShare`."""
    skipped: pd.DataFrame
    manifest: dict[str, Any]
    folder: Path | None = None


def attention_shares(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    knockout: Knockout,
    *,
    word: str | None = None,
    layers: Sequence[int] | None = None,
    heads: Heads = "mean",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> AttentionShares:
    """Each sample's shares, untouched and after `knockout`; a sample without the query is skipped.

    Args:
        word: the query, as in `query_of`.
        layers, heads: as in `attention_maps`.
        out: a folder for the results, written sample by sample; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.

    Raises RunError where no sample can be used, or `out` holds a run with other settings.
    """
    found = measure_samples(
        model,
        samples,
        SharesBySpan(knockout=knockout, word=word, layers=layers, heads=heads),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return AttentionShares(
        table=found.table, skipped=found.skipped, manifest=found.manifest, folder=found.folder
    )


@dataclass(frozen=True, kw_only=True)
class SharesBySpan(PromptMeasurement):
    """How one word's attention is shared out, untouched and after a knockout."""

    name: ClassVar[str] = "attention_by_span"
    table: ClassVar[str] = "attention_by_span"
    row: ClassVar[type] = AttentionShare

    knockout: Knockout
    word: str | None
    layers: Sequence[int] | None
    heads: Heads

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "word": self.word,
            "layers": None if self.layers is None else list(self.layers),
            "heads": self.heads if isinstance(self.heads, str | int) else list(self.heads),
            "knockout": str(self.knockout),
        }

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterable[AttentionShare]:
        try:
            both = maps_of_word(
                model, prompt, self.knockout, word=self.word, layers=self.layers, heads=self.heads
            )
        except WorkbenchError as error:
            raise Unusable(str(error)) from error
        return [
            AttentionShare(sample.id, sample.task, maps.query, maps.state, *row)
            for maps in both
            for row in maps.mass.itertuples(index=False, name=None)
        ]


def maps_of_word(
    model: VideoLLM,
    prompt: Prompt,
    knockout: Knockout,
    *,
    word: str | None = None,
    layers: Sequence[int] | None = None,
    heads: Heads = "mean",
) -> tuple[AttentionMaps, AttentionMaps]:
    """Attention maps of `query_of(prompt, word)`, untouched and after `knockout`."""
    from workbench.analyses.attention.maps import attention_maps

    query = query_of(prompt, word)
    untouched, cut = (
        attention_maps(model, prompt, query, layers=layers, heads=heads, knockout=state)
        for state in (None, knockout)
    )
    return untouched, cut


def query_of(prompt: Prompt, word: str | None) -> str | list[int]:
    """The query's rows: those of `word`, or, where it is None, of the word that tells most: the last of the
    true option, or of the question. "last" is the prompt's last row. Raises SpanError."""
    if word == "last":
        return "last"
    sample = prompt.sample
    if word is not None:
        return word_rows(prompt.layout, word).tolist()
    if sample is not None and sample.true_option and "true_option" in prompt.layout:
        return word_rows(prompt.layout, _last_word(sample.true_option), "true_option").tolist()
    question = "" if sample is None else sample.question
    return word_rows(prompt.layout, _last_word(question)).tolist()


def _last_word(text: str) -> str:
    found = re.findall(r"\w+", text)
    return found[-1] if found else text
