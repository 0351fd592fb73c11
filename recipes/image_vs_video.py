"""What does video tuning change? Map the Flow's Fig. 2, A, F and L.

The same flow is cut in a model tuned on video and in the one that has seen images only. In the paper, frames
that cannot read earlier frames cost the video-tuned model its answer in early to middle layers, and the
image model next to nothing.

Each model keeps the samples that it answers itself, as in the paper: the figure says how many, and where a
model does no better than guessing. --common keeps to samples that both answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

import pandas as pd

import workbench as wb
from workbench.analyses.sweep.comparison import Comparison, compare_runs, sweep_even_if_wrong
from workbench.data import MTF_TASKS
from workbench.errors import RunError
from workbench.interventions import Flow, parse_window
from workbench.interventions.depth import scaled_windows
from workbench.pages import Part, try_png, write_page
from workbench.recipe import Recipe, refuse_other_model
from workbench.runs import Run, data_settings

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.models import VideoLLM


@dataclass(frozen=True, kw_only=True)
class ImageVsVideo(Recipe):
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
    window: str | None = None
    """Layers that are cut at once, for example "centred(9)". If not given: the paper's centred(9) for 24
    layers or more, scaled to the depth of smaller models."""
    common: bool = False
    """Draw only samples that both models answer correctly. The run folders stay as they are."""
    only_correct: bool = True
    """Keep to the samples that each untouched model answers correctly, as the paper does."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout."""

    def run(self) -> Comparison:
        """Sweep both models, one after the other, and write image_vs_video.csv, .png and .html into `out`."""
        if self.model == self.image_model:
            raise RunError(f"--model and --image-model are both {self.model}. Name two models to compare.")
        samples = self.load_samples(tasks=self.preferred_tasks())
        print(samples, flush=True)
        runs: dict[str, Run] = {}
        for folder, name in (("video_model", self.model), ("image_model", self.image_model)):
            model = wb.load(name, device=self.device, dtype=self.dtype)
            window = parse_window(self.window) if self.window else scaled_windows([9], model.n_layers)[0]
            # Two folders may both be called "checkpoint": then the paths tell them apart.
            label = name if model.name in runs else model.name
            print(f"{label}: {model.n_layers} layers, cut in {window}", flush=True)
            if self.sweep is not None and not runs:
                runs[label] = part_of(self.sweep, model, samples, self.flows, str(window))
                continue
            runs[label] = sweep_even_if_wrong(
                model,
                samples,
                self.flows,
                window,
                out=self.out / folder,
                only_correct=self.only_correct,
                engine=self.engine,
                style=self.style,
                frames=self.frames,
                seed=self.seed,
            )
            del model  # two large models need not fit on one device
        found = compare_runs(runs, samples, common=self.common, seed=self.seed)
        print(found, flush=True)
        found.to_csv(self.out / "image_vs_video.csv")
        fig = found.figure()
        parts = [Part("", fig), Part("Samples", found)]
        page = write_page(self.out / "image_vs_video.html", "What video tuning changes", parts)
        try_png(fig, self.out / "image_vs_video.png", html=page)
        print(f"Written: {page} and the tables beside it", flush=True)
        return found


def part_of(folder: Path, model: VideoLLM, samples: Samples, flows: Sequence[str], window: str) -> Run:
    """The rows of these flows in this window of a sweep. Raises RunError where it is of something else."""
    run = wb.load_run(folder)
    refuse_other_model(model, run.manifest, folder)
    made, named = run.manifest["settings"], [str(Flow.parse(flow)) for flow in flows]
    wanted = data_settings(samples)
    if any(made[name] != value for name, value in wanted.items()):
        raise RunError(
            f"{folder} was made of other samples: {made['samples']} of {made['data']}, and asked are "
            f"{wanted['samples']} of {wanted['data']}. Give the same --data, --tasks and --limit."
        )
    table = run.table
    missing = {*named, window} - {*table["flow"], *table["window"]}
    if missing:
        raise RunError(f"{folder} has no {' and no '.join(sorted(missing))}. Leave --sweep out.")
    kept = table["flow"].isin(named) & (table["window"] == window)
    return replace(run, table=cast(pd.DataFrame, table[kept]))
