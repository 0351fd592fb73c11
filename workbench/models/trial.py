"""One frame through a model that was just loaded, so that what does not fit is told then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from workbench.errors import ModelError, WorkbenchError
from workbench.models.checkpoints.folder import in_short
from workbench.prompts.prompt import Prompt
from workbench.video import Clip

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_SIDE = 64  # pixels of the frame, which the model's settings resize


class _Enough(Exception):
    """Every kind of layer has been run."""


def try_out(model: VideoLLM) -> None:
    """Runs the vision tower, the projector, the decoder until every kind of its layers has been run once,
    the last norm and the head.

    Raises ModelError where they cannot be run: settings that transformers accepts, and that do not fit each
    other. What `encode` refuses by itself is left for it to say, with its remedy.
    """
    try:
        prompt = _prompt(model)
        if prompt is not None:
            _run(model, prompt)
    except WorkbenchError:
        raise
    except torch.OutOfMemoryError:
        return  # a prompt will say so, or be smaller
    except Exception as error:  # settings can be wrong in every way
        raise ModelError(
            f"{model.folder} was loaded, and cannot be run ({in_short(error)}). The settings in config.json "
            "do not fit each other or the tokenizer: copy it again from the original checkpoint."
        ) from error


def _prompt(model: VideoLLM) -> Prompt | None:
    frame = np.full((1, _SIDE, _SIDE, 3), 127, dtype=np.uint8)
    clip = Clip(frames=frame, timestamps=np.array([0.5]), path=None, duration=1.0)
    try:
        return model.encode(clip, "What is shown?", turn=model.family.default_turn)
    except WorkbenchError:
        return None


def _run(model: VideoLLM, prompt: Prompt) -> None:
    layers: list[Any] = list(model.family.decoder_layers(model.hf))
    kinds = [
        getattr(layer, "attention_type", getattr(layer.self_attn, "is_sliding", None)) for layer in layers
    ]
    enough = max(kinds.index(kind) for kind in kinds)

    def stop(module: nn.Module, args: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        row = model.family.final_norm(model.hf)(hidden[:, -1:])
        model.family.lm_head(model.hf)(row)
        raise _Enough

    handle = layers[enough].register_forward_hook(stop)
    try:
        with torch.no_grad():
            model.hf(**prompt.inputs, use_cache=False)
    except _Enough:
        pass
    finally:
        handle.remove()
