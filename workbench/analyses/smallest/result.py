"""What the search for the smallest pathway gives back, and how it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pandas as pd

from workbench.analyses.smallest.tables import (
    ALL_SEEDS,
    PAPER,
    RANDOM_BLOCKS,
    RANDOM_EDGES,
    RANKED,
    SEARCH,
    SMALLEST,
)
from workbench.attached import attached
from workbench.data.sample import ALL_TASKS
from workbench.markup import as_text, table_html

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.table import Table


@dataclass(frozen=True, kw_only=True, eq=False)
class SmallestPathway:
    """The smallest sets of open edges that the search found, and what held-out samples say of them."""

    table: pd.DataFrame
    """Held-out: a row a task (and "all" together), kind, name and seed. Kinds: full (the untouched model),
    none (all blocks closed), paper (a mode of the paper's rule), search (what the search went through),
    smallest ("flow x layer" and "flow x layer x head"), ranked (the benchmark's sizes), random blocks and
    random edges (as many edges open as in the set of that name; seed -1 is all draws together).
    `accuracy_percent` has its 95% Wilson interval (over several draws: the bootstrap over samples),
    `lost_points` against the untouched model its paired one; `logit_difference` is the mean of the right
    option's logit minus the best other one's; `edges_percent` the share of all (query, key) pairs, layers and
    heads that is left."""
    blocks: pd.DataFrame
    """A row a flow and layer: flow, layer, score (fall of the mean logit difference where it alone is
    closed), edges_percent (its share of the model's edges), heads_open and heads (open in the smallest)."""
    faithfulness: pd.DataFrame
    """Held-out: order (score or magnitude), size (share of the blocks' edges), edges_percent, faithfulness,
    low, high. Without rows where `note` says why."""
    areas: pd.DataFrame
    """Held-out: order, area (CPR or CMD), value, low, high: 95% percentile intervals over samples."""
    steps: pd.DataFrame
    """Search half: a row a candidate in order: phase, edges_percent, samples (that were asked),
    accuracy_percent, logit_difference, accepted."""
    skipped: pd.DataFrame
    """Held-out: samples that could not be used, and sets that could not be drawn, with the reason."""
    n_heads: int
    """Query heads of the model."""
    note: str
    """What to be careful with; usually empty."""
    manifest: dict[str, Any]
    """Settings, versions and device of the test."""
    folder: Path | None = None
    """Where all is stored; None for a search in memory."""

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Accuracy and faithfulness against open edges: `workbench.figures.of_results`."""
    grid_figure: ClassVar[Callable[..., go.Figure]] = attached()
    """What is left open, flow x layer: `workbench.figures.of_results`."""

    @property
    def task(self) -> str:
        """ "all", or the only task."""
        tasks = set(self.table["task"])
        return ALL_TASKS if ALL_TASKS in tasks else str(self.table["task"].iloc[0])

    @property
    def smallest(self) -> Mapping[str, Any]:
        """The row of the smallest set, of all tasks together."""
        rows = self._rows(kind=SMALLEST)
        return rows[-1]

    def headline(self) -> str:
        """The smallest set beside the paper's rule and random sets of its size, in sentences."""
        found = self.smallest
        said = [f"Smallest set ({found['name']}): {_told(found)}, held-out on {found['samples']} samples."]
        for row in self._rows(kind=PAPER):
            share = 100 * found["edges_percent"] / row["edges_percent"]
            said.append(
                f"The paper's rule ({row['name']}): {_told(row)}; the smallest set has {share:.0f}% of "
                "its edges."
            )
        for kind in (RANDOM_BLOCKS, RANDOM_EDGES):
            for row in self._rows(kind=kind, name=found["name"]):
                said.append(f"As few {kind} as in the smallest set: {_told(row)}.")
        for row in self.areas.to_dict("records"):
            if (row["order"], row["area"]) in (("score", "CPR"), ("magnitude", "CMD")):
                said.append(
                    f"{row['area']} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f}), blocks "
                    f"ranked by {row['order']}."
                )
        return "\n".join(filter(None, [*said, self.note]))

    def _rows(self, **wanted: object) -> list[dict[Any, Any]]:
        """Rows of all tasks together and of all draws, by the values of columns."""
        return [
            row
            for row in self.table.to_dict("records")
            if row["task"] == self.task
            and row["seed"] == ALL_SEEDS
            and all(row[column] == value for column, value in wanted.items())
        ]

    def _shown(self) -> pd.DataFrame:
        table = self.table
        chosen = (table["task"] == self.task) & (table["seed"] == ALL_SEEDS)
        chosen &= ~table["kind"].isin([SEARCH, RANKED])
        found = set(table["name"][table["kind"] == SMALLEST])
        chosen &= (table["kind"] != RANDOM_BLOCKS) | table["name"].isin(list(found))
        return cast(pd.DataFrame, table[chosen])

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        shown = Table(
            title=as_text(f"How few edges are enough? {self.manifest['settings']['model']}"),
            caption="Held-out samples, all tasks; points lost against the full model; 95% intervals.",
            box=box.SIMPLE_HEAD,
        )
        for name in ("set", "name"):
            shown.add_column(name, no_wrap=True)
        for name in ("n", "correct", "95% interval", "points lost", "95% interval", "of the edges"):
            shown.add_column(name, justify="right", no_wrap=True)
        for row in self._shown().to_dict("records"):
            shown.add_row(
                as_text(row["kind"]),
                as_text(row["name"]),
                str(row["samples"]),
                f"[bold]{row['accuracy_percent']:.1f}%[/bold]",
                f"{row['low_percent']:.1f} - {row['high_percent']:.1f}",
                f"{row['lost_points'] + 0.0:.1f}",
                f"{row['lost_low'] + 0.0:.1f} - {row['lost_high'] + 0.0:.1f}",
                f"{row['edges_percent']:.1f}%",
            )
        return shown

    def _repr_html_(self) -> str:
        return table_html(self._shown().round(1), self.note)


def _told(row: Mapping[Any, Any]) -> str:
    lost, low, high = (row[name] + 0.0 for name in ("lost_points", "lost_low", "lost_high"))
    return (
        f"{row['accuracy_percent']:.1f}% correct with {row['edges_percent']:.1f}% of the edges, "
        f"{lost:.1f} points lost ({low:.1f} to {high:.1f})"
    )
