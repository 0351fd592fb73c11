"""Methods scored blind on planted models, whose truth is known.

After InterpBench (Gupta et al. 2024), which does so for circuits of language models.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
import pandas as pd

from workbench.analyses.methods.method import Method, scores_of
from workbench.analyses.methods.registry import as_methods
from workbench.attached import attached
from workbench.errors import RunError, near_matches, shown
from workbench.files import whole
from workbench.markup import table_html
from workbench.planted import PLANTED, Candidate, Planted, Role, candidates
from workbench.progress import progress_bar
from workbench.statistics.retrieval import average_precision, chance_of_top

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROLES: tuple[Role, ...] = get_args(Role)
_MEANS = ("average_precision", "precision_by_layer", "found_percent", *(f"{role}_percent" for role in ROLES))
FILES = ("methods", "scores")
"""Tables of a folder, each NAME.parquet."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodScores:
    """How well methods found the edges of planted models."""

    table: pd.DataFrame
    """One row a method and model. Columns: method, model, candidates, true_edges, average_precision,
    precision_by_layer (the same with the heads of a layer as one, the highest of them), found_percent (of the
    true edges, how many are among as many highest scores: precision and recall are the same there), a column
    ROLE_percent each (the same for edges of one role; missing where there are none), highest (absolute
    score), highest_true (that of a true edge), seconds."""
    scores: pd.DataFrame
    """One row a method, model and candidate: method, model, flow, layer, head, score, role ("" where cutting
    it changes nothing), chance_of_top (of being among as many highest absolute scores as there are true
    edges: 1 or 0, or between where scores are equal)."""

    @property
    def summary(self) -> pd.DataFrame:
        """One row a method, the best first: means over models of precisions and percentages;
        false_alarm, the highest score in models in which no edge matters, as a share of the median highest
        score of true edges elsewhere; seconds, in all."""
        rows = []
        for method in dict.fromkeys(self.table["method"]):
            own: Any = self.table[self.table["method"] == method]
            none, some = own[own["true_edges"] == 0], own[own["true_edges"] > 0]
            usual = float(some["highest_true"].median()) if len(some) else float("nan")
            rows.append(
                {
                    "method": method,
                    "models": len(own),
                    **{name: float(own[name].mean()) for name in _MEANS},
                    "false_alarm": float(none["highest"].max()) / usual if len(none) else float("nan"),
                    "seconds": float(own["seconds"].sum()),
                }
            )
        return pd.DataFrame(rows).sort_values("average_precision", ascending=False, ignore_index=True)

    @property
    def missed(self) -> pd.DataFrame:
        """True edges that are not surely among as many highest scores, by method: model, flow, layer, head,
        score, role."""
        kept: Any = self.scores[(self.scores["role"] != "") & (self.scores["chance_of_top"] < 1)]
        return kept.drop(columns="chance_of_top").reset_index(drop=True)

    @property
    def stories(self) -> dict[str, str]:
        """What each model does, in one sentence."""
        return {name: PLANTED[name].story for name in dict.fromkeys(self.table["model"])}

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Average precision, a row a model and a column a method: `workbench.figures.method_scores`."""

    def _repr_html_(self) -> str:
        grouped: Any = self.missed.groupby(["method", "role"], sort=False).size()
        missed = grouped.unstack(fill_value=0)
        return table_html(self.summary.round(3)) + table_html(
            missed.reset_index(), "Edges that each method does not surely find, by role"
        )

    def __repr__(self) -> str:
        return (
            f"MethodScores({self.table['method'].nunique()} methods, {self.table['model'].nunique()} models)"
        )


def bench_methods(
    methods: str | Sequence[str] | Mapping[str, Method] | None = None,
    *,
    models: Sequence[str] | None = None,
    out: Path | str | None = None,
    progress: bool = True,
) -> MethodScores:
    """Scores methods on planted models: which edges each names, and which edges carry the answer.

    A method sees a loaded model, its samples and the candidates (every flow of `workbench.planted.FLOWS` in
    every head of every layer), in an order that is drawn; names say nothing, and the truth is not shown.

    Args:
        methods: names of `workbench.analyses.methods.methods_here()`, or functions of one's own by name (see
            `Method`); all that there are if not given.
        models: names of `workbench.planted.PLANTED`; all if not given.
        out: a folder for methods.parquet and scores.parquet.

    Raises RunError for unknown names, for scores that are not one finite number a candidate, WriteError.
    """
    chosen, asked = as_methods(methods), _models(models)
    rows: list[dict[str, Any]] = []
    parts: list[pd.DataFrame] = []
    with progress_bar(len(chosen) * len(asked), what="methods", unit=" scores", show=progress) as bar:
        for planted in asked:
            for row, scores in _scored(planted, chosen):
                rows.append(row)
                parts.append(scores)
                bar.update()
    table = pd.DataFrame(rows).sort_values("method", kind="stable", key=_order(chosen), ignore_index=True)
    found = MethodScores(table=table, scores=pd.concat(parts, ignore_index=True))
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in zip(FILES, (found.table, found.scores), strict=True):
            with whole(folder / f"{name}.parquet") as path:
                frame.to_parquet(path, index=False)
    return found


def _models(names: Sequence[str] | None) -> list[Planted]:
    if names is None:
        return list(PLANTED.values())
    for name in names:
        if name not in PLANTED:
            hint = near_matches(str(name), PLANTED)
            raise RunError(f"There is no planted model {shown(name)}.{hint} There are: {'; '.join(PLANTED)}.")
    if not names:
        raise RunError("No planted model is named. Leave models out for all of them.")
    return [PLANTED[name] for name in names]


def _order(methods: Mapping[str, Method]) -> Callable[[pd.Series], pd.Series]:
    places = {name: place for place, name in enumerate(methods)}
    return lambda names: names.map(places)


def _scored(planted: Planted, methods: Mapping[str, Method]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    model = planted.load()
    with tempfile.TemporaryDirectory() as folder:
        samples = planted.samples(Path(folder))
        every = candidates(model.encode(samples[0]).layout, model.n_layers, model.n_heads)
        drawn = [every[place] for place in np.random.default_rng(0).permutation(len(every))]
        roles = {edge.candidate: edge.role for edge in planted.edges}
        role = np.array([roles.get(one, "") for one in drawn], dtype=object)
        for name, method in methods.items():
            began = time.perf_counter()
            scores = scores_of(method(model, list(samples), list(drawn)), name, len(drawn))
            seconds = time.perf_counter() - began
            size, true = np.abs(scores), role != ""
            top = chance_of_top(size, int(true.sum()))
            row = {
                "method": name,
                "model": planted.name,
                "candidates": len(drawn),
                "true_edges": int(true.sum()),
                "average_precision": average_precision(size, true),
                "precision_by_layer": _by_layer(drawn, size, true),
                "found_percent": _percent(top[true]),
                **{f"{one}_percent": _percent(top[role == one]) for one in ROLES},
                "highest": float(size.max()),
                "highest_true": float(size[true].max()) if true.any() else float("nan"),
                "seconds": seconds,
            }
            table = pd.DataFrame(drawn).assign(score=scores, role=role, chance_of_top=top)
            table.insert(0, "model", planted.name)
            table.insert(0, "method", name)
            yield row, table


def _percent(chances: np.ndarray) -> float:
    return 100 * float(chances.mean()) if chances.size else float("nan")


def _by_layer(drawn: Sequence[Candidate], size: np.ndarray, true: np.ndarray) -> float:
    frame = pd.DataFrame({"place": [one[:2] for one in drawn], "size": size, "true": true})
    grouped: Any = frame.groupby("place", sort=False).max()
    return average_precision(grouped["size"].to_numpy(), grouped["true"].to_numpy(bool))
