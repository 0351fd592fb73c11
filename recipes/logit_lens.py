"""What would the video rows say? Spatial and temporal words layer by layer (Map the Flow, Fig. 4).

The residual stream of every video row goes through the final norm and the unembedding after each layer. The
likeliest words are counted, keyword by keyword, in bins of layers. In the paper spatial words come up in the
middle layers and temporal words after them.

The paper's bins hold 5 layers, in models of 28 to 40 layers; models under 24 layers get smaller ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.lens import MIN_HITS, KeywordFrequencies, KeywordList, keyword_lists, write_keywords
from workbench.interventions import scaled_bin
from workbench.pages import write_figure, write_html
from workbench.recipe import Count, Prompting, Whole, console, say, usual_keywords


@dataclass(frozen=True, kw_only=True)
class LogitLens(Prompting):
    """What would the video rows say? Spatial and temporal words by layer (Map the Flow, Fig. 4)."""

    paper_tasks: ClassVar = ("action_sequence",)
    keywords: str | None = None
    """Which words to count: mtf (the paper's Table D), mini (the embedded world), options or questions (made
    from the data set), or a json file of lists. If not given: mini for the data set mini, else mtf. The lists
    are written to keywords.json, to be edited and named here."""
    rows: str = "video"
    """Rows of the prompt that are read: a span such as video, "frame[0]" or question."""
    bin: Count | None = None
    """Layers a bin. If not given: the paper's 5 for 24 layers or more, scaled to the depth of smaller
    models."""
    min_hits: Count = MIN_HITS
    """Keywords that are said less often are dropped."""
    final_norm: bool = True
    """Whether the final norm comes before the unembedding in every layer."""
    overlay: Whole = 0
    """Which sample (from 0) is drawn with its words on its frames."""

    def run(self) -> KeywordFrequencies:
        """Count, print, and leave tables, logit_lens.html and .png, and lens_overlay.html in `out`."""
        samples = self.load_samples()
        lists, model = self.lists(samples), self.load_model()
        say(samples)
        told = {"final_norm": self.final_norm, **self.prompting}
        size = scaled_bin(model.n_layers) if self.bin is None else self.bin
        counted = {"rows": self.rows, "bin": size, "min_hits": self.min_hits, "out": self.out}
        found = wb.keyword_frequencies(model, samples, lists, **counted, **told)
        written = [
            self.out / "keyword_counts.parquet",
            write_keywords(lists, self.out / "keywords.json"),
            self.write_csv(found.table, "keyword_frequencies.csv", "%.6f"),
            self.write_csv(found.lists, "list_frequencies.csv", "%.6f"),
            self.write_csv(found.tokens, "keyword_tokens.csv", "%.6f"),
        ]
        console().print(found)
        if found.table["kept"].to_numpy(bool).any():
            written += write_figure(found.figure(), self.out / "logit_lens")
        else:
            say(f"No figure: no keyword has {self.min_hits} hits or more (--min-hits).")
        if self.rows == "video":
            usable = list(dict.fromkeys(found.counts["sample_id"]))
            sample = samples[usable[min(self.overlay, len(usable) - 1)]]
            lens = wb.logit_lens(model, sample, top_k=1, keywords=lists, **told)
            figure = lens.overlay(title=f"{sample.id}: {sample.question}")
            written.append(write_html(figure, self.out / "lens_overlay.html"))
        self.wrote(*written, skipped=found.skipped)
        return found

    def lists(self, samples: wb.Samples) -> tuple[KeywordList, ...]:
        """The lists that this recipe counts."""
        return keyword_lists(self.keywords or usual_keywords(self.data), samples)
