"""What a family of Video-LLMs must say about itself; everything else is shared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from workbench.errors import ModelError
from workbench.prompts.assembly import Separators
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.template import turn_of
from workbench.prompts.turn import Turn, VideoPiece
from workbench.shapes import Float, Int

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from workbench.video import Clip


_FINAL_NORMS = ("norm", "final_layernorm", "embedding_norm")
"""Llama and most others; Phi; LFM2."""

AttentionKind = Literal["sdpa", "eager"]
"""How attention is computed: in fused kernels, with scores where they are asked for, or step by step."""


class VideoInputs(NamedTuple):
    """A clip as the model wants it."""

    inputs: dict[str, Tensor]
    """Arguments of the forward, among them the pixel values."""
    pieces: tuple[VideoPiece, ...]
    grid: tuple[int, int] | None
    """(rows, columns) of cells of a temporal unit."""
    frame_times: tuple[tuple[float, ...], ...]
    """Seconds of the source frames of each unit."""


class Family(ABC):
    """An architecture of Video-LLMs. One module each; `families/__init__.py` lists them.

    The methods that take `root` only follow attributes, so that they serve the Hugging Face model and the
    nnsight wrapper around it alike.
    """

    model_type: str
    """As in config.json."""
    model_class: str
    """The class of transformers."""
    models: str
    """Well-known checkpoints of this family, for messages and lists."""
    default_turn: Turn
    """For checkpoints without a chat template."""
    default_pixels: PixelSettings
    """What the family's video processor does where a checkpoint does not say."""
    optional_weights: tuple[str, ...] = ()
    """Weights that video prompts never use, so that a checkpoint may lack them."""
    surplus_weights: tuple[str, ...] = ("*.inv_freq", "*.position_ids")
    """Weights (patterns) that some checkpoints hold though the model computes or never uses them."""
    attention_kinds: tuple[AttentionKind, ...] = ("sdpa", "eager")
    """The kinds of attention under which the family computes what it was trained to compute."""
    default_separators: Separators = "video"
    """What is counted to a frame where nobody says: as the family's authors or the papers do."""
    guessed: bool = False
    """Whether this is what transformers' class and processor say, and no module's word: then what engines and
    layouts rely on is tried on the model itself."""
    paper_setting: str | None = None
    """The name of the setting (`models/papers.py`) in which a paper ran the family, where a config does not
    say."""
    hook_places: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Modules below a decoder block for hook points that lie elsewhere than `hooks/points.py` says, such as
    {"mlp.hook_pre": ("mlp.fc1",)}; () where the point would not be what its name says."""

    casts_pixels: bool = True
    """The vision tower takes pixels in float32, whatever its weights are in."""
    recurrent: tuple[str, ...] = ()
    """Modules below a decoder block that carry information from row to row where there is no `self_attn`:
    linear attention, short convolutions. What a cut is there says `engine/recurrent.py`."""

    def load_class(self) -> Any:
        """The class that is given the weights: transformers' own, or one that a family derives from it."""
        import transformers

        return getattr(transformers, self.model_class)

    def config_class(self) -> Any:
        """The class of its config: transformers' own, or one that a family derives from it."""
        from transformers import CONFIG_MAPPING

        return CONFIG_MAPPING[self.model_type]

    def video_token_id(self, config: Any) -> int:
        """Token that stands where the video's features go: `video_token_id` of the config, or where frames
        are given as images, `image_token_id`. Raises ModelError where the config has neither."""
        for name in ("video_token_id", "image_token_id"):
            if isinstance(token := getattr(config, name, None), int):
                return token
        raise ModelError(
            f"The config of this {self.model_type} names neither video_token_id nor image_token_id, so "
            "nothing says where the video goes. Copy config.json from the original checkpoint."
        )

    def template_video(self, placeholder: str) -> str:
        """What chat templates of this family write where the video goes, and all of which `video_inputs`
        writes anew: the video token, with the marks around it where `video_inputs` sets these itself, or a
        stand-in such as "<video>"."""
        return placeholder

    def frames_a_unit(self, config: Any) -> int:
        """Frames of a temporal unit where a clip's frames must fill its units."""
        return 1

    def turn(self, template: str | None, tokenizer: PreTrainedTokenizerBase, placeholder: str) -> Turn:
        """The text around a question: a chat template taken apart, or the default where there is none.

        Raises PromptError where the template cannot be used.
        """
        if template is None:
            return self.default_turn
        return turn_of(template, tokenizer, self.template_video(placeholder))

    def decoder(self, root: Any) -> Any:
        """The language model without its head."""
        return root.model.language_model

    def embed(self, root: Any) -> Any:
        """The token embedding."""
        return self.decoder(root).embed_tokens

    def decoder_layers(self, root: Any) -> Any:
        """The decoder blocks, in order."""
        return self.decoder(root).layers

    def attentions(self, root: Any) -> dict[int, Any]:
        """The softmax attention of every decoder block that has one, by layer from 0."""
        layers = enumerate(self.decoder_layers(root))
        return {number: layer.self_attn for number, layer in layers if hasattr(layer, "self_attn")}

    def recurrent_layers(self, root: Any) -> dict[int, Any]:
        """What stands for softmax attention in the other blocks, by layer from 0."""
        return {
            number: getattr(layer, name)
            for number, layer in enumerate(self.decoder_layers(root))
            for name in self.recurrent
            if hasattr(layer, name)
        }

    def final_norm(self, root: Any) -> Any:
        """The norm before the head. Raises ModelError where the decoder calls it otherwise."""
        decoder = self.decoder(root)
        for name in _FINAL_NORMS:
            if (norm := getattr(decoder, name, None)) is not None:
                return norm
        raise ModelError(
            f"{type(decoder).__name__} has no norm before the head under {', '.join(_FINAL_NORMS)}, so "
            "nothing can be read there. Say where it is in the family's `final_norm`."
        )

    def lm_head(self, root: Any) -> Any:
        """The unembedding."""
        return root.lm_head

    @abstractmethod
    def vision_blocks(self, root: Any) -> Any:
        """The blocks of the vision tower, in order."""

    @abstractmethod
    def projector(self, root: Any) -> Any:
        """What takes the vision tower's output to the language model's width; None where nobody can say."""

    def masks_of_its_own(self, config: Any) -> bool:
        """Whether some layers close edges to earlier rows (sliding windows, chunks) or open edges to later
        ones, as far as the config tells."""
        kinds = getattr(config.get_text_config(), "layer_types", None) or ()
        return any(kind != "full_attention" for kind in kinds)

    def deepstack(self, root: Any) -> Any:
        """Further projectors, whose outputs are added to the residual stream after the first decoder layers
        (DeepStack, Meng et al. 2024), in the order of these layers; none in most families."""
        return ()

    def deepstack_after(self, config: Any) -> tuple[int, ...]:
        """The block of the vision tower (from 0) behind which each of these projectors stands."""
        return tuple(getattr(config.vision_config, "deepstack_visual_indexes", ()))

    def added(self, arguments: Mapping[str, Any]) -> dict[int, Float[Tensor, "s d"]]:
        """What is added to the residual stream after a layer (from 0), whatever attention does: by layer, one
        row a token. `arguments` are those of the decoder's forward. The engines check it in every prompt.

        Serves decoders that take `deepstack_visual_embeds` at the rows of `visual_pos_masks`.
        """
        features, mask = arguments.get("deepstack_visual_embeds"), arguments.get("visual_pos_masks")
        if features is None or mask is None:
            return {}
        rows = mask[0]
        found = {}
        for layer, visual in enumerate(features):
            found[layer] = visual.new_zeros(len(rows), visual.shape[-1])
            found[layer][rows.to(visual.device)] = visual
        return found

    def pixel_settings(self, own: PixelSettings, asked: PixelSettings | None) -> PixelSettings:
        """What is done to frames: as is asked for, or else as the checkpoint does. May raise PromptError."""
        return asked or own

    @abstractmethod
    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        """Pixel values and the video's part of the prompt. `placeholder` is the text of the video token.

        Raises ModelError where the settings do not fit the model.
        """

    def vision_rows(
        self, root: Any, inputs: Mapping[str, Tensor], *, merged: bool
    ) -> Int[Tensor, "t p"] | None:
        """Rows of the vision tower's output in raster order of each frame's patches, where the tower
        strings all frames together; None where it keeps them apart.

        `inputs` are the forward's arguments; `merged`: of the projector's output. Raises HookError.
        """
        return None

    def vision_blocks_used(self, config: Any, blocks: int) -> int:
        """How many vision blocks come before the last hidden state that the projector takes."""
        return blocks

    def placed(
        self,
        given: Mapping[str, Tensor],
        arguments: Collection[str],
        device: torch.device,
        dtype: torch.dtype,
    ) -> dict[str, Tensor]:
        """What a forward is given, on its device: versions of transformers differ in the arguments they take.
        Pixels in the weights' type, where the tower does not see to that itself."""
        kept = {name: value.to(device) for name, value in given.items() if name in arguments}
        if self.casts_pixels:
            return kept
        return {name: value.to(dtype) if value.is_floating_point() else value for name, value in kept.items()}

    def token_inputs(self, config: Any, input_ids: Int[Tensor, "1 s"]) -> dict[str, Tensor]:
        """Arguments of the forward that follow from the token ids."""
        return {}

    def behind(
        self, inputs: Mapping[str, Tensor], others: Sequence[Mapping[str, Tensor]]
    ) -> Mapping[str, Tensor]:
        """A prompt's arguments of the forward in a batch behind others: changed where they count through what
        those give."""
        return inputs

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def frame_times(clip: Clip, group: int = 1) -> tuple[tuple[float, ...], ...]:
    """Seconds of the frames of each unit of `group` frames; the last unit may have fewer."""
    seconds = [float(second) for second in clip.timestamps]
    return tuple(tuple(seconds[first : first + group]) for first in range(0, len(seconds), group))
