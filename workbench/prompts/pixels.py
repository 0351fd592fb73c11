"""Frames -> pixel values: the numbers of the Hugging Face video processors, without torchvision.

Axes: t frame, c channel, H and W pixels as they come, h and w as the model gets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from workbench.errors import ModelError
from workbench.shapes import Float, UInt8, shaped

Backend = Literal["torch", "pil"]
"""torch resizes as the Hugging Face video processors do, pil as the authors' code of most models does."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

# PIL's numbers of the resampling filters, which is how checkpoints name them.
_RESAMPLE = {2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSettings:
    """What a checkpoint's video processor does to frames. The names are those of its json file."""

    size: Mapping[str, int]
    """{height, width}, {shortest_edge}, or least and most pixels: {shortest_edge, longest_edge}."""
    do_resize: bool = True
    resample: int = 3
    """2 bilinear, 3 bicubic (PIL's numbers)."""
    do_center_crop: bool | None = False
    crop_size: Mapping[str, int] | None = None
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    do_normalize: bool = True
    image_mean: tuple[float, ...] = CLIP_MEAN
    image_std: tuple[float, ...] = CLIP_STD
    patch_size: int = 14
    """This and the next two: where the processor cuts the patches itself."""
    temporal_patch_size: int = 2
    merge_size: int = 2


def settings_of(found: Mapping[str, Any], defaults: PixelSettings, *, source: object) -> PixelSettings:
    """The settings that a checkpoint's json says; what it does not say is as in `defaults`.

    `source` is where it was found, for the message. Raises ModelError for settings that cannot be followed.
    """
    known = {field.name for field in fields(PixelSettings)}
    changes: dict[str, Any] = {
        name: value for name, value in found.items() if name in known and value is not None
    }
    size = changes.get("size", defaults.size)
    if isinstance(size, int):
        size = {"shortest_edge": size}
    elif isinstance(size, list):
        size = {"height": size[0], "width": size[-1]}
    # Older checkpoints name the bounds by themselves.
    bounds = {"shortest_edge": found.get("min_pixels"), "longest_edge": found.get("max_pixels")}
    changes["size"] = {**size, **{key: value for key, value in bounds.items() if value is not None}}
    crop = changes.get("crop_size")
    if isinstance(crop, int):
        changes["crop_size"] = {"height": crop, "width": crop}
    for name in ("image_mean", "image_std"):
        if name in changes:
            changes[name] = tuple(float(value) for value in changes[name])
    settings = replace(defaults, **changes)
    if settings.do_resize and settings.resample not in _RESAMPLE:
        raise ModelError(
            f"{source} asks for resampling filter {settings.resample}. "
            "Filters that can be followed: "
            f"{', '.join(f'{key} ({name})' for key, name in _RESAMPLE.items())}."
        )
    return settings


@shaped
def pixels(
    frames: UInt8[np.ndarray, "t H W c"],
    settings: PixelSettings,
    *,
    size: tuple[int, int] | None = None,
    backend: Backend = "torch",
) -> Float[Tensor, "t c h w"]:
    """Pixel values, float32, of frames.

    `size` (height, width) is the resized size, where the family computes it; otherwise the settings say it.
    Always on the CPU: uint8 interpolation exists only there, so that every device gets the same numbers.
    """
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).contiguous()
    if settings.do_resize:
        height, width = size or target_size(images.shape[-2], images.shape[-1], settings)
        images = _resize(images, height, width, _RESAMPLE[settings.resample], backend)
    if settings.do_center_crop and settings.crop_size:
        images = _center_crop(images, settings.crop_size["height"], settings.crop_size["width"])
    return _rescale_and_normalize(images, settings)


def target_size(height: int, width: int, settings: PixelSettings) -> tuple[int, int]:
    """(height, width) after resizing. Raises ModelError for kinds of size that cannot be followed."""
    size = {key: value for key, value in settings.size.items() if value is not None}
    if set(size) == {"height", "width"}:
        return size["height"], size["width"]
    if set(size) == {"shortest_edge"}:
        short = size["shortest_edge"]
        long = int(short * max(height, width) / min(height, width))
        return (long, short) if width <= height else (short, long)
    raise ModelError(
        f"The video processor's size {dict(settings.size)} cannot be followed. "
        "It must have height and width, or shortest_edge."
    )


def _resize(images: Tensor, height: int, width: int, mode: str, backend: Backend) -> Tensor:
    if tuple(images.shape[-2:]) == (height, width):
        return images
    if backend == "torch":
        return F.interpolate(images, size=(height, width), mode=mode, antialias=True, align_corners=False)
    if backend != "pil":
        raise ModelError(f"Unknown preprocessing backend {backend!r}. Choose 'torch' or 'pil'.")
    resample = Image.Resampling.BICUBIC if mode == "bicubic" else Image.Resampling.BILINEAR
    resized = [
        np.array(Image.fromarray(image).resize((width, height), resample))
        for image in images.permute(0, 2, 3, 1).numpy()
    ]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).contiguous()


def _center_crop(images: Tensor, height: int, width: int) -> Tensor:
    have_height, have_width = images.shape[-2:]
    if height > have_height or width > have_width:
        extra_height, extra_width = max(height - have_height, 0), max(width - have_width, 0)
        around = (extra_width // 2, (extra_width + 1) // 2, extra_height // 2, (extra_height + 1) // 2)
        images = F.pad(images, around)
        have_height, have_width = images.shape[-2:]
    top, left = int((have_height - height) / 2.0), int((have_width - width) / 2.0)
    return images[..., top : top + height, left : left + width]


def _rescale_and_normalize(images: Tensor, settings: PixelSettings) -> Tensor:
    mean, std = torch.tensor(settings.image_mean), torch.tensor(settings.image_std)
    values = images.to(torch.float32)
    if not settings.do_normalize:
        return values * settings.rescale_factor if settings.do_rescale else values
    if settings.do_rescale:
        # Rescaling folded into mean and std, as transformers does, gives the same last bit.
        mean, std = mean * (1.0 / settings.rescale_factor), std * (1.0 / settings.rescale_factor)
    return (values - mean[:, None, None]) / std[:, None, None]


@shaped
def seen_frames(
    frames: UInt8[np.ndarray, "t H W c"], settings: PixelSettings
) -> UInt8[np.ndarray, "t h w c"]:
    """The part of frames that the model sees, as pictures: cropped as the model does.

    Where nothing is cropped the frames come back as they are, whatever the model resizes them to.
    """
    if not (settings.do_center_crop and settings.crop_size):
        return frames
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).contiguous()
    if settings.do_resize:
        height, width = target_size(images.shape[-2], images.shape[-1], settings)
        images = _resize(images, height, width, _RESAMPLE[settings.resample], "torch")
    cropped = _center_crop(images, settings.crop_size["height"], settings.crop_size["width"])
    return cropped.permute(0, 2, 3, 1).contiguous().numpy()
