"""Residual streams of some rows of many samples, after every layer: what lenses are made from.

Axes: l layer (from 0: what enters the first block), r row of a prompt, n row of any prompt, d model.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor

from workbench.errors import NotFinite, RunError, not_finite
from workbench.prompts.partition import row_places
from workbench.prompts.rows import chosen_rows
from workbench.prompts.words import words_of
from workbench.runs import Asked, Done, Measurement, Record, measure_samples
from workbench.runs.settings import as_seed
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Sampling

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sample_id", "task")),
        ("row", pa.int64()),
        *((name, pa.int64()) for name in ("frame", "cell_row", "cell_column", "grid_rows", "grid_columns")),
        ("second", pa.float64()),
        ("word", pa.string()),
        ("states", pa.large_binary()),
    ]
)
_TABLE = [name for name in _SCHEMA.names if name != "states"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualStates:
    """Residual streams of some rows of some samples."""

    table: pd.DataFrame
    """One row a row of a prompt: sample_id, task, row (from 0), frame, cell_row, cell_column, grid_rows
    and grid_columns of cells, and second of the clip (missing outside the video's cells), word (empty where
    rows were not chosen by word)."""
    states: Tensor
    """(l n d), on the CPU, in the model's dtype; l from 0, which is what enters the first block."""
    skipped: pd.DataFrame
    manifest: dict[str, Any]

    @property
    def samples(self) -> list[str]:
        """Ids of the samples that were read."""
        return list(dict.fromkeys(self.table["sample_id"]))


def residual_states(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    rows: str | None = None,
    rows_per_sample: int | None = None,
    words: bool = False,
    seed: int = 0,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> ResidualStates:
    """The residual streams of `rows` (a span; None for all) before the first block and after each.

    Args:
        rows_per_sample: as many rows of each sample, drawn by `seed` and the sample's id; None is all.
        words: the last row of every word of the span, and no other rows.
        out: a folder for the states, written sample by sample; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.

    Memory: rows x (layers + 1) x width numbers. Raises RunError where no sample can be used, or for a count
    below 1; SpanError for rows that no prompt has.
    """
    most = rows_per_sample
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise RunError(f"rows_per_sample={most!r}: give a whole number from 1, or None for all rows.")
    found = measure_samples(
        model,
        samples,
        StatesOfRows(where=rows, most=most, words=words, seed=as_seed(seed)),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    if found.table.empty:
        raise RunError(f"No sample has a row of {rows!r} to read. Name another span, or leave rows= out.")
    each = torch.empty(len(found.table), model.n_layers + 1, model.d_model, dtype=model.dtype, device="cpu")
    for number, held in enumerate(found.table["states"]):
        each[number] = torch.frombuffer(bytearray(held), dtype=model.dtype).view(each.shape[1:])
    columns = dict.fromkeys(("frame", "cell_row", "cell_column", "grid_rows", "grid_columns"), "Int64")
    return ResidualStates(
        table=pd.DataFrame(found.table[_TABLE]).astype(columns),
        states=each.transpose(0, 1),
        skipped=found.skipped,
        manifest=found.manifest,
    )


@dataclass(frozen=True, kw_only=True)
class StatesOfRows(Measurement):
    """The residual streams of some rows, after every layer."""

    name: ClassVar[str] = "residual_states"
    table: ClassVar[str] = "residual_states"

    where: str | None
    most: int | None
    words: bool
    seed: int

    @property
    def schema(self) -> pa.Schema:
        return _SCHEMA

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "rows": self.where,
            "rows_per_sample": self.most,
            "words": self.words,
            "seed": self.seed,
        }

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        found = []
        for asked in group:
            try:
                found.append(Record(self._read(model, asked.sample, asked.prompt)))
            except NotFinite as reason:
                found.append(self.skip(asked.sample, str(reason)))
            on_done(1)
        return found

    def _read(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> pa.Table:
        chosen = self._rows(sample, prompt)
        rows = np.array([row for row, _ in chosen], dtype=np.int64)
        places = row_places(prompt.layout)
        states = layer_states(model, prompt, rows).transpose(0, 1).contiguous().cpu()
        if not bool(torch.isfinite(states).all()):
            raise not_finite("The residual streams", states.dtype)
        seconds = unit_seconds(prompt)
        lines = []
        for (row, word), held in zip(chosen, states, strict=True):
            place = places[row]
            cell = place.frame is not None and place.cell_row is not None
            second = float(seconds[place.frame]) if cell and seconds.size else None
            at = (place.frame, place.cell_row, place.cell_column, *(prompt.layout.grid or ()))
            at = at if cell else (None,) * 5
            held = held.reshape(-1).view(torch.uint8).numpy().tobytes()
            lines.append((sample.id, sample.task, row, *at, second, word, held))
        columns = list(zip(*lines, strict=True)) or [()] * len(_SCHEMA)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=_SCHEMA)

    def _rows(self, sample: Sample, prompt: Prompt) -> list[WordRow]:
        if self.words:
            rows = list(word_ends(prompt, self.where or "text"))
        else:
            rows = [WordRow(int(row), "") for row in chosen_rows(self.where, prompt.layout)]
        if self.most is None or len(rows) <= self.most:
            return rows
        # By the sample's own name, so that it does not matter which others are read.
        draw = random.Random(f"{self.seed} {sample.id}")
        return [rows[place] for place in sorted(draw.sample(range(len(rows)), self.most))]


class WordRow(NamedTuple):
    """A row, and the word that ends there."""

    row: int
    word: str


def word_ends(prompt: Any, span: str) -> Iterable[WordRow]:
    """The last row of every word of a span, in lower case; signs are no words.

    The last: there the model has read the whole word.
    """
    for rows in words_of(prompt.layout, span):
        word = "".join(prompt.layout.tokens[row] for row in rows).strip().lower()
        if any(letter.isalnum() for letter in word):
            yield WordRow(rows[-1], word)


@shaped
def layer_states(model: VideoLLM, prompt: Any, rows: Int[np.ndarray, " r"]) -> Float[Tensor, "l r d"]:
    """The residual streams of these rows before the first block and after each; the model runs once."""
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{n}.hook_resid_post" for n in range(model.n_layers))]
    _, cache = model.run_with_cache(prompt, names, pos_slice=rows, return_logits="last")
    first = cache[names[0]]
    return torch.stack([cache[name][0].to(first.device) for name in names])


@shaped
def unit_seconds(prompt: Prompt) -> Float[np.ndarray, " t"]:
    """Seconds of every temporal unit, the mean of its frames; empty where the layout does not know."""
    return np.array([float(np.mean(times)) for times in prompt.layout.frame_times])
