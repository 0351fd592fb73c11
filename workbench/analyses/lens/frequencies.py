"""How often the rows of the video say which keyword, by layer (Map the Flow, section 4.2, Fig. 4, Table D).

The likeliest word of every row after every layer; words of the keyword lists are counted. Counts are summed
in bins of layers, each keyword's row is normalised to sum 1, keywords with few hits are dropped, and the mean
over the keywords of a list is its curve. A list whose words all peak late has its curve peak late, however
often a single word occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from workbench.analyses.lens.keywords import (
    KeywordList,
    KeywordMatch,
    as_lists,
    match_keywords,
    tokens_table,
)
from workbench.analyses.lens.printed import lists_shown
from workbench.analyses.pathways.bins import LayerBin, layer_bins
from workbench.attached import attached
from workbench.errors import RunError
from workbench.runs import PromptMeasurement, measure_samples

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.table import Table

    from workbench.data import Sample, Samples
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

MIN_HITS = 100
"""The paper's: a keyword that is said less often tells nothing about layers."""


class KeywordCount(NamedTuple):
    """How many rows of one sample say one keyword after one layer."""

    sample_id: str
    task: str
    keyword_list: str
    keyword: str
    matched: str
    """ "whole word" or "first sub-token"."""
    layer: int
    """From 1."""
    hits: int
    rows: int
    """Rows that were read."""


class KeywordBin(NamedTuple):
    """One keyword in one bin of layers."""

    keyword_list: str
    keyword: str
    matched: str
    bin_first: int
    bin_last: int
    """Layers from 1, both included."""
    hits: int
    total_hits: int
    """Over all layers."""
    kept: bool
    """Whether it has enough hits."""
    share: float
    """Of the keyword's hits, so that its bins sum to 1; NaN where it was dropped."""


class ListBin(NamedTuple):
    """One list in one bin of layers."""

    keyword_list: str
    bin_first: int
    bin_last: int
    share: float
    """Mean over the kept keywords; NaN where none is kept."""
    keywords: int
    """That were kept."""
    hits: int
    """Of the kept keywords."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KeywordFrequencies:
    """Keyword frequencies by bins of layers."""

    table: pd.DataFrame
    """One row a keyword and bin of layers. Columns: `KeywordBin`."""
    lists: pd.DataFrame
    """One row a list and bin of layers. Columns: `ListBin`."""
    counts: pd.DataFrame
    """One row a sample, keyword and layer. Columns: `KeywordCount`."""
    tokens: pd.DataFrame
    """What counts as which keyword: keyword_list, keyword, matched, tokens, token_ids, shared_with."""
    skipped: pd.DataFrame
    """Samples that could not be used, with the reason."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None

    @property
    def samples(self) -> int:
        """Samples that were counted."""
        return len(set(self.counts["sample_id"]))

    @property
    def rows(self) -> int:
        """Rows that were read, over all samples."""
        return int(self.counts.drop_duplicates("sample_id")["rows"].to_numpy().sum())

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def __rich__(self) -> Table:
        return lists_shown(self.lists, self.samples, self.rows)

    def __repr__(self) -> str:
        kept = int(self.table.drop_duplicates(["keyword_list", "keyword"])["kept"].to_numpy(bool).sum())
        return f"KeywordFrequencies({self.samples} samples, {kept} keywords with enough hits)"


def keyword_frequencies(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    keywords: KeywordList | str | Iterable[KeywordList | str],
    *,
    rows: str = "video",
    bin: int = 5,
    min_hits: int = MIN_HITS,
    per_layer: bool = False,
    final_norm: bool = True,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> KeywordFrequencies:
    """Count the keywords among the likeliest words of `rows`, layer by layer, over samples.

    Args:
        keywords: lists, or words; `workbench.analyses.lens.keywords.BUILT_IN` has the paper's.
        rows: a span of the prompt.
        bin, min_hits, per_layer: as in `frequency_tables`.
        final_norm: as in `logit_lens`.
        out: a folder for the results, written sample by sample; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.

    Raises RunError where no sample can be used, a keyword cannot be written in this vocabulary, or `out`
    holds a run with other settings.
    """
    _check(bin, min_hits)
    lists = as_lists(keywords)
    matches = match_keywords(model, lists)
    found = measure_samples(
        model,
        samples,
        KeywordHits(lists=lists, matches=tuple(matches), where=rows, final_norm=final_norm),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    tables = frequency_tables(found.table, bin=bin, min_hits=min_hits, per_layer=per_layer)
    return KeywordFrequencies(
        table=tables.keywords,
        lists=tables.lists,
        counts=found.table,
        tokens=tokens_table(matches),
        skipped=found.skipped,
        manifest=found.manifest,
        folder=found.folder,
    )


@dataclass(frozen=True, kw_only=True)
class KeywordHits(PromptMeasurement):
    """How many rows have a keyword as their likeliest word, after each layer."""

    name: ClassVar[str] = "keyword_counts"
    table: ClassVar[str] = "keyword_counts"
    row: ClassVar[type] = KeywordCount

    lists: tuple[KeywordList, ...]
    matches: tuple[KeywordMatch, ...]
    """The tokens of the model that say the words of `lists`."""
    where: str
    """A span of the prompt."""
    final_norm: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "keywords": {entry.name: list(entry.words) for entry in self.lists},
            "rows": self.where,
            "final_norm": self.final_norm,
        }

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterable[KeywordCount]:
        # Here and not above: reading tables needs no torch.
        from workbench.analyses.lens.layers import lens_layers, read_layers
        from workbench.analyses.lens.lenses import Unembedding
        from workbench.prompts.rows import chosen_rows

        where = chosen_rows(self.where, prompt.layout)
        layers = lens_layers(None, model.n_layers)
        lens = Unembedding(final_norm=self.final_norm)
        for layer, reading in read_layers(model, prompt, where, layers, lens=lens):
            said = np.bincount(reading.top_ids[:, 0].cpu().numpy(), minlength=model.vocab_size)
            for match in self.matches:
                hits = int(said[list(match.token_ids)].sum())
                yield KeywordCount(
                    *(sample.id, sample.task, match.keyword_list, match.keyword, match.matched),
                    *(layer, hits, len(where)),
                )


class FrequencyTables(NamedTuple):
    """See `KeywordFrequencies.table` and `.lists`."""

    keywords: pd.DataFrame
    lists: pd.DataFrame


def frequency_tables(
    counts: pd.DataFrame, *, bin: int = 5, min_hits: int = MIN_HITS, per_layer: bool = False
) -> FrequencyTables:
    """Frequencies by bins of layers from counts (one row a sample, keyword and layer).

    Args:
        bin: layers a bin; the last may be shorter, and then holds fewer hits.
        min_hits: keywords with fewer hits over all layers are dropped.
        per_layer: divide a bin's hits by its layers first, so that a short last bin does not look empty.

    Raises RunError for an empty table, or sizes that make no sense.
    """
    _check(bin, min_hits)
    if counts.empty:
        raise RunError("The table has no counts. Count the keywords of at least one sample.")
    keys = ["keyword_list", "keyword", "matched", "layer"]
    summed: Any = counts.groupby(keys, sort=False, as_index=False)["hits"].sum()
    hits: dict[tuple[str, str, str], dict[int, int]] = {}
    for name, keyword, matched, layer, count in summed.itertuples(index=False):
        hits.setdefault((name, keyword, matched), {})[int(layer)] = int(count)
    bins = layer_bins(max(int(layer) for layer in summed["layer"]), bin)
    rows: list[KeywordBin] = []
    for key, by_layer in hits.items():
        rows += _bins_of(key, by_layer, bins, max(1, min_hits), per_layer)
    return FrequencyTables(pd.DataFrame(rows), pd.DataFrame(_lists_of(rows)))


def _bins_of(
    key: tuple[str, str, str],
    by_layer: Mapping[int, int],
    bins: Sequence[LayerBin],
    min_hits: int,
    per_layer: bool,
) -> list[KeywordBin]:
    """One keyword's bins."""
    total = sum(by_layer.values())
    binned = [sum(by_layer.get(layer, 0) for layer in range(span.first, span.last + 1)) for span in bins]
    sizes = [span.last - span.first + 1 if per_layer else 1 for span in bins]
    weights = [count / size for count, size in zip(binned, sizes, strict=True)]
    kept = total >= min_hits
    return [
        KeywordBin(*key, *span, count, total, kept, share=weight / sum(weights) if kept else float("nan"))
        for span, count, weight in zip(bins, binned, weights, strict=True)
    ]


def _lists_of(rows: Sequence[KeywordBin]) -> list[ListBin]:
    """Means over the kept keywords of every list and bin."""
    groups: dict[tuple[str, int, int], list[KeywordBin]] = {}
    for row in rows:
        groups.setdefault((row.keyword_list, row.bin_first, row.bin_last), []).append(row)
    found = []
    for key, group in groups.items():
        kept = [row for row in group if row.kept]
        share = sum(row.share for row in kept) / len(kept) if kept else float("nan")
        found.append(ListBin(*key, share, len(kept), sum(row.hits for row in kept)))
    return found


def _check(bin: int, min_hits: int) -> None:
    for name, value, least in (("bin", bin, 1), ("min_hits", min_hits, 0)):
        if isinstance(value, bool) or int(value) != value or value < least:
            raise RunError(f"{name}={value!r}: give a whole number from {least}.")
