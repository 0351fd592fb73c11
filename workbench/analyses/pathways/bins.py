"""Bins of layers, and which of them count.

Map the Flow, section 3.5 and Table E: the layers are divided into bins of 5 (1-5, 6-10, ..; the last may be
shorter). A bin counts if the mean change of the answer's probability over its centre layers is strictly below
-5 percent. A flow's range runs from its first to its last bin that counts; between them may lie bins that do
not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

THRESHOLD = -5.0
"""Percent."""


class LayerBin(NamedTuple):
    """A bin of layers, from 1, both ends included."""

    first: int
    last: int


def bin_name(layers: LayerBin) -> str:
    """ "6-10", or "11" for one layer."""
    return f"{layers.first}" if layers.first == layers.last else f"{layers.first}-{layers.last}"


def layer_bins(n_layers: int, size: int) -> list[LayerBin]:
    """Bins of `size` layers from 1; the last may be shorter."""
    return [LayerBin(first, min(first + size - 1, n_layers)) for first in range(1, n_layers + 1, size)]


def effective_range(
    bins: Sequence[LayerBin], means: Sequence[float], threshold: float = THRESHOLD
) -> LayerBin | None:
    """From the first to the last bin whose mean change (percent) is strictly below `threshold`."""
    counting = [layers for layers, mean in zip(bins, means, strict=True) if mean < threshold]
    return LayerBin(counting[0].first, counting[-1].last) if counting else None


def joined_bins(bins: Sequence[LayerBin]) -> list[LayerBin]:
    """Bins in order, neighbours made one."""
    joined: list[LayerBin] = []
    for layers in bins:
        if joined and layers.first == joined[-1].last + 1:
            joined[-1] = LayerBin(joined[-1].first, layers.last)
        else:
            joined.append(layers)
    return joined


def bins_text(bins: Sequence[LayerBin]) -> str:
    """Bins in order, with the gaps between them: "1-2, 10-12"; empty for none."""
    return ", ".join(map(bin_name, joined_bins(bins)))


def range_text(layers: LayerBin, counting: str) -> str:
    """A range, and the bins of it that count where they leave gaps: "1-12 (1-2, 10-12)"."""
    name = bin_name(layers)
    return name if counting in (name, "") else f"{name} ({counting})"


def bin_mean(by_layer: Mapping[int, float], layers: LayerBin) -> float:
    """The mean (percent) of a bin's layer means, each layer with the same weight; NaN where it has none."""
    # A table cut down by hand may lack layers; a bin without any has no mean, and NaN never counts.
    present = [by_layer[layer] for layer in range(layers.first, layers.last + 1) if layer in by_layer]
    return float(np.mean(present)) if present else float("nan")
