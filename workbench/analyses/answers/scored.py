"""Answers against the truth: by task, over all, by group and by facet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.checksums import write_listed
from workbench.data import DATASETS, as_samples
from workbench.errors import RunError, shown
from workbench.markup import as_text, table_html
from workbench.measures.correctness import UNKNOWN
from workbench.measures.scoring import get_scoring
from workbench.runs import Measured, Skip
from workbench.statistics.scores import (
    GroupScore,
    clustered_share,
    facet_table,
    group_table,
    overall_table,
    percent,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from workbench.data import Sample, Samples

_TITLES = {
    "first_token": "The token ranked first",
    "likelihood": "The likeliest option",
    "generation": "Written answers",
    "recorded": "Recorded answers",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy:
    """How well a model answers."""

    table: pd.DataFrame
    """One row a task: task, samples, correct, accuracy_percent, low_percent and high_percent (95% Wilson
    interval, of as many questions as the clips are worth), chance_percent (guessing among the options;
    missing for open-ended samples), named_percent (answers that name one of the options at all, right or
    wrong; missing likewise)."""
    overall: pd.DataFrame
    """Two rows: micro, all questions alike, and macro, all tasks alike. Columns: `overall_table`."""
    groups: pd.DataFrame
    """One row a score of whole groups (pairs); empty where samples have none. Columns: `group_table`."""
    facets: pd.DataFrame
    """One row a facet and its value; empty where samples have none. Columns: `facet_table`."""
    answers: pd.DataFrame
    """One row a sample: sample_id, task, answer, predicted, correct, and how it was put."""
    samples: pd.DataFrame
    """One row a sample: the token that the model ranked first. Columns: `workbench.runs.SampleRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for one in memory."""
    ask: str = "first_token"
    """How the answers were taken."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        return write_listed(path, self.table.to_csv(index=False, float_format="%.4f"))

    def scores(self) -> pd.DataFrame:
        """All scores in one table: kind (task, overall, group, facet), name, n, correct, accuracy_percent,
        low_percent, high_percent. The macro score has no number of correct answers."""
        kinds = (
            ("task", self.table, ["task"], "samples"),
            ("overall", self.overall, ["score"], "samples"),
            ("group", self.groups, ["score"], "groups"),
            ("facet", self.facets, ["facet", "value"], "samples"),
        )
        rows = [
            {
                "kind": kind,
                "name": "=".join(str(row[part]) for part in name),
                "n": row[n],
                "correct": row.get("correct"),
                **{end: row[end] for end in ("accuracy_percent", "low_percent", "high_percent")},
            }
            for kind, table, name, n in kinds
            for row in table.to_dict("records")
        ]
        return pd.DataFrame(rows).astype({"correct": "Int64"})

    def __rich__(self) -> RenderableType:
        from rich.console import Group

        settings = self.manifest.get("settings", {})
        of = f" of {settings['model']}" if "model" in settings else ""
        title = f"{_TITLES[self.ask]}{of} on {settings.get('data', 'samples')}"
        parts: list[RenderableType] = [
            _printed(
                self.table,
                "task",
                "samples",
                title=title,
                more={"chance_percent": "chance", "named_percent": "named an option"},
            )
        ]
        if len(self.table) > 1:
            parts.append(_printed(self.overall, "score", "samples", title="Over all tasks"))
        if len(self.groups):
            parts.append(
                _printed(
                    self.groups, "score", "groups", title="Whole groups", more={"incomplete": "incomplete"}
                )
            )
        if len(self.facets):
            named = self.facets.assign(name=self.facets["facet"] + ": " + self.facets["value"])
            parts.append(_printed(named, "name", "samples", title="By facet"))
        if n := len(self.skipped):
            parts.append(f"{n} sample{'s' if n > 1 else ''} skipped: see .skipped, or skipped.csv")
        return Group(*parts)

    def _repr_html_(self) -> str:
        tables = (self.table, self.overall, self.groups, self.facets)
        return "".join(table_html(table.round(1)) for table in tables if len(table))


def scored(answers: pd.DataFrame, samples: Samples, found: Measured, *, ask: str) -> Accuracy:
    """What answers (`sample_id`, `task`, `predicted`, `correct`) to `samples` come to."""
    placed = _placed(answers, samples)
    return Accuracy(
        table=accuracy_table(answers, samples),
        overall=overall_table(placed),
        groups=group_table(placed, group_scores(samples), _expected(samples)),
        facets=facet_table(placed, {sample.id: dict(sample.facets) for sample in samples}),
        answers=answers,
        samples=found.samples,
        skipped=found.skipped,
        manifest=found.manifest,
        folder=found.folder,
        ask=ask,
    )


def score_answers(
    samples: Samples | Sequence[Sample], texts: Mapping[str, str], *, scoring: str = "workbench"
) -> Accuracy:
    """What answers that were written elsewhere come to: `texts` by the id of their sample.

    Samples without a text, or whose true answer is not known, are skipped and listed. Raises RunError for an
    id that is no sample's, for another `scoring`, and where nothing can be scored.
    """
    samples, rule = as_samples(samples), get_scoring(scoring)
    if strange := sorted(set(texts) - {sample.id for sample in samples}):
        raise RunError(
            f"texts has {shown(strange[0])} ({len(strange)} in all), and no sample has that id. Ids are like "
            f"{shown(samples[0].id)}."
        )
    rows, skipped = [], []
    for sample in samples:
        text, true = texts.get(sample.id), sample.true_letter or sample.open_answer or sample.true_option
        silent = text is not None and not text and not rule.counts_silence
        if text is None or true is None or silent:
            why = (
                "there is no text for it"
                if text is None
                else UNKNOWN
                if true is None
                else "the text is empty"
            )
            skipped.append({"sample_id": sample.id, "flow": "", "reason": why})
            continue
        predicted, right = rule.judge(sample, text)
        rows.append((sample.id, sample.task, text, true, predicted, right))
    if not rows:
        raise RunError(f"None of {len(samples)} samples can be scored: {skipped[0]['reason']}.")
    found = Measured(
        table=pd.DataFrame(),
        samples=pd.DataFrame(),
        skipped=pd.DataFrame(skipped, columns=pd.Index(Skip._fields)),
        manifest={"settings": {"data": samples.name, "scoring": scoring}},
        folder=None,
    )
    columns = ["sample_id", "task", "text", "answer", "predicted", "correct"]
    return scored(pd.DataFrame(rows, columns=pd.Index(columns)), samples, found, ask="recorded")


def accuracy_table(answered: pd.DataFrame, samples: Samples | Sequence[Sample]) -> pd.DataFrame:
    """One row a task from a table of answers (`sample_id`, `task`, `predicted`, `correct`), tasks in order of
    first appearance. `samples` have the options that guessing would choose from."""
    samples = as_samples(samples)
    options = {sample.id: sample.letters for sample in samples}
    rows = []
    clips = _placed(answered, samples)["clip"]
    for task, part in answered.groupby("task", sort=False):
        share = clustered_share(part["correct"].astype(bool), clips[part.index])
        offered = [options[str(sample_id)] for sample_id in part["sample_id"]]
        closed = all(offered)
        named = [said in letters for said, letters in zip(part["predicted"], offered, strict=True)]
        rows.append(
            {
                "task": str(task),
                "samples": share.n,
                "correct": int(part["correct"].to_numpy(bool).sum()),
                **percent(share),
                "chance_percent": 100 * _mean([1 / len(x) for x in offered]) if closed else float("nan"),
                "named_percent": 100 * _mean(named) if closed else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def group_scores(samples: Samples) -> Mapping[str, GroupScore]:
    """The scores of whole groups that the data set is known by; "group" for others that have groups."""
    dataset = DATASETS.get(samples.name)
    if dataset is not None and dataset.group_scores:
        return {
            name: GroupScore(tasks=tasks, size=size) for name, (tasks, size) in dataset.group_scores.items()
        }
    return {"group": GroupScore()} if any(sample.group for sample in samples) else {}


def _placed(answers: pd.DataFrame, samples: Samples) -> pd.DataFrame:
    """The answers with each sample's group, and what it stands or falls with: its group, else its clip."""
    of = {sample.id: sample for sample in samples}
    asked = [of[str(id)] for id in answers["sample_id"]]
    return answers[["sample_id", "task", "correct"]].assign(
        group=[sample.group for sample in asked],
        clip=[sample.group or f"{sample.video}|{sample.start}|{sample.end}" for sample in asked],
    )


def _expected(samples: Samples) -> Counter[tuple[str, str]]:
    """How many samples there are of each (group, task)."""
    return Counter((sample.group, sample.task) for sample in samples if sample.group is not None)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _printed(
    table: pd.DataFrame, name: str, n: str, *, title: str, more: Mapping[str, str] | None = None
) -> Table:
    """A table of shares for a terminal: their name, number and interval, and `more` columns by title."""
    from rich import box
    from rich.table import Table

    printed = Table(title=as_text(title), box=box.SIMPLE_HEAD, title_justify="left")
    printed.add_column(name, no_wrap=True)
    counted = "correct" in table
    more = {column: head for column, head in (more or {}).items() if table[column].to_numpy(bool).any()}
    for head in (n, *(["correct"] if counted else []), "accuracy", "95% interval", *more.values()):
        printed.add_column(head, justify="right", no_wrap=True)
    for row in table.to_dict("records"):
        printed.add_row(
            as_text(row[name]),
            str(row[n]),
            *(["-" if pd.isna(row["correct"]) else str(row["correct"])] if counted else []),
            f"[bold]{row['accuracy_percent']:.1f}%[/bold]",
            f"{row['low_percent']:.1f} - {row['high_percent']:.1f}",
            *(_more(column, row[column]) for column in more),
        )
    return printed


def _more(column: str, value: float) -> str:
    if pd.isna(value):
        return "-"
    digits = 1 if column == "named_percent" else 0
    return f"{value:.{digits}f}%" if column.endswith("percent") else str(value)
