"""A made-up sweep of samples that differ a lot, with known differences between its flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

CROSS, TO_QUESTION = "frames -> later frames", "video -> question"


def noisy(
    shifts: Mapping[str, Sequence[float]],
    *,
    samples: int = 20,
    noise: float = 5.0,
    seed: int = 0,
    task: str = "t",
) -> pd.DataFrame:
    """A sweep whose samples differ a lot, and whose flows differ by `shifts` in each layer."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(samples):
        own = rng.normal(-40, 15)  # shared by all flows of a sample: pairing takes it out
        for flow, by_layer in shifts.items():
            for layer, shift in enumerate(by_layer, start=1):
                change = own + shift + rng.normal(0, noise)
                rows.append((f"s{number}", task, flow, "centred(3)", layer, layer, layer, 0.9, change))
    names = ["sample_id", "task", "flow", "window", "layer", "first_layer", "last_layer", "p_base"]
    table = pd.DataFrame(rows, columns=pd.Index([*names, "change_percent"]))
    return table.assign(p_knockout=table["p_base"] * (1 + table["change_percent"] / 100))
