"""A linear probe with the truth of the embedded world's cells: how much of it rows hold at all.

A probe is no lens of a stranger's model: it is shown the truth while it is made. Beside lenses it says what
they could have read. Least squares with a ridge, in closed form, from residual stream to 1 for the words that
are right of a cell and 0 for the others. Its control has the truth of another clip (Hewitt and Liang,
"Designing and Interpreting Probes with Control Tasks", 2019, arXiv:1909.03368): what it gets right, it gets
from how common words and places are.

Axes: l layer (from 0), n row, d model, w word.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from workbench.analyses.lens.keywords import KeywordList, KeywordMatch, as_lists
from workbench.analyses.lens.lenses import Lens, check_identity, model_identity, read_scores
from workbench.analyses.lens.roles import COMMONEST
from workbench.analyses.lens.states import ResidualStates
from workbench.analyses.lens.truth import WORDS, scenes_of
from workbench.analyses.lens.unembedding import ROW_CHUNK, Reading
from workbench.data import as_samples
from workbench.engine.vocabulary import VOCAB_CHUNK
from workbench.errors import RunError
from workbench.mini.cells import ATTRIBUTES, cell_truth, moments
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.mini.world import Scene
    from workbench.models import VideoLLM

RIDGE = 1e-3
"""Of the mean square of a residual stream's numbers, times the rows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellProbe(Lens):
    """A linear map a layer, to the words of the embedded world. Made by `cell_probe`."""

    score: ClassVar[str] = "score"

    name: str
    mean: Float[Tensor, "l d"]
    weight: Float[Tensor, "l d w"]
    bias: Float[Tensor, " w"]
    made: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"lens": self.name, **{name: value for name, value in self.made.items() if name != "model"}}

    def check(self, model: VideoLLM) -> None:
        """Raise ModelError where it was made for another model."""
        check_identity(self.made["model"], model, what=self.name, remedy="Make one for this model.")

    def match(
        self, model: VideoLLM, lists: KeywordList | str | Iterable[KeywordList | str]
    ) -> list[KeywordMatch]:
        return [
            KeywordMatch(
                *(entry.name, word, "whole word"),
                tuple(place for place, known in enumerate(WORDS) if known == word),
                *((word,), ()),
            )
            for entry in as_lists(lists)
            for word in entry.words
        ]

    def words_said(self, model: VideoLLM, numbers: Iterable[int]) -> dict[int, str]:
        return {number: WORDS[number] for number in numbers}

    def read(
        self,
        model: VideoLLM,
        residual: Float[Tensor, "r d"],
        layer: int,
        *,
        top_k: int = 1,
        groups: Sequence[Sequence[int]] = (),
        row_chunk: int = ROW_CHUNK,
        vocab_chunk: int = VOCAB_CHUNK,
    ) -> Reading:
        mean, weight, bias = (
            part.to(residual.device) for part in (self.mean[layer], self.weight[layer], self.bias)
        )
        scores = (residual.float() - mean) @ weight + bias
        return read_scores(scores, top_k=top_k, groups=groups, what="The probe's scores")


def cell_probe(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    states: ResidualStates,
    *,
    shuffled: bool = False,
    seed: int = 0,
) -> CellProbe:
    """Fit a probe to what `residual_states` read of the cells of these samples of the embedded data.

    `shuffled` is the control: each clip has the truth of another. Raises RunError where samples are not of
    the embedded data, or the states hold no cell.
    """
    samples = as_samples(samples)
    scenes = scenes_of(samples)
    ids = states.samples
    partner = dict(zip(ids, _deranged(ids, seed) if shuffled else ids, strict=True))
    cells = states.table["cell_row"].notna().to_numpy(bool, copy=True)
    shown = states.table.loc[cells]
    right = _targets(shown, {name: scenes[partner[name]] for name in ids}, _grid(shown))
    means, weights = [], []
    for layer in states.states:
        rows = layer[torch.from_numpy(cells)].double()
        mean = rows.mean(0)
        rows = rows - mean
        square = rows.T @ rows
        square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
        weights.append(torch.linalg.solve(square, rows.T @ (right - right.mean(0))).float())
        means.append(mean.float())
    made = {
        "model": model_identity(model),
        **{
            name: states.manifest["settings"][name]
            for name in ("data_sha256", "sample_ids_sha256", "rows", "rows_per_sample", "seed")
        },
        "probe_seed": seed,
    }
    return CellProbe(
        name="probe, shuffled" if shuffled else "probe",
        mean=torch.stack(means),
        weight=torch.stack(weights),
        bias=right.mean(0).float(),
        made=made,
    )


def commonest_word(probe: CellProbe) -> CellProbe:
    """A baseline that reads nothing: of every cell it says the word that was commonest where the probe was
    made."""
    return replace(probe, name=COMMONEST, weight=torch.zeros_like(probe.weight))


def _grid(table: pd.DataFrame) -> tuple[int, int]:
    """Rows and columns of cells of a frame."""
    grids = table[["grid_rows", "grid_columns"]].drop_duplicates().to_numpy(int).tolist()
    if len(grids) != 1:
        raise RunError(
            f"A probe needs cells of the video, of one size; these states hold {len(grids)} sizes. Read "
            "rows='video', or all rows, of clips of one shape."
        )
    return grids[0][0], grids[0][1]


def _deranged(ids: Sequence[str], seed: int) -> list[str]:
    """The ids in another order, none at its place. Raises RunError for a single one."""
    if len(ids) < 2:
        raise RunError("A shuffled probe needs 2 samples at least. Give more.")
    order = list(range(len(ids)))
    random.Random(seed).shuffle(order)
    place = {one: order[(number + 1) % len(order)] for number, one in enumerate(order)}
    return [ids[place[number]] for number in range(len(ids))]


@shaped
def _targets(table: pd.DataFrame, scenes: Mapping[str, Scene], grid: tuple[int, int]) -> Float[Tensor, "n w"]:
    """1 for the words that are right of a cell, 0 for all others."""
    starts = np.cumsum([0, *(len(words) for words in ATTRIBUTES.values())])
    right = torch.zeros(len(table), len(WORDS), dtype=torch.float64)
    position = np.arange(len(table))
    for name, part in table.groupby("sample_id", sort=False).indices.items():
        mine = table.iloc[part]
        times, moment = np.unique(mine["second"].to_numpy(np.float64), return_inverse=True)
        at = (moment, mine["cell_row"].to_numpy(int), mine["cell_column"].to_numpy(int))
        shown = cell_truth(scenes[str(name)], moments(times), grid)
        for start, truth in zip(starts, shown.values(), strict=False):
            said = truth[at]
            right[position[part][said >= 0], start + said[said >= 0]] = 1.0
    return right
