"""Marks of the methods as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analyses.attribution.agreement import ALL
from workbench.markup import as_text

if TYPE_CHECKING:
    from rich.table import Table


def agreement_shown(agreement: pd.DataFrame, costs: pd.DataFrame) -> Table:
    """A row a method: its agreement with exact knockouts over all cells and samples, and its cost.

    Bold: Spearman's rho of at least 0.9.
    """
    from rich import box
    from rich.table import Table

    level = agreement["level"].iloc[0]
    every: list[Any] = list(agreement.itertuples(index=False))
    rows = [
        row for row in every
        if (row.level, row.task, row.flow, row.layer) == (level, ALL, ALL, 0)
    ]  # fmt: skip
    paid_for: list[Any] = list(costs.itertuples(index=False))
    cost = {row.method: row for row in paid_for}
    samples, cells = (rows[0].samples, rows[0].cells) if rows else (0, 0)
    shown = Table(
        title=f"Estimates against exact knockouts; {samples} samples, {cells} cells each",
        caption="Spearman's rho within a sample, mean with its 95% interval; bold: at least 0.9.",
        box=box.SIMPLE_HEAD,
    )
    shown.add_column("method", no_wrap=True)
    for name in ("rho", "rho of sizes", f"top {rows[0].top if rows else 0} confirmed", "seconds", "forwards"):
        shown.add_column(name, justify="right")
    shown.add_column("of exact", justify="right")
    for row in rows:
        one = cost.get(row.method)
        paid = (
            ("-",) * 3 if one is None else (f"{one.seconds:.2f}", f"{one.forwards:.1f}", f"{one.share:.0%}")
        )
        shown.add_row(
            as_text(row.method),
            _mark(row.spearman, row.low, row.high),
            _mark(row.magnitude, row.magnitude_low, row.magnitude_high),
            f"{row.confirmed:.0%}",
            *paid,
        )
    if (one := cost.get("exact")) is not None:
        shown.add_row("exact knockouts", "", "", "", f"{one.seconds:.2f}", f"{one.forwards:.1f}", "100%")
    return shown


def _mark(mean: float, low: float, high: float) -> str:
    text = f"{mean:.2f} ({low:.2f} to {high:.2f})"
    return f"[bold]{text}[/bold]" if mean >= 0.9 else text
