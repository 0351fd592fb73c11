"""Draws scenes: signed-distance shapes with a dark outline over six textured backdrops, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.mini.world import COLOURS
from workbench.shapes import Bool, Float, Int, shaped

# Axes: b clip, t frame, o object, c colour channel, y row, x column


def _grid(size: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    axis = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / size
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    return columns, rows


@shaped
def backdrops(size: int, device: torch.device | str = "cpu") -> Float[Tensor, "place c y x"]:
    """The textures of `world.PLACES`, in that order, in [0, 1]."""
    x, y = _grid(size, "cpu")
    zero = torch.zeros_like(x)
    generator = torch.Generator("cpu").manual_seed(0)

    def speckles(density: float) -> Tensor:
        """Bright dots on a 48 x 48 lattice, the same at every picture size."""
        noise = torch.rand(1, 1, 48, 48, generator=generator, dtype=torch.float32, device="cpu")
        dots = (noise > 1 - density).float()
        return torch.nn.functional.interpolate(dots, size=(size, size), mode="nearest")[0, 0]

    stars, flakes = speckles(0.03), speckles(0.05)
    waves_sand, waves_sea = torch.sin(18 * y + 4 * torch.sin(6 * x)), torch.sin(30 * y + 3 * torch.sin(9 * x))
    blocks = ((torch.floor(x * 8) + torch.floor(y * 8)) % 2) * 0.12
    textures = [
        (zero + 0.1 + 0.05 * torch.sin(40 * x), zero + 0.35 + 0.15 * torch.sin(40 * x), zero + 0.12),
        (0.76 + 0.06 * waves_sand, 0.62 + 0.06 * waves_sand, zero + 0.38),
        (zero + 0.05, 0.45 + 0.1 * waves_sea, 0.6 + 0.1 * waves_sea),
        (0.05 + 0.7 * stars, 0.05 + 0.7 * stars, 0.15 + 0.6 * stars),
        (0.80 - 0.2 * flakes, 0.84 - 0.2 * flakes, 0.90 - 0.1 * flakes),
        (0.42 + blocks, 0.42 + blocks, 0.45 + blocks),
    ]
    return torch.stack([torch.stack(channels) for channels in textures]).to(device)


def _distance(shape: Tensor, dx: Tensor, dy: Tensor, r: Tensor) -> Tensor:
    """Signed distance (roughly, in picture widths) to the outline of each shape; negative inside."""
    ax, ay = dx.abs(), dy.abs()
    circle = torch.sqrt(dx * dx + dy * dy) - r
    square = torch.maximum(ax, ay) - 0.9 * r
    triangle = torch.maximum(ax - 0.5 * dy - 0.55 * r, dy - 0.9 * r)
    diamond = ax + ay - 1.2 * r
    cross = torch.minimum(
        torch.maximum(ax - 0.35 * r, ay - 1.05 * r), torch.maximum(ay - 0.35 * r, ax - 1.05 * r)
    )
    out = torch.where(shape == 0, circle, square)
    out = torch.where(shape == 2, triangle, out)
    out = torch.where(shape == 3, diamond, out)
    return torch.where(shape == 4, cross, out)


@shaped
def render(
    places: Int[Tensor, "b t"], objects: Float[Tensor, "b o t 6"], textures: Float[Tensor, "place c y x"]
) -> Float[Tensor, "b t c y x"]:
    """Pictures of scenes, in [0, 1].

    places: from `world.backdrops`, objects: from `world.states`, textures: from `backdrops`, whose size is
    the pictures' size.
    """
    size, device = textures.shape[-1], textures.device
    x, y = _grid(size, device)
    palette = torch.tensor(list(COLOURS.values()), dtype=torch.float32, device=device) / 255
    picture = textures[places]
    for number in range(objects.shape[1]):
        state = objects[:, number][..., None, None]
        here = state[:, :, 3] * (state[:, :, 2] > 0)
        d = _distance(state[:, :, 5], x - state[:, :, 0], y - state[:, :, 1], state[:, :, 2].clamp_min(1e-3))
        outline = torch.sigmoid(-(d - 0.02) * size * 1.5) * here
        inside = torch.sigmoid(-d * size * 1.5) * here
        colour = palette[objects[:, number, :, 4].long()][..., None, None]
        picture = picture * (1 - outline[:, :, None])
        picture = picture * (1 - inside[:, :, None]) + colour * inside[:, :, None]
    return picture.clamp(0, 1)


@shaped
def covered(objects: Float[Tensor, "b o t 6"], size: int) -> Bool[Tensor, "b o t y x"]:
    """Which pixels of a picture of `size` each object covers, its dark outline left out.

    objects: from `world.states`. No two objects of a scene touch, so that none hides another.
    """
    x, y = _grid(size, objects.device)
    state = objects[..., None, None]
    # The sizes that `_distance` shapes: pixels broadcast against one object and moment after another.
    across, down, radius, opacity, _, shape = state.unbind(3)
    d = _distance(shape, x - across, y - down, radius.clamp_min(1e-3))
    return (d < 0) & (opacity > 0) & (radius > 0)


@shaped
def like_video(
    picture: Float[Tensor, "b t c y x"], amount: Float[Tensor, " b"], noise: float = 0.015
) -> Float[Tensor, "b t c y x"]:
    """What a video codec does to a picture, roughly: colour at half resolution and faint noise.

    picture: in [0, 1]; amount: in [0, 1], 0 leaves a clip untouched. Used in training
    only, so that the model reads real mp4 files as well as its own drawings.
    """
    r, g, b = picture.unbind(2)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    chroma = torch.stack([r - luma, b - luma], 2).flatten(0, 1)
    coarse = torch.nn.functional.avg_pool2d(chroma, 2)
    coarse = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    red, blue = (coarse.view(*picture.shape[:2], 2, *picture.shape[3:])).unbind(2)
    r2, b2 = luma + red, luma + blue
    g2 = (luma - 0.299 * r2 - 0.114 * b2) / 0.587
    worn = torch.stack([r2, g2, b2], 2) + noise * torch.randn_like(picture)
    weight = amount[:, None, None, None, None]
    return (picture * (1 - weight) + worn * weight).clamp(0, 1)
