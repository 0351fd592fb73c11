"""`wb.attribute`: what cutting each (flow, layer, head) would do, estimated by gradients, and verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from workbench.analyses.attribution.agreement import agreement_table
from workbench.analyses.attribution.cells import (
    ALL_HEADS,
    ESTIMATED,
    FLOW,
    HEAD,
    KEYS,
    LAYER,
    VERIFIED,
    as_heads,
    as_whole_flows,
    as_window,
    cells_of,
)
from workbench.analyses.attribution.methods import LOCAL, STEPS, as_methods
from workbench.attached import attached
from workbench.errors import RunError, shown

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.analyses.attribution.measurement import CellEstimates
    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.interventions import Flow, Window
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

FLOWS = ("frames -> later frames", "video -> question", "question -> last", "video -> last")
"""What is attributed where nobody says: Map the Flow's flows between frames, question and answer."""


def attribute(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    flows: Flow | str | Sequence[Flow | str] = FLOWS,
    *,
    method: str | Sequence[str] = LOCAL,
    by: Sequence[str] = (FLOW, LAYER, HEAD),
    window: Window | str = "centred(1)",
    only_correct: bool = True,
    steps: int = STEPS,
    engine: str | Engine = "incremental",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> Attribution:
    """Estimate what cutting each flow would do, in each layer and head, with one or few backward passes.

    Args:
        flows: flows without heads; by default `FLOWS`.
        method: one or several of `METHODS`: "local" (gradient times the exact change of the layer that is
            cut), "hybrid" (the same, and exact knockouts of flows that cut the last row alone), "gradient",
            "integrated", "relp", and the naive "attention" and "value_norm".
        by: ("flow", "layer", "head") has rows of every head (from 0), and of all heads together (-1), whose
            estimate is the sum; ("flow", "layer") has the latter only.
        window: the layers that are cut together; the estimate of a range is the sum over its layers.
        only_correct: keep to samples that the untouched model answers correctly, as `sweep` does.
        steps: points of the path of "integrated".
        engine: what makes exact knockouts for "hybrid".
        out, style, separators, frames: as in `sweep`.

    What is estimated is the change of the log-odds of the answer's token (the likeliest of the untouched
    model), natural logarithm, summed; `estimate` is the change of its probability that follows, in percent of
    itself, as `change_percent` of a sweep. They are estimates: `verify` makes the exact knockouts.

    A sample that cannot be used, or is answered wrongly, is skipped and listed. Raises RunError where none is
    left, for an unknown method and for other parts than those of `by`; FlowError, WindowError; ModelError for
    a model that has no gradients (4 and 8 bits, remote, on the disk) or layers with a running state.
    """
    from workbench.analyses.attribution.measurement import CellEstimates
    from workbench.engine import get_engine
    from workbench.runs import measure_samples

    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 100:
        raise RunError(f"steps={shown(steps)} is no number of points. Give a whole number from 1 to 100.")
    as_heads(by, model.n_heads)
    measurement = CellEstimates(
        flows=as_whole_flows(flows),
        methods=as_methods(method),
        by=tuple(by),
        window=as_window(window),
        only_correct=only_correct,
        steps=steps,
        engine=get_engine(engine),
    )
    prompting: dict[str, Any] = {"style": style, "separators": separators, "frames": frames}
    found = measure_samples(model, samples, measurement, out=out, progress=progress, **prompting)
    return Attribution(
        table=found.table,
        skipped=found.skipped,
        manifest=found.manifest,
        folder=found.folder,
        model=model,
        samples=tuple(samples),
        prompting=prompting,
        measurement=measurement,
    )


@dataclass(kw_only=True, eq=False, repr=False)
class Attribution:
    """Estimated effects of cuts, and the exact ones of those that were verified."""

    table: pd.DataFrame
    """One row a sample, flow, range of layers, head and method. Columns: `AttributionRow`."""
    skipped: pd.DataFrame
    manifest: Mapping[str, Any]
    folder: Path | None
    model: VideoLLM
    samples: tuple[Sample, ...]
    prompting: Mapping[str, Any]
    """How samples become prompts, for the exact knockouts."""
    measurement: CellEstimates
    """What was asked for."""

    @property
    def status(self) -> str:
        """ "estimated", "verified", or how much of it is verified."""
        return status_of(self.table)

    def verify(
        self,
        top: int | None = 50,
        *,
        each_sample: bool = False,
        engine: str | Engine = "incremental",
        out: Path | str | None = None,
        progress: bool = True,
    ) -> Attribution:
        """Make the exact knockouts of the largest estimates, and put them into `table` beside these.

        Args:
            top: how many rows, by the size of their estimate, of each method; None is all.
            each_sample: so many of every sample, and not of all together.
            engine, out, progress: as in `sweep`; `out` is a folder of its own.

        Their rows then say "verified", and have `change_percent` and `change_log_odds`; so have rows of other
        methods for the same cut. Gives back this result, which is changed. Raises RunError for a `top` that
        is no number from 1.
        """
        from workbench.analyses.attribution.measurement import ExactCells
        from workbench.engine import get_engine
        from workbench.runs import measure_samples

        if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):
            raise RunError(
                f"top={shown(top)} is no number of rows. Give a whole number from 1, or None for all."
            )
        cells = cells_of(largest(self.table, top, each_sample=each_sample))
        if not cells:
            return self
        exact = measure_samples(
            self.model,
            [sample for sample in self.samples if sample.id in cells],
            ExactCells(cells=cells, engine=get_engine(engine)),
            out=out,
            progress=progress,
            **self.prompting,
        )
        self.table = with_exact(self.table, exact.table)
        return self

    def agreement(self, *, top: int = 10, seed: int = 0) -> pd.DataFrame:
        """How well each method agrees with the exact knockouts: `agreement_table` of the verified rows."""
        return agreement_table(self.table, top=top, seed=seed)

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.attribution`."""

    def __repr__(self) -> str:
        counts = {name: len(set(self.table[name])) for name in ("sample_id", "flow", "layer")}
        heads = len(set(self.table["head"]) - {ALL_HEADS})
        return (
            f"Attribution({self.status}: {counts['sample_id']} samples, {counts['flow']} flows, "
            f"{counts['layer']} layers, {f'{heads} heads' if heads else 'heads together'}, "
            f"by {', '.join(dict.fromkeys(self.table['method']))})"
        )


def status_of(table: pd.DataFrame) -> str:
    """ "estimated", "verified", or "12 of 200 rows verified, the others estimated"."""
    verified = int((table["status"] == VERIFIED).to_numpy(bool).sum())
    if verified in (0, len(table)):
        return VERIFIED if verified else ESTIMATED
    return f"{verified:,} of {len(table):,} rows verified, the others estimated"


def largest(table: pd.DataFrame, top: int | None, *, each_sample: bool = False) -> pd.DataFrame:
    """The rows of the largest estimates of each method: by the change of log-odds, where it has one, since
    probabilities of two confident answers round to the same."""
    if top is None:
        return table
    log_odds, own = (table[name].to_numpy(np.float64) for name in ("estimate_log_odds", "estimate"))
    size = np.nan_to_num(np.abs(np.where(np.isnan(log_odds), own, log_odds)), nan=-1.0)
    ordered: Any = table.iloc[np.argsort(-size, kind="stable")]
    return ordered.groupby(["method", "sample_id"] if each_sample else ["method"], sort=False).head(top)


def with_exact(table: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    """The table with exact effects at the cells that were measured."""
    measured = ["change_percent", "change_log_odds"]
    joined: Any = table[KEYS].merge(exact[[*KEYS, *measured]], on=KEYS, how="left")
    known = joined["change_percent"].notna().to_numpy()
    filled = table.reset_index(drop=True)
    return filled.assign(
        **{name: np.where(known, joined[name], filled[name]) for name in measured},
        status=filled["status"].mask(known, VERIFIED),
    )
