"""Frames -> pixel values: the numbers of the Hugging Face video processors, without torchvision.

Axes: t frame, c channel, H and W pixels as they come, h and w as the model gets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from workbench.errors import ModelError
from workbench.foreign import validated
from workbench.shapes import Float, UInt8, shaped

Backend = Literal["torch", "pil"]
"""torch resizes as the Hugging Face video processors do, pil as the authors' code of most models does."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

# PIL's numbers of the resampling filters, which is how checkpoints name them.
_RESAMPLE = {1: "lanczos", 2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSettings:
    """What a checkpoint's video processor does to frames. The names are those of its json file."""

    size: Mapping[str, int]
    """{height, width}, {shortest_edge}, or least and most pixels: {shortest_edge, longest_edge}."""
    do_resize: bool = True
    resample: int = 3
    """1 Lanczos, 2 bilinear, 3 bicubic (PIL's numbers)."""
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
    further: Mapping[str, Any] = field(default_factory=dict)
    """What few processors have, by its name in their json: a choice, a number from 1, or a tuple of these. A
    family's defaults name what it follows."""


_LONGEST_SIDE = 4096  # pixels; no vision tower takes more
_Side = Annotated[int, Field(gt=0, le=_LONGEST_SIDE)]
_Patch = Annotated[int, Field(gt=0, le=1024)]
_Channels = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=3, max_length=3)]


class _Size(BaseModel):
    """A size by name. The bounds keep a single frame below 50 MB of pixels, whatever a file says."""

    model_config = ConfigDict(extra="allow")
    height: _Side | None = None
    width: _Side | None = None
    shortest_edge: Annotated[int, Field(gt=0, le=2**24)] | None = None
    """Of a side, or the least pixels of a frame where there is a longest_edge."""
    longest_edge: Annotated[int, Field(gt=0, lt=2**31)] | None = None


class _Said(BaseModel):
    """What a video processor's json may say; null is as if it said nothing."""

    size: _Side | Annotated[list[_Side], Field(min_length=1, max_length=2)] | _Size | None = None
    crop_size: _Side | Annotated[list[_Side], Field(min_length=1, max_length=2)] | _Size | None = None
    do_resize: bool | None = None
    resample: int | None = None
    do_center_crop: bool | None = None
    do_rescale: bool | None = None
    rescale_factor: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    do_normalize: bool | None = None
    image_mean: _Channels | None = None
    image_std: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)] | None = None
    patch_size: _Patch | None = None
    temporal_patch_size: _Patch | None = None
    merge_size: _Patch | None = None
    min_pixels: Annotated[int, Field(gt=0, le=2**24)] | None = None
    max_pixels: Annotated[int, Field(gt=0, lt=2**31)] | None = None


def settings_of(found: object, defaults: PixelSettings, *, source: object) -> PixelSettings:
    """The settings that a checkpoint's json says; what it does not say is as in `defaults`.

    `source` is where it was found, for the message. Raises ModelError for settings that cannot be followed,
    are of another type, or beyond what any model takes.
    """
    said = validated(_Said, found, source=str(source), error=ModelError)
    changes: dict[str, Any] = {
        field.name: value
        for field in fields(PixelSettings)
        if (value := getattr(said, field.name, None)) is not None
    }
    changes["further"] = _further(found, defaults.further, source=source)
    size = defaults.size if said.size is None else _by_name(said.size, square=False)
    # Older checkpoints name the bounds by themselves.
    bounds = {"shortest_edge": said.min_pixels, "longest_edge": said.max_pixels}
    changes["size"] = {**size, **{key: value for key, value in bounds.items() if value is not None}}
    if said.crop_size is not None:
        changes["crop_size"] = _by_name(said.crop_size, square=True)
    for name in ("image_mean", "image_std"):
        if name in changes:
            changes[name] = tuple(changes[name])
    settings = replace(defaults, **changes)
    if settings.do_resize and settings.resample not in _RESAMPLE:
        raise ModelError(
            f"{source} asks for resampling filter {settings.resample}. "
            "Filters that can be followed: "
            f"{', '.join(f'{key} ({name})' for key, name in _RESAMPLE.items())}."
        )
    if settings.do_center_crop and settings.crop_size and not {"height", "width"} <= set(settings.crop_size):
        raise ModelError(f"{source}: crop_size {dict(settings.crop_size)} must have height and width.")
    edge = changes["size"].get("shortest_edge", 0)
    if edge > _LONGEST_SIDE and "longest_edge" not in changes["size"]:
        raise ModelError(f"{source}: shortest_edge {edge:,} is no side of a frame: at most {_LONGEST_SIDE}.")
    return settings


def _further(found: object, defaults: Mapping[str, Any], *, source: object) -> dict[str, Any]:
    """Each of these settings as the json says it, or else as it is by default."""
    said = found if isinstance(found, dict) else {}
    read: dict[str, Any] = {}
    for name, default in defaults.items():
        kind: Any = bool if isinstance(default, bool) else _Patch
        kind = tuple[(kind,) * len(default)] if isinstance(default, tuple) else kind
        wanted: Any = kind | None
        value = validated(wanted, said.get(name), source=f"{source}: {name}", error=ModelError)
        read[name] = default if value is None else value
    return read


def _by_name(size: int | list[int] | _Size, *, square: bool) -> dict[str, int]:
    """A size as {name: pixels}; a number alone is the shortest edge, or both sides of a square."""
    if isinstance(size, int):
        return {"height": size, "width": size} if square else {"shortest_edge": size}
    if isinstance(size, list):
        return {"height": size[0], "width": size[-1]}
    return size.model_dump(exclude_none=True)


@shaped
def pixels(
    frames: UInt8[np.ndarray, "t H W c"],
    settings: PixelSettings,
    *,
    size: tuple[int, int] | None = None,
    backend: Backend = "torch",
    antialias: bool = True,
) -> Float[Tensor, "t c h w"]:
    """Pixel values, float32, of frames.

    `size` (height, width) is the resized size, where the family computes it; otherwise the settings say it.
    `antialias=False` looks at the nearest pixels alone, however much smaller a frame becomes, in both
    backends.
    Always on the CPU: uint8 interpolation exists only there, so that every device gets the same numbers.
    """
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).contiguous()
    if settings.do_resize:
        height, width = size or target_size(images.shape[-2], images.shape[-1], settings)
        images = _resize(images, height, width, _RESAMPLE[settings.resample], backend, antialias=antialias)
    if settings.do_center_crop and settings.crop_size:
        images = _center_crop(images, settings.crop_size["height"], settings.crop_size["width"])
    return _rescale_and_normalize(images, settings)


@shaped
def resized(
    frames: UInt8[np.ndarray, "t H W c"],
    settings: PixelSettings,
    size: tuple[int, int],
    *,
    backend: Backend = "torch",
) -> UInt8[np.ndarray, "t h w c"]:
    """Frames of this size (height, width), with the settings' filter: a step before `pixels`."""
    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).contiguous()
    images = _resize(images, *size, _RESAMPLE[settings.resample], backend)
    return images.permute(0, 2, 3, 1).contiguous().numpy()


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


def _resize(
    images: Tensor, height: int, width: int, mode: str, backend: Backend, *, antialias: bool = True
) -> Tensor:
    if tuple(images.shape[-2:]) == (height, width):
        return images
    if backend in get_args(Backend) and not antialias:
        near = F.interpolate(images.float(), size=(height, width), mode=mode, align_corners=False)
        return near.round().clamp(0, 255).to(images.dtype)
    if backend == "torch":
        return F.interpolate(images, size=(height, width), mode=mode, antialias=True, align_corners=False)
    if backend != "pil":
        raise ModelError(f"Unknown preprocessing backend {backend!r}. Choose 'torch' or 'pil'.")
    resample = Image.Resampling[mode.upper()]
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
    # A user's torch.set_default_dtype or set_default_device must not reach the numbers.
    mean, std = (
        torch.tensor(channels, dtype=torch.float32, device=images.device)
        for channels in (settings.image_mean, settings.image_std)
    )
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
