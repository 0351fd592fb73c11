"""Words of cells and the answer by layer, as a viewer shows them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny import FAMILY_NAMES, tiny_clip, tiny_model, tiny_prompt
from workbench.analyses.lens.keywords import KeywordList
from workbench.analyses.lens.logit_lens import logit_lens
from workbench.errors import RunError
from workbench.widgets import Exploration

KEYWORDS = KeywordList(name="moves", words=("left", "right"))


class TestLens:
    """The word of each cell, and the answer at the last row, are those of the analyses."""

    @pytest.mark.parametrize("family", FAMILY_NAMES)
    def test_each_cell_has_its_likeliest_word_and_list(self, family) -> None:
        model = tiny_model(family)
        prompt = tiny_prompt(model)
        lens = logit_lens(model, prompt, top_k=2, keywords=KEYWORDS, progress=False)
        table: Any = lens.table
        table.loc[table["row"] % 3 == 0, "keyword_list"] = "moves"  # a random model says none by itself
        words = Exploration(model, prompt, layers=(2, 4), lens=lens).document["words"]
        shape = (2, prompt.layout.n_frames, *(prompt.layout.grid or ()))
        numbers = np.asarray(words["cells"]).reshape(shape)
        assert [name["text"] for name in words["names"]] == ["moves"]
        rows: list[Any] = [
            row
            for row in table.itertuples()
            if row.rank == 1 and row.layer in (2, 4) and pd.notna(row.cell_row)  # no separators
        ]
        assert len(rows) == numbers.size
        for row in rows:
            number = numbers[(2, 4).index(row.layer), row.frame, row.cell_row, row.cell_column]
            assert words["texts"][number] == (row.token.strip() or "␣")
            assert words["lists"][number] == (0 if row.keyword_list else -1)

    def test_it_can_be_read_on_the_spot(self) -> None:
        model = tiny_model()
        prompt = tiny_prompt(model)
        ready = Exploration(model, prompt, lens=logit_lens(model, prompt, progress=False)).document["words"]
        assert Exploration(model, prompt, lens=True).document["words"] == ready
        assert ready["names"] == []
        assert Exploration(model, prompt).document["words"] is None

    def test_a_lens_of_something_else_is_refused(self) -> None:
        model = tiny_model()
        prompt = tiny_prompt(model)
        for wrong, message in (
            (logit_lens(model, prompt, rows="question", progress=False), "0 words of cells"),
            (logit_lens(model, prompt, layers=(1, 2), progress=False), "in all layers shown"),
            (logit_lens(model, tiny_prompt(model, n_frames=2), progress=False), "other frames"),
            (logit_lens(model, model.encode(tiny_clip(), "What?"), progress=False), "has no sample"),
            ([[["dog"]]], "lens= is a list"),
        ):
            with pytest.raises(RunError, match=message):
                Exploration(model, prompt, lens=wrong)  # pyright: ignore[reportArgumentType]

    def test_the_answer_after_the_last_layer_is_the_models_own(self) -> None:
        model = tiny_model()
        prompt = tiny_prompt(model)
        exploration = Exploration(model, prompt)
        options, lines = exploration.answer(None)["options"], exploration.document["answer"]
        assert [line["text"] for line in lines] == [option["text"] for option in options]
        assert [line["true"] for line in lines] == [False, True, False]
        assert all(len(line["p"]) == 4 for line in lines)
        assert [line["p"][-1] for line in lines] == pytest.approx([one["p"] for one in options], abs=2e-5)

    def test_without_options_it_follows_the_likeliest_token(self) -> None:
        model = tiny_model()
        prompt = model.encode(tiny_clip(), "What moves?")
        exploration = Exploration(model, prompt)
        (line,) = exploration.document["answer"]
        top = exploration.answer(None)["top"][0]
        assert line["text"] == top["text"]
        assert line["p"][-1] == pytest.approx(top["p"], abs=2e-5)
