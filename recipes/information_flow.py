"""Where does information flow? The main experiment of Map the Flow (Fig. 2, 3, 6, 7; Table E).

Every flow is cut in a window of layers that slides over the model. Where the answer's probability falls, the
flow was in use. The layers in which each flow matters make its effective pathway.

The paper's window is centred(9) and its bins hold 5 layers, in models of 28 to 40 layers. Models under 24
layers get both scaled to their depth: centred(3) and bins of 2 for the 12 layers of the embedded model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.lens import keyword_lists
from workbench.data import MTF_TASKS
from workbench.interventions import MTF_FLOWS, PAPER_LAYERS, PAPER_WINDOW, SHALLOW, Window
from workbench.pages import try_png
from workbench.pages.report import write_report
from workbench.pages.sample import write_sample_pages
from workbench.recipe import Binned, Whole, console, say, usual_keywords
from workbench.runs import Run


@dataclass(frozen=True, kw_only=True)
class InformationFlow(Binned):
    """Where does information flow? Cut each flow in a sliding window of layers (Map the Flow, Fig. 2-7)."""

    paper_tasks: ClassVar = MTF_TASKS
    flows: tuple[str, ...] = MTF_FLOWS
    """Flows to cut, each in quotes; the paper's 11 if not given. `workbench list flows` shows them."""
    only_correct: bool = True
    """Keep to the samples that the untouched model answers correctly, as the paper does."""
    sample_pages: Whole = 1
    """Samples a task that get a page of their own, in samples/: frames, attention maps, lens, answer, curves.
    Correctly answered ones come first; 0 for none."""

    def run(self) -> Run:
        """Sweep, print the pathways, and write tables, report.html with its samples/, and
        information_flow.png into `out`.

        With more than 6 flows there is a picture a group of flows: the others have the group's name behind
        theirs, as information_flow_to_last.png.
        """
        samples, model = self.load_samples(), self.load_model()
        window = self.window_in(model.n_layers)
        say(samples)
        say(self._plan(model, window))
        told = {"only_correct": self.only_correct, "out": self.out, **self.sweeping}
        run = wb.sweep(model, samples, self.bearable(model, self.flows), window, **told)
        written = [self.out / "effects.parquet", self.out / "samples.parquet"]
        if window.kind == "centred":
            found = self.pathways_of(run, model.n_layers)
            console().print(found)
            written.append(found.to_csv(self.out / "pathways.csv"))
        else:
            say(f"No pathways: they need a centred window, and this is {window}.")
        say("Writing pages, report and pictures ..")
        told = {"keywords": keyword_lists(usual_keywords(self.data)), **self.prompting}
        pages = write_sample_pages(model, samples, run, self.out, self.sample_pages, tell=say, **told)
        report = write_report(self.out)
        written += [report, *{page.parent for page in pages}]
        for number, (group, figure) in enumerate(wb.figures.flow_figures(run.table, seed=self.seed).items()):
            name = f"information_flow_{group}.png" if number else "information_flow.png"
            written += try_png(figure, self.out / name, html=report)
        if run.rounding:
            say(run.rounding)
        self.wrote(*written, skipped=run.skipped)
        return run

    def _plan(self, model: wb.VideoLLM, window: Window) -> str:
        scaled = self.window is None and model.n_layers < SHALLOW
        why = f" (the paper's {PAPER_WINDOW} of {PAPER_LAYERS} layers, scaled)" if scaled else ""
        number = str(model.dtype).removeprefix("torch.")
        return (
            f"{model.name}: {model.n_layers} layers on {model.device}, {number}. {len(self.flows)} flows, "
            f"each cut in {window}{why}; bins of {self.binning(model.n_layers)['bin']}."
        )
