"""Lenses judged by the truth: of how many cells of the embedded world does each say the right word?

Two questions are put to a lens, after every layer. Among the words of one attribute (five shapes, six
colours, ..), which one does it rank first? And which of all its words? The second is right where that word is
true of the cell in any way.

Axes: r cell, in the order (frame, row, column).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.attached import attached
from workbench.errors import RunError
from workbench.mini.cells import ATTRIBUTES, cell_truth, moments
from workbench.runs import PromptMeasurement, Unusable, measure_samples
from workbench.statistics.bootstrap import bootstrap_table
from workbench.statistics.columns import require_columns

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.analyses.lens.lenses import Lens
    from workbench.data import Sample, Samples
    from workbench.mini.world import Scene
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

ANY = "any word"
"""In the place of an attribute: the best of all words that the lens knows."""


class CellCount(NamedTuple):
    """How many cells of one sample a lens says the right word of, after one layer."""

    sample_id: str
    task: str
    clip: str
    """Twins, a clip and the same clip backwards, share it."""
    lens: str
    layer: int
    """From 0: what enters the first block."""
    attribute: str
    """ "shape", "colour", "motion", "place", or "any word"."""
    words: int
    """That the lens chose among."""
    cells: int
    """Whose truth is known."""
    right: int


class RightShare(NamedTuple):
    """One point of one curve."""

    attribute: str
    lens: str
    layer: int
    n: int
    """Clips."""
    mean: float
    """Share of a clip's cells whose word is right, the mean over clips."""
    low: float
    high: float
    """Ends of the mean's 95% bootstrap interval over clips."""
    guessing: float
    """1 / words: what a blind choice among the words gets right. Of any word NaN: several may be right."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LensComparison:
    """Lenses on cells whose truth is known."""

    table: pd.DataFrame
    """One row a sample, lens, layer and attribute. Columns: `CellCount`."""
    skipped: pd.DataFrame
    manifest: dict[str, Any]
    folder: Path | None = None

    def curves(self, *, seed: int = 0) -> pd.DataFrame:
        """Means over clips by attribute, lens and layer: `right_shares`."""
        return right_shares(self.table, seed=seed)

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def __repr__(self) -> str:
        clips, lenses = (len(set(self.table[name])) for name in ("clip", "lens"))
        return f"LensComparison({lenses} lenses, {clips} clips)"


def compare_lenses(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    lenses: Mapping[str, Lens] | Iterable[Lens],
    *,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> LensComparison:
    """Read every cell of samples of the embedded data through several lenses, after every layer.

    Args:
        lenses: by the name that they are to have, or by their own.
        out: a folder for the results, written sample by sample; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.

    Take clips that no lens was made from. Raises RunError where a sample is not of the embedded data, no lens
    is given or two have one name, and where `out` holds a run with other settings; ModelError for a lens of
    another model.
    """
    from workbench.analyses.lens.truth import scenes_of
    from workbench.data import as_samples

    samples = as_samples(samples)
    by_name = cast("Mapping[str, Lens]", lenses) if isinstance(lenses, Mapping) else None
    own = [] if by_name is not None else [(lens.name, lens) for lens in cast("Iterable[Lens]", lenses)]
    named = own if by_name is None else list(by_name.items())
    names = [name for name, _ in named]
    if not names or len(set(names)) < len(names):
        raise RunError(
            f"Lenses are compared by name, and these are called {', '.join(names) or 'nothing'}. Give one or "
            "more, in a dict of different names."
        )
    for _, lens in named:
        lens.check(model)
    scenes_of(samples)
    found = measure_samples(
        model,
        samples,
        RightCells(lenses=tuple(named)),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return LensComparison(
        table=found.table, skipped=found.skipped, manifest=found.manifest, folder=found.folder
    )


@dataclass(frozen=True, kw_only=True)
class RightCells(PromptMeasurement):
    """Cells whose word is right, by lens, layer and attribute."""

    name: ClassVar[str] = "lens_comparison"
    table: ClassVar[str] = "lens_comparison"
    row: ClassVar[type] = CellCount

    lenses: tuple[tuple[str, Lens], ...]

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"lenses": {name: dict(lens.settings) for name, lens in self.lenses}}

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterable[CellCount]:
        # Here and not above: reading tables needs no torch.
        from workbench.analyses.lens.states import layer_states
        from workbench.analyses.lens.truth import clip_of_world, scenes_of

        cells = prompt.layout.cells
        if cells is None:
            raise Unusable("The prompt has no grid of cells, so that nothing is known of its rows.")
        truth = truth_of(scenes_of([sample])[sample.id], prompt)
        states = layer_states(model, prompt, cells.ravel())
        about = (sample.id, sample.task, clip_of_world(sample))
        for name, lens in self.lenses:
            groups = {
                attribute: [match.token_ids for match in lens.match(model, words)]
                for attribute, words in ATTRIBUTES.items()
            }
            known = [ids for of in groups.values() for ids in of if ids]
            for layer, residual in enumerate(states):
                found = lens.read(model, residual, layer, groups=known)
                chosen = _chosen(groups, found.group_p.float().cpu().numpy())
                for attribute, of in chosen.items():
                    mine = truth[attribute] >= 0
                    right = int((of == truth[attribute])[mine].sum())
                    yield CellCount(
                        *about, name, layer, attribute, len(ATTRIBUTES[attribute]), int(mine.sum()), right
                    )
                top = found.top_ids[:, 0].cpu().numpy()
                said = lens.words_said(model, set(top.tolist()))
                words = np.array([said[number].strip().lower() for number in top.tolist()], dtype=object)
                yield CellCount(*about, name, layer, ANY, 0, *_any_right(words, truth))


def truth_of(scene: Scene, prompt: Prompt) -> dict[str, np.ndarray]:
    """By attribute, the place of each cell's word (r); -1 where it shows none."""
    from workbench.analyses.lens.states import unit_seconds

    grid = prompt.layout.grid
    assert grid is not None
    truth = cell_truth(scene, moments(unit_seconds(prompt)), grid)
    return {name: of.ravel() for name, of in truth.items()}


def _chosen(groups: Mapping[str, Sequence[Sequence[int]]], scores: np.ndarray) -> dict[str, np.ndarray]:
    """By attribute, the place of the best word of each cell. `scores` has those of known words (r, known)."""
    chosen, start = {}, 0
    for attribute, of in groups.items():
        known = [place for place, ids in enumerate(of) if ids]
        part = scores[:, start : start + len(known)]
        start += len(known)
        none = np.full(len(scores), -2)  # a lens that knows no word of it is never right
        chosen[attribute] = np.array(known)[part.argmax(1)] if known else none
    return chosen


def _any_right(words: np.ndarray, truth: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Cells of which something is known, and those whose word says some of it."""
    known, right = (np.zeros(len(words), bool) for _ in range(2))
    for attribute, of in truth.items():
        names = np.array([*ATTRIBUTES[attribute], ""], dtype=object)  # -1, the last, is no word
        known |= of >= 0
        right |= (of >= 0) & (names[of] == words)
    return int(known.sum()), int(right.sum())


def right_shares(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Mean share of right cells by attribute, lens and layer, with its interval. Columns: `RightShare`.

    A clip's cells are counted together, its twin's too, and clips are averaged: an interval says how far a
    mean would move with other clips, however many cells each has. Clips without a cell of an attribute are
    left out of it. Raises RunError where no cell is left.
    """
    needed = ("clip", "lens", "layer", "attribute", "words", "cells", "right")
    require_columns(table, *needed, remedy="Pass the table of wb.compare_lenses.")
    by = ["attribute", "lens", "layer"]
    summed: Any = table.groupby([*by, "clip"], sort=False, as_index=False)[["cells", "right"]].sum()
    counted = cast(pd.DataFrame, summed[summed["cells"] > 0])
    if counted.empty:
        raise RunError("The table has no cell whose truth is known. Measure at least one clip.")
    counted = counted.assign(share=counted["right"] / counted["cells"])
    curves = bootstrap_table(counted, by, "share", seed=seed, within=(0.0, 1.0))
    sizes = {str(name): int(part["words"].iloc[0]) for name, part in table.groupby("attribute")}
    guessing = [1 / sizes[name] if sizes[name] else np.nan for name in curves["attribute"]]
    return cast(pd.DataFrame, curves.assign(guessing=guessing)[list(RightShare._fields)])
