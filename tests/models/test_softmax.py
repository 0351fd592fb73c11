"""Decoders whose attention is more than a mask and a softmax are refused, and others are read rightly."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

import workbench as wb
from tests.tiny import _spread, _text, tiny_folder, tiny_prompt
from workbench.engine import get_engine
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.softmax import beyond_softmax, check_arguments


def with_decoder(folder: Path, kind: str, **settings: Any) -> Path:
    """The tiny LLaVA-NeXT-Video around another text decoder, its weights random."""
    shutil.copytree(tiny_folder(), folder)
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    config = transformers.LlavaNextVideoConfig.from_pretrained(folder)
    config.text_config = getattr(transformers, kind)(**_text(tokenizer, 2, 4), **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hf = transformers.LlavaNextVideoForConditionalGeneration(config)
        _spread(hf)
    transformers.utils.logging.disable_progress_bar()
    hf.save_pretrained(folder)
    transformers.utils.logging.enable_progress_bar()
    return folder


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("Gemma2Config", {"head_dim": 16}, "Gemma2Attention computes weights with `attn_logit_softcapping`"),
        (
            "GptOssConfig",
            {
                "head_dim": 16,
                "num_local_experts": 2,
                "num_experts_per_tok": 1,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
            },
            "GptOssAttention computes weights with `sinks`",
        ),
    ],
)
def test_more_than_a_softmax_is_refused_when_the_model_is_loaded(
    tmp_path: Path, kind: str, settings: dict[str, Any], says: str, attention: Any
) -> None:
    folder = with_decoder(tmp_path / "model", kind, **settings)
    with pytest.raises(ModelError, match=says):
        wb.load(folder, device="cpu", attention=attention)


def test_a_decoder_without_sdpa_names_the_kind_that_it_has(tmp_path: Path) -> None:
    """Gemma 2 without its soft cap is plain softmax attention, which transformers computes eagerly only."""
    folder = with_decoder(tmp_path / "model", "Gemma2Config", head_dim=16, attn_logit_softcapping=None)
    with pytest.raises(ModelError, match=r"does not offer attention='sdpa' .*Load it with attention='eager'"):
        wb.load(folder, device="cpu")
    model = wb.load(folder, device="cpu", attention="eager")
    prompt = tiny_prompt(model)
    plain = transformers.LlavaNextVideoForConditionalGeneration.from_pretrained(
        folder, attn_implementation={"text_config": "eager"}
    ).eval()
    with torch.no_grad():
        assert torch.equal(model.logits(prompt), plain(**prompt.inputs).logits[0])  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["PhiConfig", "Lfm2Config"])
def test_a_norm_of_another_name_is_found(tmp_path: Path, kind: str) -> None:
    """Hooks and lens read the last norm: the lens after the last layer is what the model says."""
    settings = {"layer_types": ["full_attention"] * 4} if kind == "Lfm2Config" else {}
    model = wb.load(with_decoder(tmp_path / "model", kind, **settings), device="cpu")
    prompt = tiny_prompt(model)
    assert model.run_with_cache(prompt).cache["ln_final.hook_normalized"].shape[1] == len(prompt)
    lens = wb.logit_lens(model, prompt, rows="last", top_k=1).table
    said = lens[lens["layer"] == lens["layer"].max()]
    best = model.logits(prompt)[-1].argmax()
    assert model.token_text(int(best)) in said.astype(str).to_numpy().ravel()
    cut = "video -> last in layers 1..2"
    assert len(model.generate(prompt, 3, knockout=cut)) > 0


def test_what_a_module_has_or_is_given_is_told_by_name() -> None:
    plain: Any = SimpleNamespace(sinks=None, scaling=1.0)
    assert beyond_softmax(plain) is None
    assert beyond_softmax(SimpleNamespace(sinks=1)) == "sinks"
    check_arguments(plain, {"softcap": None, "dropout": 0.0})
    with pytest.raises(ModelError, match="is given `s_aux`"):
        check_arguments(plain, {"s_aux": 1})


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch.compile's own imports
@pytest.mark.parametrize("part", ["layer", "attention"])
def test_compiled_layers_are_refused(part: str) -> None:
    """torch.compile freezes what happens inside: a hook or a cut there would do nothing."""
    model = load(tiny_folder(), device="cpu")
    prompt = tiny_prompt(model)
    layer: Any = model.family.decoder_layers(model.hf)[2]
    if part == "layer":
        layer.compile()
    else:
        layer.self_attn = torch.compile(layer.self_attn)
    for use in (
        lambda: get_engine("incremental").outcomes(model, prompt, []),
        lambda: get_engine("reference").outcomes(model, prompt, []),
        lambda: model.run_with_cache(prompt),
    ):
        with pytest.raises(ModelError, match=r"Layer 3 \(.*went through torch.compile"):
            use()
