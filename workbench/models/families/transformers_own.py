"""Any video class of transformers that no module here describes, as far as the class and its processor say.

What a module would say is taken from transformers: the decoder from `get_decoder`, the video's part of the
prompt and its pixels from the checkpoint's own processor, the rows of its frames from the tokens that this
writes. Which of these rows show which frame is tried on every loaded model (`models/trial.py`), and so is
reuse between cuts (`engine/incremental/proof.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.errors import ModelError, PromptError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.models.families.written import pieces, split
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.tokens import control_tokens
from workbench.prompts.turn import Turn
from workbench.shapes import Int

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from workbench.video import Clip

_TICKS = 1000
"""Frames are dated in whole milliseconds: processors take numbers of frames and a rate."""
_HOW = "Use a checkpoint of another model, or add a family (docs/add_a_family.md)."


class Written(NamedTuple):
    """A clip as a processor gives it."""

    inputs: dict[str, Tensor]
    """Arguments of the forward."""
    text: str
    """What stands in place of the video token."""


class TransformersOwn(Family):
    """A video class of transformers, described by itself and the processor of its checkpoint."""

    models = ""
    guessed = True
    # The template of the checkpoint is what such a model is asked with; this stands where there is none.
    default_turn = Turn(opening="", bridge="\n", closing="\n", answer_gap="")
    default_pixels = PixelSettings(size={})
    recurrent = ("linear_attn", "conv")

    def __init__(self, model_type: str, model_class: str, folder: Path) -> None:
        self.model_type, self.model_class = model_type, model_class
        self._folder = folder

    @cached_property
    def processor(self) -> Any:
        """The checkpoint's own. Raises ModelError where it cannot be had, or takes no video."""
        from transformers import AutoProcessor

        try:
            found = AutoProcessor.from_pretrained(self._folder, local_files_only=True)
        except ImportError as error:
            raise ModelError(
                f"The processor of {self._folder} needs a package that is not installed "
                f"({' '.join(str(error).split())[:200]}). A {self.model_type} is read with transformers' own "
                "processor: pip install torchvision."
            ) from error
        except Exception as error:  # foreign files can be wrong in every way
            raise ModelError(
                f"The processor in {self._folder} cannot be read ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}), and a {self.model_type} has no other description "
                f"here. Copy its files from the original checkpoint. {_HOW}"
            ) from error
        lacking = [name for name in ("tokenizer", "video_processor") if getattr(found, name, None) is None]
        if lacking or not isinstance(getattr(found, "video_token", None), str):
            raise ModelError(
                f"{type(found).__name__} of {self._folder} takes no video "
                f"({', '.join(lacking) or 'video_token'} is missing). {_HOW}"
            )
        return found

    @cached_property
    def _places(self) -> dict[str, str]:
        return {}

    def _found(self, root: Any, what: str) -> Any:
        """The module that transformers' `what` gives, by its path below the model: what wraps a model has the
        same paths."""
        if what not in self._places:
            hf = getattr(root, "_module", root)
            wanted = getattr(hf, what)()
            paths = [path for path, module in hf.named_modules() if module is wanted and path]
            if not paths:
                raise ModelError(
                    f"{type(hf).__name__}.{what}() gives nothing that lies inside the model. {_HOW}"
                )
            self._places[what] = paths[0]
        for part in self._places[what].split("."):
            root = getattr(root, part)
        return root

    def decoder(self, root: Any) -> Any:
        return self._found(root, "get_decoder")

    def embed(self, root: Any) -> Any:
        return self._found(root, "get_input_embeddings")

    def lm_head(self, root: Any) -> Any:
        return self._found(root, "get_output_embeddings")

    def vision_blocks(self, root: Any) -> Any:
        return ()

    def projector(self, root: Any) -> Any:
        return None

    @cached_property
    def _written(self) -> str:
        """What the processor writes for a short clip."""
        frames = np.full((4, 64, 64, 3), 127, dtype=np.uint8)
        return self._processed(frames, 0.25 + 0.5 * np.arange(4))[1]

    @cached_property
    def _video_token_id(self) -> int:
        written = self._written
        ids = self.processor.tokenizer(written, add_special_tokens=False)["input_ids"]
        special = set(control_tokens(self.processor.tokenizer).values())
        counts = {token: ids.count(token) for token in special & set(ids)}
        if not counts:
            raise ModelError(
                f"{type(self.processor).__name__} writes no special token where the video goes "
                f"({written[:80]!r}). {_HOW}"
            )
        return max(counts, key=lambda token: counts[token])

    def video_token_id(self, config: Any) -> int:
        # Not as the config says: some classes show frames under the token of images.
        return self._video_token_id

    def template_video(self, placeholder: str) -> str:
        return self.processor.video_token

    def turn(self, template: str | None, tokenizer: PreTrainedTokenizerBase, placeholder: str) -> Turn:
        turn = super().turn(template, tokenizer, placeholder)
        # Marks that the template and the processor both write are written once, by the processor.
        before, *_, after = re.split(f"(?:{re.escape(placeholder)})+", self._written)
        special = set(control_tokens(tokenizer))
        opening, closing = split(before, special)[-1:], split(after, special)[:1]
        twice = opening and closing and {*opening, *closing} <= special
        if not twice or not (turn.opening.endswith(opening[0]) and turn.bridge.startswith(closing[0])):
            return turn
        return turn._replace(
            opening=turn.opening.removesuffix(opening[0]), bridge=turn.bridge.removeprefix(closing[0])
        )

    def pixel_settings(self, own: PixelSettings, asked: PixelSettings | None) -> PixelSettings:
        if asked is not None:
            raise PromptError(
                f"pixels=: frames of a {self.model_type} are made by transformers' own processor, as the "
                "checkpoint's files say. Change these, or leave it out."
            )
        return own

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        if backend != "torch":
            raise ModelError(
                f"backend={backend!r}: a {self.model_type} is read by transformers' own processor, which "
                "resizes as it does. Leave it out."
            )
        inputs, written = self._processed(clip.frames, clip.timestamps)
        group = int(getattr(self.processor.video_processor, "temporal_patch_size", 1) or 1)
        times = frame_times(clip, group)
        special = set(control_tokens(self.processor.tokenizer)) - {placeholder}
        return VideoInputs(
            inputs=inputs,
            pieces=tuple(pieces(written, placeholder, len(times), special)),
            grid=None,
            frame_times=times,
        )

    def written(self, clip: Clip) -> Written:
        """What the processor makes of a clip. Raises ModelError where it cannot read it."""
        return self._processed(clip.frames, clip.timestamps)

    def _processed(self, frames: np.ndarray, timestamps: Sequence[float] | np.ndarray) -> Written:
        """The forward's arguments for frames (t, h, w, c), and what is written in the video token's place."""
        ticks = [round(float(second) * _TICKS) for second in timestamps]
        step = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else _TICKS
        about = {
            # So that frames a second, as processors count them, are those of the sampled frames.
            "total_num_frames": max(round(step * len(ticks)), 1),
            "fps": _TICKS,
            "frames_indices": ticks,
            "duration": step * len(ticks) / _TICKS,
            "height": frames.shape[1],
            "width": frames.shape[2],
        }
        processor = self.processor
        try:
            found = processor(
                text=[processor.video_token],
                videos=[frames],
                video_metadata=[about],
                do_sample_frames=False,
                return_text_replacement_offsets=True,
            )
            (said,) = found["text_replacement_offsets"][0]
            written = str(said["replacement"])
        except Exception as error:  # a processor is code of any kind
            raise ModelError(
                f"{type(processor).__name__} cannot read a clip of {len(frames)} frames, or does not say "
                f"what it writes for it ({type(error).__name__}: {' '.join(str(error).split())[:200]}). Use "
                f"more frames, where it asks for them. {_HOW}"
            ) from error
        left_out = ("input_ids", "attention_mask", "mm_token_type_ids", "text_replacement_offsets")
        inputs = {
            name: torch.as_tensor(value)
            for name, value in found.items()
            if name not in left_out and not isinstance(value, str) and _is_numbers(value)
        }
        return Written(inputs, written)

    def token_inputs(self, config: Any, input_ids: Int[Tensor, "1 s"]) -> dict[str, Tensor]:
        kinds = getattr(self.processor, "create_mm_token_type_ids", None)
        if kinds is None:
            return {}
        return {"mm_token_type_ids": torch.tensor(kinds(input_ids.tolist()), dtype=torch.int32)}


def _is_numbers(value: Any) -> bool:
    try:
        torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return False
    return True


def transformers_own(said: Mapping[str, Any], folder: Path) -> TransformersOwn | None:
    """The model in a config.json as it describes itself; None where transformers has no class of this
    model_type for images or videos and text that has a processor.

    Raises ModelError where that processor takes no video, or does not say what it writes for one.
    """
    from transformers import ProcessorMixin
    from transformers.models.auto import modeling_auto, processing_auto

    model_type = said.get("model_type")
    if not isinstance(model_type, str):
        return None
    auto: Any = processing_auto
    classes: Any = modeling_auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
    model_class, name = classes.get(model_type), auto.PROCESSOR_MAPPING_NAMES.get(model_type)
    if not isinstance(model_class, str) or name is None:
        return None
    processor: Any = auto.processor_class_from_name(name)
    who = f"{folder / 'config.json'} is a {model_type!r} model ({model_class}), and its {name}"
    if "video_processor" not in processor.get_attributes():
        raise ModelError(f"{who} takes no video. {_HOW}")
    if processor.replace_video_token is ProcessorMixin.replace_video_token:
        raise ModelError(
            f"{who} does not say what it writes in place of a video, so that nothing tells which rows show "
            f"it. {_HOW}"
        )
    return TransformersOwn(model_type, model_class, folder)
