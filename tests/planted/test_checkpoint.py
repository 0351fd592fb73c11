"""Wirings as checkpoints: three bodies, and what is written into none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.planted import IDS, PLANTED, load_planted
from workbench.planted.checkpoint import Body, planted_hf
from workbench.planted.wiring import ANSWER, Wiring, reader


@pytest.mark.parametrize(
    ("body", "separators"), [("llava_next_video", 0), ("llava_pooled", 0), ("llava_pooled with newlines", 8)]
)
def test_each_body_reads_a_prompt(body: Body, separators: int, tmp_path: Path) -> None:
    model = load_planted(Wiring(), body)
    prompt = model.encode(PLANTED["direct"].samples(tmp_path)[0])
    assert len(prompt.layout["separator"]) == separators
    assert len(prompt.layout["system"]) == (1 if body == "llava_next_video" else 7)
    assert "<unk>" not in prompt.layout.tokens[-12:]
    said = model.logits(prompt)[-1]
    assert float(said[IDS["A"]]) == float(said[IDS["B"]]) == 0


def test_heads_of_a_layer_share_keys_where_they_may() -> None:
    one, other = (reader(2, head, 6, 2, 2, 10) for head in (0, 2))
    assert planted_hf(Wiring((one, other))).config.text_config.num_key_value_heads == 2
    assert planted_hf(Wiring((one, one._replace(head=1)))).config.text_config.num_key_value_heads == 4


def test_noise_is_of_heads_that_read_nothing_and_small() -> None:
    hf = planted_hf(Wiring((reader(2, 0, 6, 2, 2, 10),), noise=0.05))
    for number, layer in enumerate(hf.model.language_model.layers, start=1):
        written = layer.self_attn.o_proj.weight
        by_head = written.abs().unflatten(1, (4, -1)).amax((0, 2))
        assert bool((by_head[2:] > 0).all())
        assert bool((by_head[2:] < 0.25).all())
        if number == 2:
            assert by_head[:2].tolist() == [1.0, 0.0], "the head that shares its keys adds nothing"
        assert not bool(written[[row for row in range(64) if row != ANSWER]].any())
