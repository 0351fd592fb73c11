"""Which frames, pairs of frames, cells or heads mattered: each cut by itself, beside as many random edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import pandas as pd

from workbench.analyses.places.measurement import PlacesSweep
from workbench.analyses.places.units import DRAWN, Unit, check_each, described
from workbench.analyses.sweep.effects import NothingCorrect
from workbench.attached import attached
from workbench.errors import RunError, near_matches
from workbench.interventions import Window, all_layers, as_windows, scaled_window
from workbench.markup import table_html
from workbench.measures import as_measures
from workbench.runs import Run, as_run, as_seed, measure_samples
from workbench.statistics.controlled import controlled_table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

MEASURES = {"log_odds": "change_log_odds", "probability": "change_percent"}
"""What an effect can be measured in, and its column in the run's table."""
UNIT = list(Unit._fields)
POINT = ["task", "window", "layer", "first_layer", "last_layer", *UNIT[1:]]
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Mattered:
    """What the answer loses without each frame, pair of frames, cell or head."""

    run: Run
    """The sweep: one row a sample, flow, window and layer, controls among them."""
    each: str
    to: str | None
    """The queries that lose it; None for everything after it."""
    prompt: Prompt
    """The first sample that was cut, for pictures."""
    measure: str = "log_odds"
    """What effects are measured in: "log_odds", which does not saturate, or "probability", in percent."""
    seed: int = 0

    def measured_by(self, measure: str) -> Mattered:
        """The same in another measure: "log_odds" or "probability". Raises RunError for another."""
        if measure not in MEASURES:
            raise RunError(
                f"There is no measure {measure!r} here.{near_matches(measure, MEASURES)} Write one of "
                f"{', '.join(MEASURES)}."
            )
        return replace(self, measure=measure)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """One row a sample, flow, window and layer: the run's table, and `Unit` of its flow."""
        table = self.run.table
        units = {flow: described(flow) for flow in table["flow"].unique()}
        told = pd.DataFrame([units[flow] for flow in table["flow"]], columns=UNIT, index=table.index)
        return pd.concat([table, told], axis=1)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a task, window, layer and unit.

        Columns: unit, frame, to_frame, row, column, head (from 0; -1 where it has none), n, mean, low, high,
        control_mean, control_low, control_high, difference, difference_low, difference_high, p_value (see
        `workbench.statistics.controlled`; corrected for all units and layers of a task and kind of window),
        and `matters`: the answer loses more than with as many other edges (difference below 0, p below 0.05).
        Unit: change of the natural log-odds, or percent of the probability.
        """
        return self._summary("itself", self._controls())

    @cached_property
    def sinks(self) -> pd.DataFrame:
        """As `table`, of what concerns attention sinks: the sinks alone (`kind` "sinks"), and each unit
        without the sinks in it ("sparing"), whose control here is the whole unit: the difference is what the
        sinks in it add, with its sign turned. Empty where no prompt has sinks."""
        column = MEASURES[self.measure]
        whole = self._of("itself").rename(columns={column: "control"})
        parts = [
            self._summary(kind, control).assign(kind=kind)
            for kind, control in (("sinks", None), ("sparing", cast(pd.DataFrame, whole[[*_KEY, "control"]])))
        ]
        return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)

    def of_shown(self) -> Mattered:
        """The same of the shown sample alone: there are no intervals then."""
        name = "" if self.prompt.sample is None else self.prompt.sample.id
        table = self.run.table.loc[(self.run.table["sample_id"] == name).to_numpy()].reset_index(drop=True)
        return replace(self, run=replace(self.run, table=table))

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Heat on the clip and on the layer axis: `workbench.figures.what_mattered`."""

    def _of(self, kind: str) -> pd.DataFrame:
        return self.effects.loc[(self.effects["kind"] == kind).to_numpy()]

    def _controls(self) -> pd.DataFrame:
        """The control of every sample and unit, in a column `control`."""
        column = MEASURES[self.measure]
        if self.each in DRAWN:
            drawn = self._of("random").rename(columns={column: "control"})
            return drawn.groupby(_KEY, sort=False, as_index=False).agg({"control": "mean"})
        # All others of the same size: heads of one flow, cells of one frame.
        itself = self._of("itself")
        together = [name for name in _KEY if name != "unit"] + (["frame"] if self.each == "cell" else [])
        groups = itself.groupby(together, sort=False)[column]
        total, count = (np.asarray(groups.transform(name), np.float64) for name in ("sum", "count"))
        others = (total - itself[column].to_numpy(np.float64)) / np.where(count > 1, count - 1, np.nan)
        return cast(pd.DataFrame, itself[_KEY]).assign(control=others)

    def _summary(self, kind: str, control: pd.DataFrame | None) -> pd.DataFrame:
        rows = self._of(kind)
        if control is None or control.empty:
            rows = rows.assign(control=np.nan)
        else:
            rows = rows.merge(control, on=_KEY, how="left", sort=False, validate="one_to_one")
        columns = [*POINT, "kind_of_window"]
        rows = rows.assign(kind_of_window=[window.split("(")[0] for window in rows["window"]])
        told = {"family": ["task", "kind_of_window"], "seed": self.seed}
        found = controlled_table(rows, columns, MEASURES[self.measure], "control", **told)
        matters = (found["p_value"] < ALPHA) & (found["difference"] < 0)
        return found.drop(columns="kind_of_window").assign(matters=matters)

    def __repr__(self) -> str:
        return self._shown().round(3).to_string(index=False)

    def _repr_html_(self) -> str:
        return table_html(self._shown().round(3), f"Change of {self.measure}, mean over samples.")

    def _shown(self) -> pd.DataFrame:
        """The widest cut of each unit, the largest loss first."""
        width = self.table["last_layer"] - self.table["first_layer"]
        shown = self.table.loc[(width == width.max()).to_numpy()].sort_values("mean", kind="stable")
        return shown[["task", "unit", "n", "mean", "low", "high", "control_mean", "p_value", "matters"]]


_KEY = ["sample_id", "window", "layer", "first_layer", "last_layer", "unit"]


def what_mattered(
    model: VideoLLM,
    samples: Samples | Sequence[Sample] | Sample,
    each: str = "frame",
    *,
    to: str | None = None,
    windows: Window | str | Sequence[Window | str] | None = None,
    draws: int = 1,
    sinks: bool = True,
    only_correct: bool = True,
    engine: str | Engine = "incremental",
    measures: str | Sequence[str] = (),
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Mattered:
    """Which frames (or pairs of frames, cells, heads) the answer needs, in one sweep.

    Args:
        each: "frame", "frame pair", "cell" (of each frame), "location" (a cell of the grid in all frames) or
            "head".
        to: the queries that lose it, a span such as "last" or "question". If not given, all that comes after:
            for frames and cells the later frames and the text, for locations and heads the text.
        windows: layers in which it is cut. If not given: all layers at once and, for frames and heads, the
            paper's moving window, scaled to the depth.
        draws: size-matched random controls for each frame, pair or location and sample: `RandomKeys`. A cell
            is compared with all other cells of its frame, a head with all other heads, at no cost.
        sinks: find attention sinks in each prompt (`find_sinks`, two more passes) and cut them apart too.
        measures: what else is read off every knockout, beside probability and log-odds, as in `sweep`.
        only_correct, engine, out, style, separators, frames, seed, progress: as in `sweep`.

    T frames, c cells a frame, H heads, W ranges of layers, D draws: T W (1 + D) knockouts a sample for
    frames, T (T - 1) / 2 W (1 + D) for pairs, T c W for cells, c W (1 + D) for locations, H W for heads.
    Raises RunError where no sample can be used or has such places, and as `sweep`.
    """
    from workbench.analyses.attention.sinks import find_sinks
    from workbench.data import Sample
    from workbench.engine import get_engine  # needs torch

    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 0:
        raise RunError(f"draws={draws!r}: give a whole number, for example 1, or 0 for no control.")
    target = check_each(each, to)
    more = [measures] if isinstance(measures, str) else measures
    moving = () if each not in ("frame", "head") else (scaled_window(model.n_layers),)
    asked = [samples] if isinstance(samples, Sample) else samples
    measurement = PlacesSweep(
        each=each,
        to=target,
        draws=draws if each in DRAWN else 0,
        sinks=bool(sinks),
        n_heads=model.n_heads,
        windows=as_windows((all_layers(), *moving) if windows is None else windows),
        only_correct=only_correct,
        engine=get_engine(engine),
        measures=as_measures(list(dict.fromkeys(["log_odds", *more]))),
        seed=as_seed(seed),
    )
    prompting: dict[str, Any] = {"style": style, "separators": separators, "frames": frames}
    run = as_run(measure_samples(model, asked, measurement, out=out, progress=progress, **prompting))
    if run.table.empty and only_correct:
        raise NothingCorrect(run)
    first = run.table["sample_id"].iloc[0]
    shown = model.encode(next(sample for sample in asked if sample.id == first), **prompting)
    if sinks:
        shown = find_sinks(model, shown).prompt
    return Mattered(run=run, each=each, to=target, prompt=shown, seed=seed)
