"""Which claims of Map the Flow hold for a model and its data? The verdict, with the rule that decided.

A sweep of the flows, the same of an image model, the effective pathways beside random edges, and the answer's
probability by layer are made first, each in a folder of its own, and go on where they were stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.findings.claims import CLAIMS
from workbench.analyses.findings.verdicts import FINDING_FLOWS, findings
from workbench.analyses.pathways.closing import GENERAL_FLOWS
from workbench.analyses.pathways.points_lost import suffice_table
from workbench.data import MTF_TASKS
from workbench.errors import RunError
from workbench.interventions.catalogue import CROSS_FRAME
from workbench.interventions.depth import scaled_window
from workbench.pages.findings import write_findings
from workbench.recipe import Recipe, console, find_recipe, refuse_other_model
from workbench.runs import load_measured
from workbench.statistics import curve_warnings

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.models import VideoLLM
    from workbench.runs import Run

_VIDEO, _IMAGE = "mini/video-ft", "mini/image"


@dataclass(frozen=True, kw_only=True)
class Findings(Recipe):
    """Which claims of Map the Flow hold for this model and data? Each with its rule, number and verdict."""

    paper_tasks: ClassVar = MTF_TASKS
    image_model: str | None = None
    """The model before it was tuned on video, for the claim about tuning; mini/image for mini/video-ft."""
    sweep: Path | None = None
    """Folder of a sweep of --model that is there already; one is made in OUT/sweep if not given."""
    image_sweep: Path | None = None
    """Folder of a sweep of --image-model that is there already."""
    pathways: Path | None = None
    """Folder of a pathways_suffice of --model that is there already."""
    answers: Path | None = None
    """Folder of an answer_probability of --model that is there already."""
    by_task: bool = False
    """Give verdicts for each task too, not only for all together."""
    mode: str = "faithful"
    """What is closed besides the pathways: faithful (the paper's), strict or general."""
    controls: int = 3
    """Random controls of the pathways."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """How knockouts are run."""

    def run(self) -> pd.DataFrame:
        """Measure what is missing, print the verdicts, and write findings.csv and findings.html."""
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        print(samples, flush=True)
        flows = tuple(dict.fromkeys((*FINDING_FLOWS, *GENERAL_FLOWS)))
        run = self._run_of(model, samples, flows, self.sweep, "sweep")
        image = self._image_run(samples)
        kept = self._pathways(model, run)
        answers = self._answers(model, samples)
        table = _verdicts(run, image, kept, answers, self)
        self.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(self.out / "findings.csv", index=False, float_format="%.4f")
        page = write_findings(
            table.query("task == 'all'"),
            self.out / "findings.html",
            title=f"What holds for {model.name}",
            about=f"Claims of Map the Flow, tested on {samples.name}: {len(samples)} samples. "
            + " ".join(curve_warnings(run.table)),
        )
        console().print(_rich(table))
        print(f"Written: {self.out / 'findings.csv'}, {page}", flush=True)
        return table

    def _run_of(
        self, model: VideoLLM, samples: Samples, flows: tuple[str, ...], given: Path | None, name: str
    ) -> Run:
        if given is not None:
            run = wb.load_run(given)
            refuse_other_model(model, run.manifest, given, "sweep")
            return run
        return wb.sweep(
            model,
            samples,
            flows,
            scaled_window(model.n_layers),
            engine=self.engine,
            out=self.out / name,
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )

    def _answers(self, model: VideoLLM, samples: Samples) -> pd.DataFrame:
        if self.answers is not None:
            found = load_measured(self.answers, "answer_probability", "answer_probability")
            refuse_other_model(model, found.manifest, self.answers)
            return found.table
        return wb.answer_probability(
            model, samples, out=self.out / "answer_probability", style=self.style, frames=self.frames
        ).table

    def _image_run(self, samples: Samples) -> Run | None:
        name = self.image_model or (_IMAGE if self.model == _VIDEO else None)
        if name is None:
            if self.image_sweep is not None:
                raise RunError("--image-sweep is given without --image-model. Name the model of that sweep.")
            return None
        model = wb.load(name, device=self.device, dtype=self.dtype)
        return self._run_of(model, samples, (CROSS_FRAME,), self.image_sweep, "image_sweep")

    def _pathways(self, model: VideoLLM, run: Run) -> pd.DataFrame:
        if self.pathways is not None:
            found = load_measured(self.pathways, "suffice", "suffice")
            refuse_other_model(model, found.manifest, self.pathways)
            return suffice_table(found.table, seed=self.seed)
        recipe: Any = find_recipe("pathways_suffice")
        return (
            recipe(
                model=self.model,
                out=self.out / "pathways",
                data=self.data,
                tasks=self.tasks or self.preferred_tasks(),
                limit=self.limit,
                device=self.device,
                dtype=self.dtype,
                seed=self.seed,
                sweep=run.folder,
                modes=(self.mode,),
                controls=self.controls,
                style=self.style,
                frames=self.frames,
                engine=self.engine,
            )
            .run()
            .table
        )


def _verdicts(
    run: Run, image: Run | None, kept: pd.DataFrame, answers: pd.DataFrame, recipe: Findings
) -> pd.DataFrame:
    """The findings of all tasks together and, where asked for, of each; with a column `task`."""
    tasks = list(dict.fromkeys(run.table["task"])) if recipe.by_task else []
    of_image = set() if image is None else set(image.table["task"])
    parts = []
    for task in (None, *tasks):
        part = findings(
            run.table,
            image=None if image is None or (task and task not in of_image) else image.table,
            suffice=kept,
            mode=recipe.mode,
            answers=answers,
            task=task,
            seed=recipe.seed,
        )
        part.insert(0, "task", task or "all")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _rich(table: pd.DataFrame) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    colors = {"holds": "green", "does not hold": "red", "undecided": "yellow"}
    tasks = list(dict.fromkeys(table["task"]))
    title = f"What holds, of {len(CLAIMS)} claims of Map the Flow"
    shown = Table(title=title, box=box.SIMPLE_HEAD, show_lines=True)
    names = ("claim", "measured (95% interval)", "n", "verdict")
    for name in names if len(tasks) == 1 else ("task", *names):
        shown.add_column(name)
    for row in table.to_dict("records"):
        color = colors.get(row["verdict"], "dim")
        told = "; ".join(filter(None, (row["measured"], row["note"])))
        cells = [escape(str(cell)) for cell in (row["claim"], told, row["n"] or "")]
        first = [escape(str(row["task"]))] if len(tasks) > 1 else []
        shown.add_row(*first, *cells, f"[{color}]{row['verdict']}[/{color}]")
    return shown
