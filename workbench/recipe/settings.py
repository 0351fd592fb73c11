"""The settings that experiments share, and what every experiment does with them."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field

from workbench.checksums import write_listed
from workbench.recipe.checks import check, typed
from workbench.recipe.loading import Loading
from workbench.recipe.logged import logged_samples
from workbench.recipe.output import say
from workbench.recipe.sources import data_source, given_run

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analyses.pathways import Pathways
    from workbench.data import Samples
    from workbench.interventions import Window
    from workbench.models import VideoLLM
    from workbench.runs import Run

Count = Annotated[int, Field(ge=1)]
"""A whole number from 1, as the type of a setting."""
Whole = Annotated[int, Field(ge=0)]
"""A whole number from 0."""


@dataclass(frozen=True, kw_only=True)
class Recipe(Loading, ABC):
    """The settings that every experiment has."""

    paper_tasks: ClassVar[tuple[str, ...]] = ()
    """The paper's tasks, which are the default on its own data sets; empty stands for all."""
    out: Path
    """Folder for the results. A run that was stopped goes on from what it holds."""
    data: str = "mini"
    """mini, mini/moving_direction,object_count, tvbench:/path/to/TVBench (workbench list data has all), a
    folder in its format, or a table of your own questions (questions.csv, .jsonl, .parquet)."""
    tasks: tuple[str, ...] = ()
    """Tasks of the data set to use; empty lets the recipe choose."""
    limit: int | None = None
    """Samples a task; all of them if not given."""
    from_logs: tuple[Path, ...] = ()
    """Logs of lmms-eval, DATE_samples_TASK.jsonl: only the samples that were asked there; whether the
    recorded answer is right becomes their facet `logged`."""
    seed: Whole = 0
    """For everything that is drawn at random, bootstrap intervals among them."""

    def __post_init__(self) -> None:
        """Raises RunError for a setting of another type."""
        for name, value in typed(self).items():
            object.__setattr__(self, name, value)

    @abstractmethod
    def run(self) -> Any:
        """Do the experiment, leave its files in `out`, and give its result back."""

    @classmethod
    def like(cls, other: Recipe, **more: Any) -> Self:
        """This recipe with all settings that it shares with another, and with `more`."""
        names = {field.name for field in dataclasses.fields(cls)}
        shared = {field.name for field in dataclasses.fields(other)} & names
        return cls(**{name: getattr(other, name) for name in shared} | more)

    @cached_property
    def checked(self) -> bool:
        """True. Raises WorkbenchError where a setting cannot work: see `workbench.recipe.checks`."""
        check(self)
        return True

    def load_model(self, name: str | None = None) -> VideoLLM:
        """The model; another one, on the same device, by its name.

        Load the samples first, so that they are checked before, as all settings are. Raises ModelError, and
        as `checked`.
        """
        say(f"Loading {name or self.model} ..")
        assert self.checked
        return self.loaded(name)

    def load_samples(self, *, tasks: tuple[str, ...] | None = None, limit: int | None = None) -> Samples:
        """The samples; `tasks` and `limit` are what the recipe prefers where the user does not say: the
        paper's tasks, and all samples, if not given.

        Raises SampleError, and as `checked`.
        """
        say(f"Loading {self.data} ..")
        assert self.checked
        return self.read_samples(tasks=tasks, limit=limit)

    def read_samples(self, *, tasks: tuple[str, ...] | None = None, limit: int | None = None) -> Samples:
        """As `load_samples`, of settings that are not checked yet."""
        import workbench as wb
        from workbench.data import DATASETS

        name, root = data_source(self.data)
        head, slash, _ = name.partition("/")
        names_tasks = bool(slash) and head in DATASETS
        preferred = () if names_tasks else self.preferred_tasks() if tasks is None else tasks
        most = self.limit if self.limit is not None else limit
        found = wb.samples(
            name,
            root=root,
            tasks=self.tasks or preferred or None,
            limit=None if self.from_logs else most,
            strict=bool(self.tasks) or names_tasks,
        )
        return logged_samples(found, self.from_logs, most) if self.from_logs else found

    def preferred_tasks(self) -> tuple[str, ...]:
        """The paper's tasks where the data set has them; none, which is all, for others."""
        from workbench.data import DATASETS

        name, _ = data_source(self.data)
        return self.paper_tasks if name in DATASETS and DATASETS[name].papers_tasks else ()

    def write_csv(self, table: pd.DataFrame, name: str, numbers: str = "%.4f") -> Path:
        """Write a table into `out`, its fractions in the format `numbers`, and give back the path."""
        return write_listed(self.out / name, table.to_csv(index=False, float_format=numbers))

    def note(self, warnings: Iterable[str]) -> None:
        """Print what to be careful with."""
        for warning in warnings:
            say(f"Note: {warning}")

    def wrote(self, *paths: Path, skipped: pd.DataFrame | None = None, also: str = "") -> None:
        """Say how many samples were skipped, where any were, and what was written: `paths`, and `also`."""
        if skipped is not None and len(skipped):
            say(f"Skipped: {len(skipped)}, see {self.out / 'skipped.csv'}")
        say("Written: " + ", ".join(map(str, paths)) + (f" and {also}" if also else ""))


@dataclass(frozen=True, kw_only=True)
class Prompting(Recipe):
    """An experiment that asks samples."""

    style: str | None = None
    """How the question is put: mvbench, letter, videomme, open or another of docs/data.md; the one that fits
    the samples if not given."""
    separators: str | None = None
    """What is counted to a frame beside its own rows: frame (newlines, marks and time stamps too) or video
    (nothing); what the model's family does if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""

    @property
    def prompting(self) -> dict[str, Any]:
        """Arguments of everything that encodes samples."""
        return {"style": self.style, "separators": self.separators, "frames": self.frames}


@dataclass(frozen=True, kw_only=True)
class Sweeping(Prompting):
    """An experiment that runs knockouts."""

    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout."""
    measures: tuple[str, ...] = ()
    """What else is read off every knockout of a sweep, beside the probability, for example log_odds kl;
    `workbench list measures` shows all. Their columns stand at the end of effects.parquet."""

    @property
    def knocking(self) -> dict[str, Any]:
        """Arguments of everything that runs knockouts."""
        return {"engine": self.engine, "seed": self.seed, **self.prompting}

    @property
    def sweeping(self) -> dict[str, Any]:
        """Arguments of `wb.sweep`."""
        return {"measures": self.measures, **self.knocking}

    def bearable(self, model: VideoLLM, flows: tuple[str, ...]) -> tuple[str, ...]:
        """The paper's flows, without last -> last where layers carry a running state (linear attention,
        convolutions): there a row cannot be without itself. Flows that the user chose stay as they are."""
        from workbench.interventions import MTF_FLOWS
        from workbench.interventions.catalogue import LAST_LAST

        if (
            LAST_LAST not in flows
            or not model.family.recurrent_layers(model.structure)
            or set(flows) - {*MTF_FLOWS}
        ):
            return flows
        say(f"{LAST_LAST} is left out: in layers with a running state no row can be without itself.")
        return tuple(flow for flow in flows if flow != LAST_LAST)

    def given_or_swept(
        self,
        given: Path | None,
        model: VideoLLM,
        samples: Samples,
        flows: tuple[str, ...],
        window: Window | None = None,
        *,
        out: Path,
        even_if_wrong: bool = False,
    ) -> Run:
        """The sweep in the folder `given`, which must be of this model.

        One is made in `out` if not given: in `window`, or the paper's, scaled to the model's depth. Where the
        model answers nothing correctly that is an error, or with `even_if_wrong` a run without effects.
        """
        import workbench as wb
        from workbench.analyses.sweep import sweep_even_if_wrong
        from workbench.interventions import scaled_window

        if given is not None:
            return given_run(given, model)
        window = window or scaled_window(model.n_layers)
        sweep = sweep_even_if_wrong if even_if_wrong else wb.sweep
        return sweep(model, samples, self.bearable(model, flows), window, out=out, **self.sweeping)


@dataclass(frozen=True, kw_only=True)
class Studying(Prompting):
    """An experiment that counts right answers in many cases, all samples, as An Empirical Study does."""

    engine: str = "incremental"
    """What runs cuts: incremental; incremental-float32 for weights of less than float32; or reference, one
    forward a cut."""
    groups: tuple[str, ...] = ()
    """Groups of tasks, each as NAME=TASK,TASK, for example order=action_sequence,scene_transition. Every task
    is a group of its own if not given."""
    max_new_tokens: int = 8
    """Tokens of answers that are written out, to be compared with the likeliest letter."""

    @property
    def task_groups(self) -> dict[str, tuple[str, ...]] | None:
        """Tasks by the name of their group; None for every task its own. Raises RunError."""
        from workbench.errors import RunError

        found: dict[str, tuple[str, ...]] = {}
        for text in self.groups:
            name, equals, tasks = text.partition("=")
            listed = tuple(task.strip() for task in tasks.split(",") if task.strip())
            if not (name.strip() and equals and listed) or name.strip() in found:
                raise RunError(f"--groups {text!r}: write NAME=TASK,TASK, every name once.")
            found[name.strip()] = listed
        return found or None

    @property
    def studying(self) -> dict[str, Any]:
        """Arguments of `study`."""
        return {"engine": self.engine, "max_new_tokens": self.max_new_tokens, **self.prompting}


@dataclass(frozen=True, kw_only=True)
class Windowed(Sweeping):
    """An experiment that cuts in a window which moves over the layers."""

    window: str | None = None
    """Layers that are cut at once, for example "centred(9)". If not given: the paper's centred(9) for 24
    layers or more, scaled to the depth of smaller models."""

    def window_in(self, n_layers: int) -> Window:
        """The window in a model of that depth. Raises WindowError."""
        from workbench.interventions import parse_window, scaled_window

        return scaled_window(n_layers) if self.window is None else parse_window(self.window)


@dataclass(frozen=True, kw_only=True)
class Binned(Windowed):
    """An experiment that reads effective pathways off a sweep."""

    bin: Count | None = None
    """Layers a bin. If not given: the paper's 5 for 24 layers or more, scaled below that."""
    threshold: float = -5.0
    """Percent. A bin counts if its mean change is strictly below."""

    def binning(self, n_layers: int) -> dict[str, Any]:
        """Arguments of everything that finds pathways, in a model of that depth."""
        from workbench.interventions import scaled_bin

        size = scaled_bin(n_layers) if self.bin is None else self.bin
        return {"bin": size, "threshold": self.threshold}

    def pathways_of(
        self, run: Run | pd.DataFrame, n_layers: int, task: str | tuple[str, ...] | None = None
    ) -> Pathways:
        """The effective pathways of a sweep; of some tasks, where they are named."""
        import workbench as wb

        return wb.pathways(run, task=task, **self.binning(n_layers))
