"""The logit lens in a viewer: the word of each cell after each layer, and the answer at the last row.

Axes: l layer, t frame, i row and j column of its grid of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError, near_matches
from workbench.figures.keywords import list_styles

if TYPE_CHECKING:
    from workbench.analyses.lens.logit_lens import LogitLens
    from workbench.models import Prompt, VideoLLM


def cell_words(
    model: VideoLLM, prompt: Prompt, lens: LogitLens | bool | None, layers: Sequence[int]
) -> dict[str, Any] | None:
    """The likeliest word of every cell: each word once, and its number at (l, t, i, j) in one flat list.

    A lens of True is read here. Raises RunError where a lens is of another prompt, or lacks a cell or layer.
    """
    # Not above: the lens needs torch.
    from workbench.analyses.lens.logit_lens import LogitLens, logit_lens

    if lens is None or lens is False:
        return None
    if lens is True:
        lens = logit_lens(model, prompt, layers=layers, top_k=1, progress=False)
    if not isinstance(lens, LogitLens):
        raise RunError(
            f"lens= is a {type(lens).__name__}. Give what wb.logit_lens(model, prompt) gives, or True to "
            "have it read here."
        )
    best = _best(lens, prompt, layers)
    pairs = zip(best["token"], best["keyword_list"], strict=True)
    said = [(str(token).strip() or "␣", str(name)) for token, name in pairs]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(said))}
    names = list(lens.keyword_lists)
    styles = list_styles(names)
    return {
        "texts": [text for text, _ in numbers],
        "lists": [names.index(name) if name else -1 for _, name in numbers],
        "names": [{"text": name, "color": styles[name].color} for name in names],
        "cells": [numbers[word] for word in said],
    }


def _best(lens: LogitLens, prompt: Prompt, layers: Sequence[int]) -> pd.DataFrame:
    """The first place of every cell, in the order (l, t, i, j)."""
    name = "question" if prompt.sample is None else prompt.sample.id
    known = lens.prompts.get(name)
    if known is None:
        raise RunError(
            f"The lens has no sample {name!r}.{near_matches(name, list(lens.prompts))} Read it with "
            "wb.logit_lens(model, prompt), or give lens=True."
        )
    same_clip = np.array_equal(known.clip.frames, prompt.clip.frames)
    if known.text != prompt.text or known.layout.grid != prompt.layout.grid or not same_clip:
        raise RunError(
            f"The lens read {name!r} with other frames or another text. Read it with the same arguments, or "
            "give it the prompt itself."
        )
    table = lens.table
    mine = (table["sample_id"] == name) & (table["rank"] == 1) & table["cell_row"].notna()
    best = cast(pd.DataFrame, table[mine & table["layer"].isin(list(layers))])
    wanted = (len(layers), prompt.layout.n_frames, *(prompt.layout.grid or (0, 0)))
    if len(best) != np.prod(wanted):
        raise RunError(
            f"The lens holds {len(best)} words of cells; this viewer shows {wanted[0]} layers, {wanted[1]} "
            f"frames and {wanted[2]} x {wanted[3]} cells. Read rows='video' in all layers shown."
        )
    return best.sort_values(["layer", "frame", "cell_row", "cell_column"])


def answer_by_layer(model: VideoLLM, prompt: Prompt) -> list[dict[str, Any]]:
    """The probability of each option at the last row after each layer, in all spellings of its letter.

    Without options it is that of the token which the model ranks first in the end.
    """
    from workbench.analyses.lens.layers import read_layers

    last, layers = np.array([prompt.layout.length - 1]), range(1, model.n_layers + 1)
    groups = [tuple(ids) for ids in prompt.answer_ids.values()]
    sample = prompt.sample
    lines: list[dict[str, Any]] = [
        {"text": text, "true": sample is not None and sample.answer == index}
        for index, text in enumerate(option_texts(prompt))
    ]
    if not groups:
        final = next(iter(read_layers(model, prompt, last, [model.n_layers]))).reading
        token = int(final.top_ids[0, 0])
        groups, lines = [(token,)], [{"text": model.token_text(token).strip() or "␣", "true": False}]
    for line in lines:
        line["p"] = []
    for _, reading in read_layers(model, prompt, last, layers, groups=groups):
        for line, p in zip(lines, reading.group_p[0].tolist(), strict=True):
            line["p"].append(round(p, 5))
    return lines


def option_texts(prompt: Prompt) -> list[str]:
    """The options with their letters; the letters alone where a free question's options are not kept."""
    options = () if prompt.sample is None else prompt.sample.options
    texts = [*options, *[""] * (len(prompt.answer_ids) - len(options))]
    return [f"({letter}) {text}".strip() for letter, text in zip(prompt.answer_ids, texts, strict=True)]
