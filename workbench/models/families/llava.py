"""What the LLaVA families share: a square vision tower, pooled to a square grid of cells a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from workbench.errors import ModelError
from workbench.models.families.base import Family
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.video import Clip


class Llava(Family):
    """A CLIP or SigLIP tower and a projector in front of a decoder."""

    # SigLIP's pooling head sees whole images; a decoder is given patches.
    surplus_weights = (*Family.surplus_weights, "model.vision_tower.head.*")

    def vision_blocks(self, root: Any) -> Any:
        tower = root.model.vision_tower
        return getattr(tower, "vision_model", tower).encoder.layers

    def projector(self, root: Any) -> Any:
        return root.model.multi_modal_projector

    def vision_blocks_used(self, config: Any, blocks: int) -> int:
        chosen = config.vision_feature_layer
        layers = [chosen] if isinstance(chosen, int) else list(chosen)
        return max(layer if layer >= 0 else blocks + 1 + layer for layer in layers)


def patches_per_side(config: Any) -> int:
    """Patches along a side of a frame."""
    return config.vision_config.image_size // config.vision_config.patch_size


@shaped
def square_pixels(
    config: Any, settings: PixelSettings, clip: Clip, backend: Backend
) -> Float[Tensor, "1 t c h w"]:
    """Pixel values, batch 1, of the size that the vision tower was built for."""
    values = pixels(clip.frames, settings, backend=backend)
    side = config.vision_config.image_size
    if tuple(values.shape[-2:]) != (side, side):
        height, width = values.shape[-2:]
        raise ModelError(
            f"The checkpoint's video processor makes frames of {height} x {width} pixels, and its vision "
            "tower "
            f"takes {side} x {side}. Set size and crop_size in video_preprocessor_config.json to {side}."
        )
    return values[None]
