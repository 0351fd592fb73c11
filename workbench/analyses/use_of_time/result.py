"""The result of `use_of_time`: facts, verdicts, and a certificate for each question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from workbench.analyses.use_of_time.rule import VERDICTS, rule, task_table, verdict_table
from workbench.attached import attached
from workbench.errors import RunError, near_matches, printable, shown
from workbench.markup import as_text, table_html

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.table import Table


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Certificate:
    """What one answer rests on, and the facts that say so."""

    sample_id: str
    verdict: str
    """One of "uses time", "static shortcut", "language prior", "undecided"."""
    because: str
    answer: str
    """The letter that the model chose."""
    truth: str
    """The true letter; empty where it is not known."""
    facts: pd.DataFrame
    """One row a fact: fact, kind, letter, p_answer, kept."""

    def _title(self) -> str:
        truth = f", truth {self.truth}" if self.truth else ""
        return f"{self.sample_id}: {self.verdict} ({self.because}); answer {self.answer}{truth}"

    def _shown(self) -> pd.DataFrame:
        said = self.facts["letter"].where(~self.facts["kept"].astype(bool), "kept")
        return pd.DataFrame(
            {
                "fact": self.facts["fact"],
                "kind": self.facts["kind"],
                "answer": said,
                "p of the answer": self.facts["p_answer"].map("{:.2f}".format),
            }
        )

    def __repr__(self) -> str:
        lines = [f"  {row[0]}: {row[2]} (p {row[3]})" for row in self._shown().itertuples(index=False)]
        return "\n".join([f"Certificate of {printable(self._title())}", *lines])

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        shown_facts = self._shown()
        table = Table(title=as_text(self._title()), box=box.SIMPLE_HEAD)
        for name in shown_facts.columns:
            table.add_column(name)
        for row in shown_facts.itertuples(index=False):
            table.add_row(*map(as_text, row))
        return table

    def _repr_html_(self) -> str:
        return table_html(self._shown(), self._title())


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TimeUse:
    """Facts about every answer, and what they come to."""

    table: pd.DataFrame
    """One row a sample and fact. Columns: `FactRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for one in memory."""

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row a sample: verdict, because, and how many facts of each kind kept the answer."""
        return verdict_table(self.table)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """One row a task and verdict: its share with the 95% Wilson interval, and the task's verdict."""
        return task_table(self.verdicts)

    def certificate(self, sample_id: str) -> Certificate:
        """The facts of one question and their verdict. Raises RunError for an unknown id."""
        rows = self.table.loc[self.table["sample_id"] == sample_id]
        if rows.empty:
            known = list(dict.fromkeys(self.table["sample_id"]))
            raise RunError(
                f"There is no certificate of {shown(sample_id)}: it was not among the samples, or "
                "was skipped."
                f"{near_matches(sample_id, known)}"
            )
        first: dict[Any, Any] = rows.iloc[0].to_dict()
        verdict = rule(rows)
        facts = rows.loc[rows["kind"] != "", ["fact", "kind", "letter", "p_answer", "kept"]]
        return Certificate(
            sample_id=sample_id,
            verdict=verdict.verdict,
            because=verdict.because,
            answer=first["answer"],
            truth=first["truth"],
            facts=facts.reset_index(drop=True),
        )

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def _shares(self) -> pd.DataFrame:
        rows = []
        for task in dict.fromkeys(self.tasks["task"]):
            here = self.tasks.loc[self.tasks["task"] == task].set_index("verdict")
            cells = {
                verdict: f"{here.at[verdict, 'percent']:.0f}% "
                f"({here.at[verdict, 'low_percent']:.0f}..{here.at[verdict, 'high_percent']:.0f})"
                for verdict in VERDICTS
            }
            first: dict[Any, Any] = here.iloc[0].to_dict()
            rows.append({"task": task, "n": first["of"], **cells, "the task": first["task_verdict"]})
        return pd.DataFrame(rows)

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        table = Table(
            title=as_text(f"Did it use time? {self.manifest['settings']['model']}"),
            caption="Share of samples by verdict, 95% intervals; the task: that of clearly most.",
            box=box.SIMPLE_HEAD,
        )
        shares = self._shares()
        for name in shares.columns:
            table.add_column(name)
        for row in shares.itertuples(index=False):
            table.add_row(*map(as_text, row))
        return table

    def _repr_html_(self) -> str:
        return table_html(self._shares(), "Share of samples by verdict, 95% intervals.")

    def __repr__(self) -> str:
        counts = self.verdicts["verdict"].value_counts()
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
        return f"TimeUse({len(self.verdicts)} samples: {told})"
