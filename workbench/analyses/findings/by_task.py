"""The verdict of all tasks together and of each, and as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analyses.findings.claims import CLAIMS
from workbench.analyses.findings.verdicts import FINDING_FLOWS, findings
from workbench.analyses.pathways.closing import GENERAL_FLOWS
from workbench.interventions.catalogue import CROSS_FRAME
from workbench.markup import as_text
from workbench.statistics.cautions import ROUNDING

if TYPE_CHECKING:
    from rich.table import Table

SWEPT_FLOWS = tuple(dict.fromkeys((*FINDING_FLOWS, *GENERAL_FLOWS)))
"""Flows that a sweep needs for all claims, and for the pathways in every mode."""
IMAGE_FLOWS = (CROSS_FRAME,)
"""Flows that the image model's sweep needs."""
_COLORS = {"holds": "green", "does not hold": "red", "undecided": "yellow"}


def findings_by_task(
    table: pd.DataFrame,
    image: pd.DataFrame | None,
    suffice: pd.DataFrame,
    answers: pd.DataFrame,
    *,
    mode: str,
    each: bool,
    seed: int,
    noise: float = ROUNDING,
) -> pd.DataFrame:
    """`findings` of all tasks together and, with `each`, of each alone; a first column says which.

    The image model's table need not have every task.
    """
    of_image = set() if image is None else set(image["task"])
    parts = []
    for task in (None, *(dict.fromkeys(table["task"]) if each else ())):
        part = findings(
            table,
            image=None if task and task not in of_image else image,
            suffice=suffice,
            mode=mode,
            answers=answers,
            task=task,
            noise=noise,
            seed=seed,
        )
        part.insert(0, "task", task or "all")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def findings_shown(table: pd.DataFrame, title: str | None = None) -> Table:
    """The claims, what was measured, and the verdict; with the task where there are several."""
    from rich import box
    from rich.table import Table

    several = len(set(table["task"])) > 1
    title = title or f"What holds, of {len(CLAIMS)} claims of Map the Flow"
    shown = Table(title=title, box=box.SIMPLE_HEAD, show_lines=True)
    for name in (*(["task"] if several else []), "claim", "measured (95% interval)", "n", "verdict"):
        shown.add_column(name)
    for row in table.to_dict("records"):
        color = _COLORS.get(row["verdict"], "dim")
        told = "; ".join(filter(None, (row["measured"], row["note"])))
        cells = [as_text(cell) for cell in (row["claim"], told, row["n"] or "")]
        first = [as_text(row["task"])] if several else []
        shown.add_row(*first, *cells, f"[{color}]{row['verdict']}[/{color}]")
    return shown
