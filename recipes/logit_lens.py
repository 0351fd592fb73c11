"""What would the video rows say? Spatial and temporal words layer by layer (Map the Flow, Fig. 4).

The residual stream of every video row goes through the final norm and the unembedding after each layer. The
likeliest words are counted, keyword by keyword, in bins of layers. In the paper spatial words come up in the
middle layers and temporal words after them.

The paper's bins hold 5 layers, in models of 28 to 40 layers; models under 24 layers get smaller ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.lens.frequencies import MIN_HITS, KeywordFrequencies
from workbench.analyses.lens.keywords import KeywordList, keyword_lists, write_keywords
from workbench.analyses.pathways.bins import LayerBin, bin_name
from workbench.data import Samples
from workbench.interventions.depth import scaled_bin
from workbench.models import VideoLLM
from workbench.pages import try_png, write_html
from workbench.recipe import Recipe, console, usual_keywords


@dataclass(frozen=True, kw_only=True)
class LogitLens(Recipe):
    """What would the video rows say? Spatial and temporal words by layer (Map the Flow, Fig. 4)."""

    paper_tasks: ClassVar = ("action_sequence",)
    keywords: str | None = None
    """Which words to count: mtf (the paper's Table D), mini (the embedded world), options or questions (made
    from the data set), or a json file of lists. If not given: mini for the data set mini, else mtf. The lists
    are written to keywords.json, to be edited and named here."""
    rows: str = "video"
    """Rows of the prompt that are read: a span such as video, "frame[0]" or question."""
    bin: int | None = None
    """Layers a bin. If not given: the paper's 5 for 24 layers or more, scaled to the depth of smaller
    models."""
    min_hits: int = MIN_HITS
    """Keywords that are said less often are dropped."""
    final_norm: bool = True
    """Whether the final norm comes before the unembedding in every layer."""
    overlay: int = 0
    """Which sample (from 0) is drawn with its words on its frames."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""

    def run(self) -> KeywordFrequencies:
        """Count, print, and leave tables, logit_lens.html and .png, and lens_overlay.html in `out`."""
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        lists = self.lists(samples)
        print(samples, flush=True)
        found = wb.keyword_frequencies(
            model,
            samples,
            lists,
            rows=self.rows,
            bin=scaled_bin(model.n_layers) if self.bin is None else self.bin,
            min_hits=self.min_hits,
            final_norm=self.final_norm,
            out=self.out,
            style=self.style,
            frames=self.frames,
        )
        written = [
            self.out / "keyword_counts.parquet",
            write_keywords(lists, self.out / "keywords.json"),
            _csv(found.table, self.out / "keyword_frequencies.csv"),
            _csv(found.lists, self.out / "list_frequencies.csv"),
            _csv(found.tokens, self.out / "keyword_tokens.csv"),
        ]
        _print_lists(found)
        if found.table["kept"].to_numpy(bool).any():
            figure = found.figure()
            written.append(write_html(figure, self.out / "logit_lens.html"))
            written += try_png(figure, self.out / "logit_lens.png", html=written[-1])
        else:
            print(f"No figure: no keyword has {self.min_hits} hits or more (--min-hits).", flush=True)
        written += self._overlay(model, samples, lists, found)
        if len(found.skipped):
            print(f"Skipped: {len(found.skipped)}, see {self.out / 'skipped.csv'}", flush=True)
        print("Written: " + ", ".join(str(path) for path in written), flush=True)
        return found

    def lists(self, samples: Samples) -> tuple[KeywordList, ...]:
        """The lists that this recipe counts."""
        return keyword_lists(self.keywords or usual_keywords(self.data), samples)

    def _overlay(
        self,
        model: VideoLLM,
        samples: Samples,
        lists: tuple[KeywordList, ...],
        found: KeywordFrequencies,
    ) -> list[Path]:
        if self.rows != "video":
            return []
        usable = list(dict.fromkeys(found.counts["sample_id"]))
        sample = samples[usable[min(self.overlay, len(usable) - 1)]]
        lens = wb.logit_lens(
            model,
            sample,
            top_k=1,
            keywords=lists,
            final_norm=self.final_norm,
            style=self.style,
            frames=self.frames,
        )
        title = f"{sample.id}: {sample.question}"
        return [write_html(lens.overlay(title=title), self.out / "lens_overlay.html")]


def _csv(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False, float_format="%.6f")
    return path


def _print_lists(found: KeywordFrequencies) -> None:
    """A row a list: the mean share of each bin, and where it is largest."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = Table(
        title=f"Share of keyword hits by layers; {found.samples} samples, {found.rows:,} rows a layer",
        caption="Every keyword's shares sum to 1; rows are means over the keywords of a list.",
        box=box.SIMPLE_HEAD,
    )
    shown.add_column("list", no_wrap=True)
    shown.add_column("keywords", justify="right")
    rows: list[Any] = list(found.lists.itertuples(index=False))
    for span in dict.fromkeys((row.bin_first, row.bin_last) for row in rows):
        shown.add_column(bin_name(LayerBin(*span)), justify="right", no_wrap=True)
    for name in dict.fromkeys(row.keyword_list for row in rows):
        part = [row for row in rows if row.keyword_list == name]
        most = max(row.share for row in part)
        cells = [f"[bold]{row.share:.3f}[/bold]" if row.share == most else f"{row.share:.3f}" for row in part]
        shown.add_row(escape(name), str(part[0].keywords), *(cells if part[0].keywords else "-" * len(part)))
    console().print(shown)
