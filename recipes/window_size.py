"""How many layers must be cut at once to see a flow? Map the Flow's Fig. T.

The paper shows k = 1, 5, 9 and 13 layers in models of 28 to 40. A narrow window misses what several layers do
together, a wide one blurs where it happens. Models under 24 layers get the same shares of their depth, as odd
numbers: 1, 3 and 5 of the 12 layers of the embedded model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.figures import Part, try_png, windows_compared, write_page
from workbench.interventions.depth import PAPER_LAYERS, SHALLOW, scaled_size, scaled_windows
from workbench.recipe import Recipe
from workbench.runs import Run
from workbench.statistics import curve_table


@dataclass(frozen=True, kw_only=True)
class WindowSize(Recipe):
    """How many layers must be cut at once? Curves for several window sizes (Map the Flow, Fig. T)."""

    paper_tasks: ClassVar = ("action_antonym",)
    flows: tuple[str, ...] = ("frames -> later frames", "video -> question", "question -> last")
    """Flows to cut, each in quotes; `workbench list flows` shows the papers' own."""
    sizes: tuple[int, ...] = (1, 5, 9, 13)
    """Layers that are cut at once. Below 24 layers they are scaled to the depth, unless they are to be
    exact."""
    exact: bool = False
    """Take the sizes as they are, however shallow the model is."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout."""

    def run(self) -> Run:
        """Sweep all sizes at once, and write window_size.csv, .png and .html into `out`.

        Action Antonym is the task where the data set has it and the user names none.
        """
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        print(samples, flush=True)
        windows, note = tuple(wb.centred(k) for k in self.sizes), ""
        if model.n_layers < SHALLOW and not self.exact:
            windows = scaled_windows(self.sizes, model.n_layers)
            scaled = ", ".join(f"{k} becomes {scaled_size(k, model.n_layers)}" for k in self.sizes)
            note = f"Sizes scaled from the paper's {PAPER_LAYERS} layers to {model.n_layers}: {scaled}."
        print(note or f"Windows: {', '.join(map(str, windows))}.", flush=True)
        run = wb.sweep(
            model,
            samples,
            self.flows,
            windows,
            engine=self.engine,
            out=self.out,
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )
        curves = curve_table(run.table, seed=self.seed)
        curves.to_csv(self.out / "window_size.csv", index=False, float_format="%.4f")
        fig = windows_compared(curves, note=note)
        page = write_page(self.out / "window_size.html", "How many layers to cut at once", [Part("", fig)])
        try_png(fig, self.out / "window_size.png", html=page)
        print(f"Written: {page} and the table beside it", flush=True)
        return run
