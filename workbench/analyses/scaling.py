"""Map the Flow's window and bins, scaled to the depth of smaller models.

The paper's window is centred(9) and its bins hold 5 layers, in models of 28 to 40 layers. Models under 24
layers get the same shares of their depth: centred(3) and bins of 2 for 12 layers.
"""

from __future__ import annotations

from workbench.interventions import Window, centred

PAPER_LAYERS = 32
PAPER_WINDOW = 9
PAPER_BIN = 5
SHALLOW = 24
"""Below this many layers, the paper's window would cover too much of the model."""


def scaled_window(n_layers: int) -> Window:
    """centred(9) for 24 layers or more; below that the same share of the model, an odd number of layers."""
    if n_layers >= SHALLOW:
        return centred(PAPER_WINDOW)
    return centred(2 * round((PAPER_WINDOW * n_layers / PAPER_LAYERS - 1) / 2) + 1)


def scaled_bin(n_layers: int) -> int:
    """Bins of 5 for 24 layers or more; below that the same share of the model."""
    return PAPER_BIN if n_layers >= SHALLOW else max(1, round(PAPER_BIN * n_layers / PAPER_LAYERS))
