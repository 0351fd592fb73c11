"""How many layers must be cut at once to see a flow? Map the Flow's Fig. T.

The paper shows k = 1, 5, 9 and 13 layers in models of 28 to 40. A narrow window misses what several layers do
together, a wide one blurs where it happens. Models under 24 layers get the same shares of their depth, as odd
numbers: 1, 3 and 5 of the 12 layers of the embedded model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.figures import windows_compared
from workbench.interventions import PAPER_LAYERS, SHALLOW, scaled_size, scaled_windows
from workbench.pages import write_figure
from workbench.recipe import Count, Sweeping, say
from workbench.runs import Run
from workbench.statistics import curve_table


@dataclass(frozen=True, kw_only=True)
class WindowSize(Sweeping):
    """How many layers must be cut at once? Curves for several window sizes (Map the Flow, Fig. T)."""

    paper_tasks: ClassVar = ("action_antonym",)
    flows: tuple[str, ...] = ("frames -> later frames", "video -> question", "question -> last")
    """Flows to cut, each in quotes; `workbench list flows` shows the papers' own."""
    sizes: tuple[Count, ...] = (1, 5, 9, 13)
    """Layers that are cut at once. Below 24 layers they are scaled to the depth, unless they are to be
    exact."""
    exact: bool = False
    """Take the sizes as they are, however shallow the model is."""

    def run(self) -> Run:
        """Sweep all sizes at once, and write window_size.csv, .png and .html into `out`.

        Action Antonym is the task where the data set has it and the user names none.
        """
        samples, model = self.load_samples(), self.load_model()
        say(samples)
        windows, note = tuple(wb.centred(k) for k in self.sizes), ""
        if model.n_layers < SHALLOW and not self.exact:
            windows = scaled_windows(self.sizes, model.n_layers)
            scaled = ", ".join(f"{k} becomes {scaled_size(k, model.n_layers)}" for k in self.sizes)
            note = f"Sizes scaled from the paper's {PAPER_LAYERS} layers to {model.n_layers}: {scaled}."
        say(note or f"Windows: {', '.join(map(str, windows))}.")
        run = wb.sweep(model, samples, self.flows, windows, out=self.out, **self.sweeping)
        curves = curve_table(run.table, seed=self.seed)
        self.write_csv(curves, "window_size.csv")
        figure, title = windows_compared(curves, note=note), "How many layers to cut at once"
        page, *_ = write_figure(figure, self.out / "window_size", title)
        self.wrote(page, also="the table beside it")
        return run
