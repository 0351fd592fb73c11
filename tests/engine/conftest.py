"""Tiny models of every kind of decoder, with a prompt, for whatever an engine must hold on all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tiny import DECODER_NAMES, FamilyName, tiny_folder, tiny_model, tiny_prompt
from workbench.models import Prompt, VideoLLM, load
from workbench.models.attention import AttentionKind

KINDS: tuple[AttentionKind, ...] = ("sdpa", "eager")
SLIDING_WINDOW = 9


class Case(NamedTuple):
    model: VideoLLM
    prompt: Prompt


def case(family: FamilyName, attention: AttentionKind = "sdpa", n_kv_heads: int = 2) -> Case:
    model = tiny_model(family, attention=attention, n_kv_heads=n_kv_heads)
    return Case(model, tiny_prompt(model))


@pytest.fixture(params=DECODER_NAMES)
def family(request: pytest.FixtureRequest) -> FamilyName:
    return request.param


@pytest.fixture(params=KINDS)
def attention(request: pytest.FixtureRequest) -> AttentionKind:
    return request.param


@pytest.fixture
def tiny(family: FamilyName, attention: AttentionKind) -> Case:
    """Every kind of decoder under every attention implementation. All families: analyses/conformance."""
    return case(family, attention)


@pytest.fixture(params=[*DECODER_NAMES, "bfloat16"])
def tiny_or_half(request: pytest.FixtureRequest, attention: AttentionKind) -> Case:
    """As `tiny`, and one model in bfloat16."""
    if request.param != "bfloat16":
        return case(request.param, attention)
    model = load(tiny_folder(), device="cpu", dtype="bfloat16", attention=attention)
    return Case(model, tiny_prompt(model))


@pytest.fixture
def tiny_pair(family: FamilyName) -> tuple[Case, Case]:
    """The same model under SDPA and under eager attention."""
    return case(family, "sdpa"), case(family, "eager")


@pytest.fixture(params=[("llava_next_video", 2), ("llava_next_video", 4), ("llava_onevision", 2)], ids=str)
def tiny_llama(request: pytest.FixtureRequest) -> Case:
    """Decoders with one-axis rotary positions, as `by_hand` does them, with and without grouped keys."""
    family, n_kv_heads = request.param
    return case(family, n_kv_heads=n_kv_heads)


@pytest.fixture
def sliding(tmp_path: Path, attention: AttentionKind) -> Case:
    """LLaVA-OneVision whose layers 3 and 4 see the last SLIDING_WINDOW rows only."""
    folder = shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "sliding")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    window = {"use_sliding_window": True, "sliding_window": SLIDING_WINDOW, "max_window_layers": 2}
    kinds = ["full_attention"] * 2 + ["sliding_attention"] * 2
    config["text_config"] |= {**window, "layer_types": kinds}
    (folder / "config.json").write_text(json.dumps(config))
    model = load(folder, device="cpu", attention=attention)
    return Case(model, tiny_prompt(model))
