"""Tables of what mattered, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analyses.places.units import described, flows_of
from workbench.prompts.layout import TokenLayout

FRAMES = np.full((3, 8, 8, 3), 200, np.uint8)


def places_table(layout: TokenLayout, each: str, *, task: str = "t", layers: int = 0) -> pd.DataFrame:
    """The first unit loses 3, the others nothing; with `layers`, a moving window too."""
    rows = []
    places = [("all_layers()", 0, 1, 6)] + [("centred(1)", n, n, n) for n in range(1, layers + 1)]
    for number, flow in enumerate(flows_of(layout, each, None, 4)):
        for window, layer, first, last in places:
            mean = 0.0 if number else -3.0
            rows.append(
                {
                    "task": task,
                    "window": window,
                    "layer": layer,
                    "first_layer": first,
                    "last_layer": last,
                    **described(str(flow))._asdict(),
                    "n": 9,
                    "mean": mean,
                    "low": mean - 0.5,
                    "high": mean + 0.5,
                    "control_mean": -0.5,
                    "control_low": -0.7,
                    "control_high": -0.2,
                    "matters": not number,
                }
            )
    return pd.DataFrame(rows).drop(columns="kind")
