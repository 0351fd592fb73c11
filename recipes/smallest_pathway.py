"""How few attention edges are enough for the answers?

Map the Flow keeps what a sweep of single flows finds needed, in whole ranges of layers: about 42% of the
edges. Here blocks of edges (flow x layer, then head by head) are closed as long as the answers stay, each
step judged by exact knockouts on one half of the samples; the other half says what the set that is left
loses, beside the paper's rule and beside random sets with as many edges. Faithfulness over circuit sizes is
told as the Mechanistic Interpretability Benchmark defines it (CPR, CMD).

The halves are by clip: a clip and its time-reversed twin are in the same one. The paper's ranges are read off
the half that is searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import workbench as wb
from workbench.analyses.pathways import GENERAL_FLOWS
from workbench.analyses.smallest import FLOWS, SmallestPathway, read_scores, search_and_test
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Binned, Count, Whole, console, say


@dataclass(frozen=True, kw_only=True)
class SmallestPathways(Binned):
    """How few attention edges are enough? A search with held-out samples, beside the paper's selection."""

    paper_tasks: ClassVar = MTF_TASKS
    sweep: Path | None = None
    """Folder of a sweep to read the paper's ranges off; if not given, one of the search half is made in
    OUT/sweep."""
    flows: tuple[str, ...] = FLOWS
    """What may be closed, each flow in quotes; all that the paper's rule can close if not given."""
    by_head: bool = True
    """Go on within the heads of the blocks that are left."""
    floor: float = 2.0
    """Points of accuracy that may be lost on the search half, at most."""
    scores: Path | None = None
    """A csv table of estimated effects (flow, layer, head, estimate) to search along; if not given, every
    block alone is closed and measured, and so is every head where the table has none."""
    modes: tuple[str, ...] = ("faithful", "strict")
    """The paper's rule to compare with: faithful, strict, general."""
    controls: Whole = 3
    """Random sets of each size."""
    batch: Count = 8
    """Candidates that are tried at once."""
    rounds: Count = 40
    """How often groups are tried in each stage, at most."""

    def run(self) -> SmallestPathway:
        """Search, test, print, and write the tables and two figures into `out`."""
        samples, model = self.load_samples(limit=40), self.load_model()
        search, test = search_and_test(samples)
        say(f"{samples}\nSearched on {len(search)} samples, tested on the {len(test)} others.")
        window, out = self.window_in(model.n_layers), self.out / "sweep"
        swept = self.given_or_swept(self.sweep, model, search, GENERAL_FLOWS, window, out=out)
        scores = None if self.scores is None else read_scores(self.scores)
        told = {
            name: getattr(self, name) for name in ("flows", "floor", "modes", "controls", "batch", "rounds")
        }
        told |= {"heads": self.by_head, "scores": scores, "out": self.out}
        ranges = self.pathways_of(swept, model.n_layers)
        found = wb.smallest_pathway(model, samples, ranges=ranges, **told, **self.knocking)
        written = [
            self.write_csv(getattr(found, name), f"{name}.csv")
            for name in ("table", "blocks", "faithfulness", "areas", "steps")
        ]
        written += write_figure(found.figure(), self.out / "smallest_pathway")
        written += write_figure(found.grid_figure(), self.out / "smallest_pathway_grid")
        console().print(found)
        say(found.headline())
        self.wrote(*written, skipped=found.skipped)
        return found
