"""In which layers does each flow carry the answer? Map the Flow, section 3.5 and Table E, for several models.

The layers are divided into bins. A bin counts if the answer's probability falls by more than the threshold,
on average, when the flow is cut around its layers. A flow's range runs from its first to its last such bin.
The paper reads the ranges off one task (--tasks action_antonym); here all tasks that are swept count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.pathways.bins import LayerBin, bin_name
from workbench.analyses.pathways.closing import GENERAL_FLOWS
from workbench.analyses.pathways.ranges import Pathways
from workbench.data import MTF_TASKS
from workbench.errors import RunError
from workbench.interventions.depth import scaled_bin, scaled_window
from workbench.pages import try_png, write_html
from workbench.recipe import Recipe, console
from workbench.runs import Run
from workbench.statistics import curve_warnings


@dataclass(frozen=True, kw_only=True)
class EffectivePathways(Recipe):
    """In which layers does each flow carry the answer? Layer ranges of models (Map the Flow, Table E)."""

    paper_tasks: ClassVar = MTF_TASKS
    models: tuple[str, ...] = ()
    """More models, to stand beside --model in one table."""
    runs: tuple[Path, ...] = ()
    """Folders of sweeps that are there already, one for each model that need not be swept again."""
    flows: tuple[str, ...] = GENERAL_FLOWS[:5]
    """Flows to cut where a model is swept, each in quotes."""
    window: str | None = None
    """Layers that are cut at once, for example "centred(9)". If not given: the paper's centred(9) for 24
    layers or more, scaled to the depth of smaller models."""
    bin: int | None = None
    """Layers a bin. If not given: the paper's 5 for 24 layers or more, scaled below that."""
    threshold: float = -5.0
    """Percent. A bin counts if its mean change is strictly below."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """How knockouts are run."""

    def run(self) -> dict[str, Pathways]:
        """Sweep what has no run, print the ranges, and write pathways.csv, ranges.csv and the figure."""
        given = self._given_runs()
        self.out.mkdir(parents=True, exist_ok=True)
        found: dict[str, Pathways] = {}
        warnings: list[str] = []
        for name in (self.model, *self.models):
            run = given.get(name) or self._sweep(name)
            n_layers = int(run.table["layer"].to_numpy().max())
            size = scaled_bin(n_layers) if self.bin is None else self.bin
            found[name] = wb.pathways(run, bin=size, threshold=self.threshold, task=self.tasks or None)
            warnings += [f"{name}, {warning}" for warning in curve_warnings(_used(run, found[name]))]
        bins = pd.concat([one.table.assign(model=name) for name, one in found.items()], ignore_index=True)
        ranges = ranges_table(found)
        bins.to_csv(self.out / "pathways.csv", index=False, float_format="%.4f")
        ranges.to_csv(self.out / "ranges.csv", index=False)
        figure = wb.figures.staged_flow(
            bins, title="Effective pathways: in which layers each flow matters", note=" ".join(warnings)
        )
        page = write_html(figure, self.out / "effective_pathways.html")
        written = [
            self.out / "pathways.csv",
            self.out / "ranges.csv",
            page,
            *try_png(figure, self.out / "effective_pathways.png", html=page),
        ]
        for name, one in found.items():
            print(f"\n{name}", flush=True)
            console().print(one)
        console().print(_rich(ranges))
        for warning in warnings:
            print(f"Note: {warning}", flush=True)
        print("Written: " + ", ".join(str(path) for path in written), flush=True)
        return found

    def _given_runs(self) -> dict[str, Run]:
        """The runs to read, by the name of their model."""
        asked = (self.model, *self.models)
        if len(set(asked)) < len(asked):
            raise RunError(f"A model is named twice among {', '.join(asked)}. Name each once.")
        found: dict[str, Run] = {}
        for folder in self.runs:
            run = wb.load_run(folder)
            name = str(run.manifest["settings"]["model"])
            if name not in asked or name in found:
                why = "a second run of" if name in found else "a run of"
                raise RunError(
                    f"{folder} holds {why} {name!r}, and the models asked for are {', '.join(asked)}. Name "
                    "its model in --model or --models, or leave the folder out."
                )
            found[name] = run
        return found

    def _sweep(self, name: str) -> Run:
        model = wb.load(name, device=self.device, dtype=self.dtype)
        samples = self.load_samples(tasks=self.preferred_tasks())
        window = scaled_window(model.n_layers) if self.window is None else self.window
        print(f"{name}: {samples}, {len(self.flows)} flows in {window}", flush=True)
        return wb.sweep(
            model,
            samples,
            self.flows,
            window,
            engine=self.engine,
            out=self.out / re.sub(r"[^\w.-]+", "_", name).strip("_."),
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )


def ranges_table(found: Mapping[str, Pathways]) -> pd.DataFrame:
    """One row a model, one column a flow: its range ("6-15"), "-" without one, "" where it was not cut."""
    flows = list(dict.fromkeys(flow for one in found.values() for flow in one.flows))
    rows: list[dict[str, Any]] = []
    for name, one in found.items():
        cells = {flow: bin_name(LayerBin(*one[flow])) if flow in one else "-" for flow in one.flows}
        rows.append({"model": name, "samples": one.settings["samples"], **cells})
    return pd.DataFrame(rows, columns=pd.Index(["model", "samples", *flows])).fillna("")


def _used(run: Run, found: Pathways) -> pd.DataFrame:
    """The rows that the ranges were read off."""
    table = run.table
    chosen = table["task"].isin(found.settings["tasks"]) & (table["window"] == found.settings["window"])
    return pd.DataFrame(table[chosen])


def _rich(ranges: pd.DataFrame) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title="Effective layers", box=box.SIMPLE_HEAD)
    for name in ranges.columns:
        shown.add_column(escape(str(name)), justify="left" if name == "model" else "right")
    for row in ranges.itertuples(index=False):
        shown.add_row(*(escape(str(cell)) for cell in row))
    return shown
