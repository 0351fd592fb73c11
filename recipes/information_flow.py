"""Where does information flow? The main experiment of Map the Flow (Fig. 2, 3, 6, 7; Table E).

Every flow is cut in a window of layers that slides over the model. Where the answer's probability falls, the
flow was in use. The layers in which each flow matters make its effective pathway.

The paper's window is centred(9) and its bins hold 5 layers, in models of 28 to 40 layers. Models under 24
layers get both scaled to their depth: centred(3) and bins of 2 for the 12 layers of the embedded model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import workbench as wb
from workbench.analyses.lens.keywords import keyword_lists
from workbench.analyses.pathways.ranges import Pathways
from workbench.data import MTF_TASKS, Samples
from workbench.errors import WorkbenchError
from workbench.interventions import MTF_FLOWS, Window, parse_window
from workbench.interventions.depth import PAPER_LAYERS, PAPER_WINDOW, SHALLOW, scaled_bin, scaled_window
from workbench.models import VideoLLM
from workbench.pages import try_png
from workbench.pages.report import write_report
from workbench.pages.sample.linked import samples_to_show, write_sample_page
from workbench.recipe import Recipe, console, usual_keywords
from workbench.runs import Run


@dataclass(frozen=True, kw_only=True)
class InformationFlow(Recipe):
    """Where does information flow? Cut each flow in a sliding window of layers (Map the Flow, Fig. 2-7)."""

    paper_tasks: ClassVar = MTF_TASKS
    flows: tuple[str, ...] = MTF_FLOWS
    """Flows to cut, each in quotes; the paper's 11 if not given. `workbench list flows` shows them."""
    window: str | None = None
    """Layers that are cut at once, for example "centred(9)". If not given: the paper's centred(9) for 24
    layers or more, scaled to the depth of smaller models."""
    bin: int | None = None
    """Layers a bin of the pathways. If not given: the paper's 5 for 24 layers or more, scaled below that."""
    threshold: float = -5.0
    """Percent. A bin belongs to the pathway if its mean change is strictly below."""
    only_correct: bool = True
    """Keep to the samples that the untouched model answers correctly, as the paper does."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    sample_pages: int = 1
    """Samples a task that get a page of their own, in samples/: frames, attention maps, lens, answer, curves.
    Correctly answered ones come first; 0 for none."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout."""

    def run(self) -> Run:
        """Sweep, print the pathways, and write tables, report.html with its samples/, and
        information_flow.png into `out`.

        With more than 6 flows there is a picture a group of flows: the others have the group's name behind
        theirs, as information_flow_to_last.png.
        """
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        window = scaled_window(model.n_layers) if self.window is None else parse_window(self.window)
        print(samples, flush=True)
        print(self._plan(model, window), flush=True)
        run = wb.sweep(
            model,
            samples,
            self.flows,
            window,
            only_correct=self.only_correct,
            engine=self.engine,
            out=self.out,
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )
        written = [self.out / "effects.parquet", self.out / "samples.parquet"]
        if window.kind == "centred":
            found = self.pathways(run, model.n_layers)
            console().print(found)
            written.append(found.to_csv(self.out / "pathways.csv"))
        else:
            print(f"No pathways: they need a centred window, and this is {window}.", flush=True)
        pages = self._write_sample_pages(model, samples, run)
        report = write_report(self.out)
        written += [report, *pages]
        for number, (group, figure) in enumerate(wb.figures.flow_figures(run.table, seed=self.seed).items()):
            name = f"information_flow_{group}.png" if number else "information_flow.png"
            written += try_png(figure, self.out / name, html=report)
        if run.rounding:
            print(run.rounding, flush=True)
        if len(run.skipped):
            print(f"Skipped: {len(run.skipped)}, see {self.out / 'skipped.csv'}", flush=True)
        print("Written: " + ", ".join(str(path) for path in written), flush=True)
        return run

    def _write_sample_pages(self, model: VideoLLM, samples: Samples, run: Run) -> list[Path]:
        """Their folder, where there are any. What cannot be shown is told: the run itself is done."""
        keywords = keyword_lists(usual_keywords(self.data))
        pages = []
        for name in samples_to_show(run, self.sample_pages):
            try:
                page = write_sample_page(
                    *(model, samples[name], run, self.out),
                    keywords=keywords,
                    style=self.style,
                    frames=self.frames,
                )
                pages.append(page)
            except WorkbenchError as error:
                print(f"No page of {name}: {error}", flush=True)
        return [pages[0].parent] if pages else []

    def pathways(self, run: Run, n_layers: int) -> Pathways:
        """The effective pathways of a sweep, with this recipe's bins and threshold."""
        size = scaled_bin(n_layers) if self.bin is None else self.bin
        return wb.pathways(run, bin=size, threshold=self.threshold)

    def _plan(self, model: VideoLLM, window: Window) -> str:
        size = scaled_bin(model.n_layers) if self.bin is None else self.bin
        scaled = self.window is None and model.n_layers < SHALLOW
        why = f" (the paper's {PAPER_WINDOW} of {PAPER_LAYERS} layers, scaled)" if scaled else ""
        number = str(model.dtype).removeprefix("torch.")
        return (
            f"{model.name}: {model.n_layers} layers on {model.device}, {number}. "
            f"{len(self.flows)} flows, each cut in {window}{why}; bins of {size}."
        )
