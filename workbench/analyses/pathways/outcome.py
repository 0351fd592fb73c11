"""What the pathways' test gives back: its tables, its figure, and how they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from workbench.analyses.pathways.points_lost import headline
from workbench.attached import attached

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.table import Table

RANDOM = "random"
NO_SEED = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Sufficiency:
    """Accuracy of the full model, of its effective pathways, and of random edges."""

    table: pd.DataFrame
    """A row a task (and all together) and setting: `analyses.pathways.points_lost.suffice_table`."""
    outcomes: pd.DataFrame
    """A row a sample and setting. Columns: `workbench.analyses.pathways.sufficiency.SufficeRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for one in memory."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        path = Path(path)
        self.table.to_csv(path, index=False, float_format="%.4f")
        return path

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def headline(self) -> str:
        """What the table says of all tasks together, a sentence a mode."""
        return headline(self.table)

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        shown = Table(
            title=f"Are the effective pathways enough? {self.manifest['settings']['model']}",
            caption="Correct answers; points lost against the full model, paired by sample; 95% intervals.",
            box=box.SIMPLE_HEAD,
        )
        for name in ("task", "setting", "mode"):
            shown.add_column(name, no_wrap=True)
        for name in ("n", "correct", "95% interval", "points lost", "95% interval", "edges", "of full"):
            shown.add_column(name, justify="right", no_wrap=True)
        for row in self.table.to_dict("records"):
            if row["setting"] != RANDOM or row["seed"] == NO_SEED:
                shown.add_row(*_cells(row))
        return shown

    def _repr_html_(self) -> str:
        return self.table.round(1).to_html(index=False, border=0)


def _cells(row: Mapping[Any, Any]) -> list[str]:
    return [
        str(row["task"]),
        str(row["setting"]),
        str(row["mode"]),
        str(row["samples"]),
        f"[bold]{row['accuracy_percent']:.1f}%[/bold]",
        f"{row['low_percent']:.1f} - {row['high_percent']:.1f}",
        f"{row['lost_points'] + 0.0:.1f}",
        f"{row['lost_low'] + 0.0:.1f} - {row['lost_high'] + 0.0:.1f}",
        f"{row['edges']:,.0f}",
        f"{row['edges_percent']:.1f}%",
    ]
