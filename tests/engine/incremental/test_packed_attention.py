"""Attention of packed rows: grouped keys, sliding windows, rows that are no frames."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Case, case
from tests.engine.incremental.test_engine import NAMED, all_knockouts, compare
from tests.tiny import DECODER_NAMES, tiny_model, tiny_prompt
from workbench.engine import get_engine
from workbench.engine.incremental import merged, packed_attention
from workbench.engine.incremental.packed_attention import PackedAttention
from workbench.errors import KnockoutError
from workbench.interventions import Knockout, after, centred, trailing


@pytest.mark.parametrize("n_kv_heads", [1, 4])
@pytest.mark.parametrize("family", DECODER_NAMES)
def test_attention_with_and_without_grouped_keys(family: Any, n_kv_heads: int) -> None:
    model, prompt = case(family, n_kv_heads=n_kv_heads)
    compare(model, prompt, all_knockouts(model.n_layers, windows=(centred(3),)))


@pytest.mark.parametrize("most", [0, 20])
def test_long_nodes_have_calls_of_their_own(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # The rows of tiny prompts are few: nodes longer than `most` count as long here.
    joined = []
    joins = PackedAttention._joins

    def watched(*given: Any) -> bool:
        joined.append(joins(*given))
        return joined[-1]

    for module in (merged, packed_attention):
        monkeypatch.setattr(module, "MOST_ROWS", most)
    monkeypatch.setattr(PackedAttention, "_joins", watched)
    model, prompt = case("llava_onevision")
    compare(model, prompt, all_knockouts(model.n_layers, windows=(centred(1), centred(3))))
    assert {True, False} == set(joined)


def test_layers_with_a_sliding_window(sliding: Case) -> None:
    model, prompt = sliding
    compare(model, prompt, all_knockouts(model.n_layers, windows=(centred(1), trailing(2), after(2))))


def test_separators_and_few_frames() -> None:
    model = tiny_model("llava_onevision")
    for prompt in (tiny_prompt(model, separators="frame"), tiny_prompt(model, n_frames=2)):
        compare(model, prompt, all_knockouts(model.n_layers, NAMED, (centred(3),)))


def test_a_row_that_a_sliding_window_starves_is_refused(sliding: Case) -> None:
    model, prompt = sliding
    starving = Knockout.parse("text -> last (self too) in layer 3")
    for engine in ("incremental", "reference"):
        with pytest.raises(KnockoutError, match=r"row \d+ without any key"):
            get_engine(engine).outcomes(model, prompt, [starving])
