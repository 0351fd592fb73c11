"""The papers' windows, and layers to look at, in models of another depth.

Map the Flow cuts 9 neighbouring layers of models with 28 to 40. In a much shallower model the same 9 layers
would cover most of it, so the window shrinks to the same share of the layers.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.errors import WindowError, shown
from workbench.interventions.windows import Window, centred
from workbench.typed import HIGHEST

PAPER_LAYERS = 32
"""Layers of the model that Map the Flow shows most, LLaVA-NeXT-7B-Video-FT."""
PAPER_WINDOW = 9
PAPER_BIN = 5
"""Layers a bin of the effective pathways."""
STUDY_LAYERS = 28
"""Layers of the models of An Empirical Study."""
SHALLOW = 24
"""Below this many layers, windows are scaled."""


def scaled_size(k: int, n_layers: int) -> int:
    """`k` itself for 24 layers or more; below that the same share of 32 layers, as the nearest odd number, so
    that the window has a layer in its middle. Raises WindowError for k or n_layers below 1.
    """
    _check(k, n_layers)
    if n_layers >= SHALLOW:
        return k
    return max(1, 2 * round((k * n_layers / PAPER_LAYERS - 1) / 2) + 1)


def scaled_window(n_layers: int) -> Window:
    """The paper's centred(9), scaled to the depth: centred(3) for 12 layers."""
    return centred(scaled_size(PAPER_WINDOW, n_layers))


def scaled_bin(n_layers: int) -> int:
    """Bins of 5 for 24 layers or more; below that the same share of the model. Raises WindowError."""
    _check(PAPER_BIN, n_layers)
    return PAPER_BIN if n_layers >= SHALLOW else max(1, round(PAPER_BIN * n_layers / PAPER_LAYERS))


def spread_layers(n_layers: int, most: int) -> tuple[int, ...]:
    """All layers from 1, or in a deeper model `most` of them in even steps, the first and the last included.

    Raises WindowError for fewer than two of several.
    """
    _check(most, n_layers)
    if n_layers <= most:
        return tuple(range(1, n_layers + 1))
    if most < 2:
        raise WindowError(f"{most} of {n_layers} layers: take 2 or more, the first and the last.")
    step = (n_layers - 1) / (most - 1)
    return tuple(round(1 + place * step) for place in range(most))


def scaled_windows(sizes: Iterable[int], n_layers: int) -> tuple[Window, ...]:
    """centred(k) for every size, scaled to the depth; sizes that become the same number give one window."""
    return tuple(dict.fromkeys(centred(scaled_size(k, n_layers)) for k in sizes))


def scaled_layer(layer: int, n_layers: int) -> int:
    """A layer, or a number of layers, of An Empirical Study's models of 28.

    Itself for 24 layers or more; below that the nearest to the same share, 1 at least. Raises WindowError for
    a number below 1.
    """
    _check(layer, n_layers)
    return layer if n_layers >= SHALLOW else max(1, round(layer * n_layers / STUDY_LAYERS))


def _check(k: int, n_layers: int) -> None:
    """Raises WindowError unless both are numbers of layers."""
    for number in (k, n_layers):
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= HIGHEST:
            raise WindowError(
                f"A window of {shown(k)} layers in a model of {shown(n_layers)}: both are numbers from 1."
            )
