"""Every family stands every check, and every check finds the fault that it is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.analyses.conformance import test_held
from tests.tiny import FamilyName, tiny_folder, tiny_model
from workbench.analyses.conformance import CHECKS, checks, conformance, processor
from workbench.analyses.conformance.asking import Broken
from workbench.engine import reference
from workbench.engine.incremental import untouched
from workbench.models import FAMILIES, VideoLLM, load
from workbench.models.families.llava_next_video import LlavaNextVideo
from workbench.models.families.transformers_own import Written
from workbench.models.hooks import running
from workbench.prompts.prompt import Prompt
from workbench.prompts.turn import Turn

BY_NAME = {one.name: one for one in CHECKS}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_stands_every_check(family: FamilyName) -> None:
    table = conformance(tiny_model(family))
    wrong = table.loc[~table["holds"].to_numpy(bool)]
    assert table["check"].tolist() == list(BY_NAME)
    assert wrong.empty, wrong.loc[:, ["check", "remark"]].to_string()


class Swapped(LlavaNextVideo):
    """Shows the decoder its frames in another order than it says."""

    def video_inputs(self, *args: Any, **kwargs: Any) -> Any:
        made = super().video_inputs(*args, **kwargs)
        pixels = made.inputs["pixel_values_videos"].flip(1)
        return made._replace(inputs={**made.inputs, "pixel_values_videos": pixels})


class Shifted(LlavaNextVideo):
    """Counts a word to what a frame shows."""

    def video_inputs(self, *args: Any, **kwargs: Any) -> Any:
        made = super().video_inputs(*args, **kwargs)
        first = made.pieces[0]
        return made._replace(pieces=(first._replace(text=f"{first.text}word"), *made.pieces[1:]), grid=None)


def with_family(family: Any) -> Callable[[VideoLLM, pytest.MonkeyPatch], VideoLLM]:
    return lambda model, monkeypatch: dataclasses.replace(model, family=family())


def twice(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    attention: Any = model.family.decoder_layers(model.hf)[1].self_attn
    forward = attention.forward
    attention.forward = lambda **given: (forward(**given), forward(**given))[1]
    return model


def doubled(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    turn = Turn(opening="</s></s>", bridge="\n", closing=" ASSISTANT:", answer_gap=" ")
    model.__dict__["turn"] = turn
    return model


def unrestricted(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    real = reference.restrict
    monkeypatch.setattr(reference, "restrict", lambda inputs, keep, kind: real(inputs, None, kind))
    return model


def mixes(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    """A layer that sends something from row to row beside its attention."""
    layer: Any = model.family.decoder_layers(model.hf)[1]
    layer.register_forward_pre_hook(lambda module, args: (args[0] + 0.1 * args[0].mean(1, True), *args[1:]))
    return model


def stamps(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    """A processor whose text the family does not write."""
    said = SimpleNamespace(written=lambda clip: Written({}, f"Time 0s: {model.placeholder}"))
    monkeypatch.setattr(processor, "transformers_own", lambda *given: said)
    return model


def adds_between(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    layer: Any = model.family.decoder_layers(model.hf)[2]
    layer.register_forward_pre_hook(lambda module, args: (args[0] + 0.1, *args[1:]), prepend=True)
    return model


def forgets(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    """Reuse that leaves part of the residual stream out."""
    real = untouched._Watch.before

    def before(self: Any, module: Any, args: Any, kwargs: Any) -> None:
        real(self, module, args, kwargs)
        self.resid[-1] = self.resid[-1] * 1.1

    monkeypatch.setattr(untouched._Watch, "before", before)
    return model


def depends(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    """A layer whose rows depend on how many there are, as 8-bit columns do."""
    layer: Any = model.family.decoder_layers(model.hf)[3]
    layer.mlp.register_forward_hook(lambda module, args, output: output * (1 + 0.01 * output.shape[1]))
    return model


def loses_rows(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    real = checks.disjoint_spans
    monkeypatch.setattr(checks, "disjoint_spans", lambda layout: dict(list(real(layout).items())[1:]))
    return model


def takes_batches(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    monkeypatch.setattr(Prompt, "__post_init__", lambda self: None)
    return model


def raw(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    monkeypatch.setattr(running, "select", lambda points, names: {}[names])
    return model


FAULTS: dict[str, tuple[Callable[..., VideoLLM], str]] = {
    "rows of the video": (with_family(Shifted), "rows of frames without features"),
    "frames apart": (with_family(Swapped), "reaches rows of other units"),
    "template": (doubled, "stands twice in a row"),
    "separators": (loses_rows, "spans overlap or leave rows out"),
    "attention once a layer": (twice, r"calls a layer: \[1, 2\]"),
    "cut edges are 0": (unrestricted, "a cut edge has weight"),
    "nothing gets around a cut": (mixes, "pixels still move logits"),
    "as its processor reads it": (stamps, "'Time 0s: <video>' there"),
    "fast engine": (forgets, "by the reference"),
    "rows alone or together": (depends, "depends on its company"),
    "residual stream": (adds_between, "layer 2: something unknown is added after it"),
    "batches and padding": (takes_batches, "a batch of two"),
    "refusals": (raw, "a raw KeyError"),
}


def test_every_check_has_a_fault_to_find() -> None:
    assert set(BY_NAME) == {*FAULTS, *test_held.FOR}


@pytest.mark.parametrize("name", FAULTS)
def test_every_check_finds_its_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, says = FAULTS[name]
    model = plant(load(tiny_folder(), device="cpu"), monkeypatch)
    with torch.no_grad(), pytest.raises(Broken, match=says):
        BY_NAME[name].run(model)
