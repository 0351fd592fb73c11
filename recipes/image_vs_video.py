"""What does video tuning change? Map the Flow's Fig. 2, A, F and L.

The same flow is cut in a model tuned on video and in the one that has seen images only. In the paper, frames
that cannot read earlier frames cost the video-tuned model its answer in early to middle layers, and the
image model next to nothing.

Each model keeps the samples that it answers itself, as in the paper: the figure says how many, and where a
model does no better than guessing. --common keeps to samples that both answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workbench.analyses.sweep import Comparison, compare_runs, sweep_even_if_wrong
from workbench.data import MTF_TASKS
from workbench.errors import RunError
from workbench.pages import Part, write_figure
from workbench.recipe import Windowed, given_sweep, say
from workbench.runs import Run


@dataclass(frozen=True, kw_only=True)
class ImageVsVideo(Windowed):
    """What does video tuning change? The same cut in two models, in one figure (Map the Flow, Fig. 2)."""

    paper_tasks: ClassVar = MTF_TASKS
    model: str = "mini/video-ft"
    """The model tuned on video: mini/video-ft, a folder with a checkpoint, or an id on the hub."""
    image_model: str = "mini/image"
    """The other model, before it saw video: as --model."""
    sweep: Path | None = None
    """Folder of a sweep of --model that is there already, with these flows, window and samples."""
    flows: tuple[str, ...] = ("frames -> later frames",)
    """Flows to cut, each in quotes; `workbench list flows` shows the papers' own."""
    common: bool = False
    """Draw only samples that both models answer correctly. The run folders stay as they are."""
    only_correct: bool = True
    """Keep to the samples that each untouched model answers correctly, as the paper does."""

    def run(self) -> Comparison:
        """Sweep both models, one after the other, and write image_vs_video.csv, .png and .html into `out`."""
        if self.model == self.image_model:
            raise RunError(f"--model and --image-model are both {self.model}. Name two models to compare.")
        samples = self.load_samples()
        say(samples)
        runs: dict[str, Run] = {}
        for folder, name in (("video_model", self.model), ("image_model", self.image_model)):
            known, n_layers = self.checkpoint(name), self.depth(name)
            window = self.window_in(n_layers)
            # Two folders may both be called "checkpoint": then the paths tell them apart.
            label = name if known.name in runs else known.name
            say(f"{label}: {n_layers} layers, cut in {window}")
            if self.sweep is not None and not runs:
                runs[label] = given_sweep(self.sweep, known, samples, self.flows, str(window))
                continue
            model = self.load_model(name)
            told = {"out": self.out / folder, "only_correct": self.only_correct, **self.sweeping}
            runs[label] = sweep_even_if_wrong(model, samples, self.flows, window, **told)
            del model  # two large models need not fit on one device
        found = compare_runs(runs, samples, common=self.common, seed=self.seed)
        say(found)
        found.to_csv(self.out / "image_vs_video.csv")
        stem, title = self.out / "image_vs_video", "What video tuning changes"
        page, *_ = write_figure(found.figure(), stem, title, [Part("Samples", found)])
        self.wrote(page, also="the tables beside it")
        return found
