"""The residual streams of some rows, read after some layers: the measurement behind the logit lens.

Axes: r row, d model, k place among the top, g word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.analyses.lens.keywords import KeywordMatch
from workbench.analyses.lens.lenses import Lens, Unembedding
from workbench.analyses.lens.unembedding import ROW_CHUNK, Reading
from workbench.engine.vocabulary import VOCAB_CHUNK
from workbench.errors import RunError
from workbench.prompts.partition import row_places
from workbench.prompts.rows import chosen_rows
from workbench.runs import Asked, Done, Measurement, Record
from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt
    from workbench.prompts.rows import PosSlice


class LayerReading(NamedTuple):
    """One layer of one prompt."""

    layer: int
    """From 1."""
    reading: Reading


@shaped
def read_layers(
    model: VideoLLM,
    prompt: Prompt,
    rows: Int[np.ndarray, " r"],
    layers: Sequence[int],
    *,
    top_k: int = 1,
    groups: Sequence[Sequence[int]] = (),
    lens: Lens = Unembedding(),  # noqa: B008 - frozen
    row_chunk: int = ROW_CHUNK,
    vocab_chunk: int = VOCAB_CHUNK,
) -> Iterator[LayerReading]:
    """What `lens` reads off these rows (from 0) after each of `layers` (from 1, ascending), one at a time.

    The model runs once, up to the last of these layers.
    """
    names = {layer: f"blocks.{layer - 1}.hook_resid_post" for layer in layers}
    _, cache = model.run_with_cache(
        prompt, list(names.values()), pos_slice=rows, stop_at_layer=max(layers), return_logits="last"
    )
    for layer, name in names.items():
        # resid_post is what leaves a block, so the last one is not normed yet (Hugging Face's last hidden
        # state is).
        reading = lens.read(
            model,
            cache[name][0],
            layer,
            top_k=top_k,
            groups=groups,
            row_chunk=row_chunk,
            vocab_chunk=vocab_chunk,
        )
        yield LayerReading(layer, reading)


def lens_layers(layers: int | Iterable[int] | None, n_layers: int) -> list[int]:
    """Layers from 1, ascending, each once. Raises RunError for one that the model does not have, or none."""
    if layers is None:
        return list(range(1, n_layers + 1))
    asked = [layers] if isinstance(layers, int) else list(layers)
    if not asked or any(
        isinstance(layer, bool) or int(layer) != layer or not 1 <= layer <= n_layers for layer in asked
    ):
        raise RunError(
            f"layers={asked}: this model has layers 1 to {n_layers}. Name some of them, or leave layers out "
            "for all."
        )
    return sorted({int(layer) for layer in asked})


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sample_id", "task")),
        *((name, pa.int64()) for name in ("layer", "row")),
        ("span", pa.string()),
        *((name, pa.int64()) for name in ("frame", "cell_row", "cell_column")),
        ("prompt_token", pa.string()),
        *((name, pa.int64()) for name in ("rank", "token_id")),
        ("p", pa.float64()),
        *((name, pa.string()) for name in ("word", "matched")),
    ]
)
"""A top word has no `word` that was asked for; an asked word has no `token_id`."""


@dataclass(frozen=True, kw_only=True)
class LensReading(Measurement):
    """The likeliest words of some rows after some layers, and the probability of asked words."""

    name: ClassVar[str] = "logit lens"
    table: ClassVar[str] = "logit_lens"
    unit: ClassVar[str] = "layers"

    where: PosSlice
    layers: tuple[int, ...]
    """From 1."""
    top_k: int
    words: tuple[KeywordMatch, ...]
    lens: Lens
    row_chunk: int
    vocab_chunk: int

    @property
    def schema(self) -> pa.Schema:
        return _SCHEMA

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "rows": str(self.where),
            "layers": list(self.layers),
            "top_k": self.top_k,
            "words": [match.keyword for match in self.words],
            **self.lens.settings,
        }

    def units(self, model: VideoLLM) -> int:
        return len(self.layers)

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        return [
            Record(self.read(model, asked.sample.id, asked.sample.task, asked.prompt, on_done))
            for asked in group
        ]

    def read(self, model: VideoLLM, name: str, task: str, prompt: Prompt, on_done: Done) -> pa.Table:
        """The rows of one prompt, by the name and task that they are to have."""
        rows = chosen_rows(self.where, prompt.layout)
        place = _place_columns(name, task, prompt, rows)
        tables = []
        for found in read_layers(
            model,
            prompt,
            rows,
            self.layers,
            top_k=self.top_k,
            groups=[match.token_ids for match in self.words],
            lens=self.lens,
            row_chunk=self.row_chunk,
            vocab_chunk=self.vocab_chunk,
        ):
            for table in (_top_table(place, found), _word_table(place, found, self.words)):
                given = table.reindex(columns=_SCHEMA.names)
                tables.append(pa.Table.from_pandas(given, schema=_SCHEMA, preserve_index=False))
            on_done(1)
        return pa.concat_tables(tables).replace_schema_metadata(None)


def _place_columns(name: str, task: str, prompt: Prompt, rows: np.ndarray) -> pd.DataFrame:
    everywhere = row_places(prompt.layout)
    place = pd.DataFrame([everywhere[row] for row in rows.tolist()])
    place = place.astype({"frame": "Int64", "cell_row": "Int64", "cell_column": "Int64"})
    place.insert(0, "sample_id", name)
    place.insert(1, "task", task)
    place.insert(2, "layer", 0)
    return place


def _top_table(place: pd.DataFrame, found: LayerReading) -> pd.DataFrame:
    k = found.reading.top_ids.shape[1]
    table = place.loc[place.index.repeat(k)].assign(layer=found.layer)
    return table.assign(
        rank=np.tile(np.arange(1, k + 1), len(place)),
        token_id=found.reading.top_ids.cpu().numpy().ravel(),
        p=found.reading.top_p.cpu().numpy().astype(np.float64).ravel(),
    )


def _word_table(place: pd.DataFrame, found: LayerReading, asked: Sequence[KeywordMatch]) -> pd.DataFrame:
    table = place.loc[place.index.repeat(len(asked))].assign(layer=found.layer)
    return table.assign(
        word=[match.keyword for match in asked] * len(place),
        matched=[match.matched for match in asked] * len(place),
        p=found.reading.group_p.cpu().numpy().astype(np.float64).ravel(),
        rank=found.reading.group_rank.cpu().numpy().ravel(),
    )
