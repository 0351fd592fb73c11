"""The logit lens: which words the residual stream would say, row by row and layer by layer.

Map the Flow, section 4.2 and Fig. 4: the residual stream after each block goes through the final norm and the
unembedding (the text of the paper; its script takes the input embedding instead). Layers are counted from 1.

Axes: r row, d model, k place among the top, g word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import pandas as pd

from workbench.analyses.lens.keywords import KeywordList, KeywordMatch
from workbench.analyses.lens.layers import LensReading, lens_layers
from workbench.analyses.lens.lenses import Lens, Unembedding
from workbench.analyses.lens.unembedding import ROW_CHUNK
from workbench.attached import attached
from workbench.data import Sample
from workbench.engine.vocabulary import VOCAB_CHUNK
from workbench.errors import PromptError, RunError
from workbench.progress import progress_bar
from workbench.prompts.prompt import Prompt
from workbench.runs import measure_samples

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data import Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.rows import PosSlice
    from workbench.video import Sampling

_PLACE = ["sample_id", "task", "layer", "row", "span", "frame", "cell_row", "cell_column", "prompt_token"]
TOP_COLUMNS = [*_PLACE, "rank", "token_id", "token", "p", "keyword_list", "keyword"]
WORD_COLUMNS = [*_PLACE, "word", "matched", "p", "rank"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LogitLens:
    """What the residual streams of some prompts would say, through a lens.

    A lens that ranks words by something other than their probability has a column of that name in the place
    of p: "cosine" for nearest neighbours, whose token_id is the number of a word of its own.
    """

    table: pd.DataFrame
    """One row a sample, layer, row of the prompt and place: sample_id, task, layer (from 1), row (from 0),
    span, frame, cell_row, cell_column (missing outside the video's frames), prompt_token, rank (from 1),
    token_id, token, p, and the keyword_list and keyword that the token says (empty where none)."""
    words: pd.DataFrame
    """One row a sample, layer, row and asked word: as above to prompt_token, then word, matched ("whole word"
    or "first sub-token"), p (summed over the word's spellings), rank (from 1, of its likeliest spelling)."""
    skipped: pd.DataFrame
    """Samples that could not be used: sample_id, reason."""
    prompts: dict[str, Prompt]
    """What was read, by sample_id."""
    keyword_lists: tuple[str, ...]
    """Names of the lists that are marked in `table`."""
    lens: str = Unembedding.name
    """What read them."""

    overlay: ClassVar[Callable[..., go.Figure]] = attached()
    """Each cell's likeliest word on its frame: `workbench.figures.of_results.overlay_of_lens`."""

    def __repr__(self) -> str:
        layers = len(set(self.table["layer"]))
        rows = len(self.table.drop_duplicates(["sample_id", "row"]))
        return f"LogitLens({self.lens}: {len(self.prompts)} samples, {rows} rows, {layers} layers)"


def logit_lens(
    model: VideoLLM,
    prompt: Prompt | Sample | Samples | Sequence[Sample],
    *,
    rows: PosSlice = "video",
    layers: int | Iterable[int] | None = None,
    top_k: int = 5,
    words: str | KeywordList | Iterable[str | KeywordList] = (),
    keywords: str | KeywordList | Iterable[str | KeywordList] = (),
    lens: Lens | None = None,
    final_norm: bool = True,
    frames: Sampling | int | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    row_chunk: int = ROW_CHUNK,
    vocab_chunk: int = VOCAB_CHUNK,
    progress: bool = True,
) -> LogitLens:
    """The likeliest words of residual streams, and the probability of chosen ones.

    Args:
        prompt: a prompt, a sample, or several samples.
        rows: a span ("video", "frame[3]", "question", "last", "frame[0] + last"), a row, a slice, row
            numbers, or None for all rows.
        layers: layers to read after, from 1; None is all of them.
        top_k: words kept a row and layer, likeliest first; equal ones in the order of their ids.
        words: words whose probability and rank go into `.words`; in any case ("A" counts "a" too).
        keywords: lists to mark in `.table` and to colour the overlay with.
        lens: what reads the words: `wb.tuned_lens`, `wb.neighbour_lens`; the logit lens if not given.
        final_norm: of the logit lens: False leaves the norm out before the last layer, as the authors' script
            does for most models. The last layer keeps it: it is the model's own output.
        frames, style, separators: as in `sweep`, for samples.
        row_chunk, vocab_chunk: size of a tile of logits; a question of memory and speed.

    Only the residual streams of these rows and layers are kept, and one tile of logits. Samples that cannot
    be used are skipped and listed. Raises RunError where none can, a layer does not exist, or the lens does
    not know one of `words`; ModelError for a lens of another model; SpanError and HookError for rows that no
    prompt has.
    """
    lens = _chosen(lens, final_norm)
    lens.check(model)
    asked, marked = lens.match(model, words), lens.match(model, keywords)
    unknown = [match.keyword for match in asked if not match.token_ids]
    if unknown:
        raise RunError(f"The {lens.name} does not know {', '.join(map(repr, unknown))}. Leave them out.")
    measurement = LensReading(
        where=rows,
        layers=tuple(lens_layers(layers, model.n_layers)),
        top_k=top_k,
        words=tuple(asked),
        lens=lens,
        row_chunk=row_chunk,
        vocab_chunk=vocab_chunk,
    )
    prompts: dict[str, Prompt] = {}
    if isinstance(prompt, Prompt):
        if any(one is not None for one in (frames, style, separators)):
            raise PromptError(
                "A prompt is already encoded, so frames=, style= and separators= would do nothing. Leave "
                "them out, or give the sample."
            )
        name = "question" if prompt.sample is None else prompt.sample.id
        task = "question" if prompt.sample is None else prompt.sample.task
        prompts[name] = prompt
        with progress_bar(len(measurement.layers), what="logit lens", unit=" layers", show=progress) as bar:
            found = measurement.read(model, name, task, prompt, bar.update)
        read, skipped = found.to_pandas(), pd.DataFrame(columns=["sample_id", "reason"], dtype="str")
    else:
        samples = [prompt] if isinstance(prompt, Sample) else prompt
        run = measure_samples(
            model,
            samples,
            measurement,
            style=style,
            separators=separators,
            frames=frames,
            progress=progress,
            prompts=prompts,
        )
        read, skipped = run.table, run.skipped.drop(columns="flow")
    scores = {"p": lens.score}
    said = _labelled(lens, model, cast(pd.DataFrame, read[read["word"].isna()]), marked)
    return LogitLens(
        table=said.rename(columns=scores),
        words=_columns(cast(pd.DataFrame, read[read["word"].notna()]), WORD_COLUMNS).rename(columns=scores),
        skipped=skipped,
        prompts=prompts,
        keyword_lists=tuple(dict.fromkeys(match.keyword_list for match in marked)),
        lens=lens.name,
    )


def _chosen(lens: Lens | None, final_norm: bool) -> Lens:
    if lens is None:
        return Unembedding(final_norm=final_norm)
    if not isinstance(lens, Lens):
        raise RunError(
            f"lens= is a {type(lens).__name__}. Give what wb.tuned_lens or wb.neighbour_lens gives, or leave "
            "it out for the logit lens."
        )
    if not final_norm and lens.name != Unembedding.name:
        raise RunError(
            f"final_norm=False is of the logit lens; the {lens.name} has no such choice. Leave it out."
        )
    return lens


def _columns(read: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """These columns; what a row may lack is of pandas' integers that can be missing."""
    chosen = cast(pd.DataFrame, read[names]).reset_index(drop=True)
    return chosen.astype(dict.fromkeys(("frame", "cell_row", "cell_column"), "Int64"))


def _labelled(
    lens: Lens, model: VideoLLM, table: pd.DataFrame, marked: Sequence[KeywordMatch]
) -> pd.DataFrame:
    """With the tokens' texts, and the keyword that each says: the first, where several share a token."""
    said: dict[int, KeywordMatch] = {}
    for match in marked:
        for token in match.token_ids:
            said.setdefault(token, match)
    table = table.astype({"token_id": "int64"})
    ids = [int(token) for token in table["token_id"]]
    texts = lens.words_said(model, set(ids))
    table["token"] = [texts[token] for token in ids]
    table["keyword_list"] = [said[token].keyword_list if token in said else "" for token in ids]
    table["keyword"] = [said[token].keyword if token in said else "" for token in ids]
    return _columns(table, TOP_COLUMNS)
