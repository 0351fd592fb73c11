"""Made-up tables of the logit lens and of answer probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analyses.lens.answer_probability import AnswerRow
from workbench.analyses.lens.cell_words import CellCount
from workbench.analyses.lens.frequencies import FrequencyTables, KeywordCount, frequency_tables
from workbench.prompts.layout import TokenLayout

N_LAYERS = 6


def answer_table(*, samples: int = 8, options: int = 3, wrong: int = 1) -> pd.DataFrame:
    """The true option rises from layer 4 on; `wrong` samples a task are answered wrongly."""
    rng = np.random.default_rng(0)
    rows = []
    for task in ("moving_direction", "object<b>count"):
        for number in range(samples):
            for layer in range(1, N_LAYERS + 1):
                true = 0.3 if layer < 4 else float(rng.uniform(0.7, 0.95))
                for option in range(options):
                    p = true if option == 1 else (1 - true) / options
                    role = "true_option" if option == 1 else "false_option"
                    rows.append(
                        AnswerRow(
                            *(f"{task}/{number}", task, layer, role, "ABC"[option], "left", p, "A", p, 1),
                            correct=number >= wrong,
                        )
                    )
    return pd.DataFrame(rows)


def frequencies(*, bin: int = 2, min_hits: int = 100) -> FrequencyTables:
    """Two lists, one of them with a word that plotly must not read."""
    hits = {
        ("spatial", "cup"): (0, 10, 80, 80, 20, 10),
        ("spatial", "<b>bed</b>"): (5, 5, 50, 50, 5, 5),
        ("temporal", "open"): (0, 0, 5, 15, 80, 100),
        ("temporal", "rare"): (1, 1, 1, 1, 1, 1),
    }
    counts = [
        KeywordCount("t/0", "t", name, word, "whole word", layer, n, 64)
        for (name, word), of in hits.items()
        for layer, n in enumerate(of, start=1)
    ]
    return frequency_tables(pd.DataFrame(counts), bin=bin, min_hits=min_hits)


def lens_counts(*, clips: int = 6, lenses: tuple[str, ...] = ("logit lens", "probe")) -> pd.DataFrame:
    """The last of `lenses` is right of nine tenths of the cells, the others of a fifth; a twin each clip."""
    rng = np.random.default_rng(0)
    rows = []
    for clip in range(clips):
        for task in ("moving_direction", "moving_direction_reversed"):
            for lens in lenses:
                for layer in range(N_LAYERS + 1):
                    for attribute, words in (("shape", 5), ("motion", 12), ("any word", 0)):
                        cells = 0 if attribute == "motion" and clip == 0 else 20
                        right = rng.binomial(cells, 0.9 if lens == lenses[-1] else 0.2)
                        about = (f"{task}/{clip}", task, f"moving_direction/{clip}", lens, layer)
                        rows.append(CellCount(*about, attribute, words, cells, int(right)))
    return pd.DataFrame(rows)


def lens_layout() -> TokenLayout:
    """Two frames of 2 x 3 cells and a separator after them."""
    return TokenLayout(
        length=20,
        spans={"video": range(1, 14), "separator": [13], "question": range(14, 18)},
        frames=[range(1, 7), range(7, 13)],
        grid=(2, 3),
        frame_times=[(0.25,), (0.75,)],
    )


def lens_table() -> pd.DataFrame:
    """Top two words of every cell after three layers; cell (0, 0) of each frame says a keyword."""
    rows = []
    for layer in (1, 2, 3):
        for row in range(1, 13):
            t, cell = divmod(row - 1, 6)
            for rank in (1, 2):
                marked = cell == 0 and rank == 1
                rows.append(
                    {
                        "sample_id": "t/0",
                        "layer": layer,
                        "row": row,
                        "frame": t,
                        "cell_row": cell // 3,
                        "cell_column": cell % 3,
                        "rank": rank,
                        "token": " cup" if marked else f"<i>{layer}.{row}.{rank}",
                        "p": 0.5 / rank,
                        "keyword_list": "spatial" if marked else "",
                        "keyword": "cup" if marked else "",
                    }
                )
    return pd.DataFrame(rows).astype({"frame": "Int64", "cell_row": "Int64", "cell_column": "Int64"})
