"""A made-up sweep that looks like a real one: crisp mechanisms, samples that differ, a few wrong answers."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

COLUMNS = [
    "sample_id",
    "task",
    "flow",
    "window",
    "layer",
    "first_layer",
    "last_layer",
    "token",
    "p_base",
    "p_knockout",
    "change_percent",
    "correct_base",
    "correct_knockout",
]
FLOWS = (
    "frames -> later frames",
    "video -> question",
    "question -> last",
    "video -> last",
    "last -> last",
)
PARTS = ("nonoption -> last", "true_option -> last", "video -> nonoption", "video -> true_option")
"""Flows of the two other groups of Map the Flow."""
N_LAYERS = 12

# Mean change in percent by centre layer 1..12; zeros elsewhere.
SHAPES: dict[str, dict[str, list[float]]] = {
    "moving_direction": {
        "frames -> later frames": [0, 0, 0, 0, 0, 0, -33, -67, -61, -11, 0, 0],
        "video -> question": [-38, -36, -4, -3, -16, -8, -5, -4, -69, -86, -86, -4],
        "question -> last": [0, 0, 0, 0, -20, 0, 0, 0, 0, 0, -84, -83],
    },
    "scene_transition": {
        "video -> question": [-42, -42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "question -> last": [0, 0, 0, 0, 0, 0, 0, -52, -44, -48, 0, 0],
    },
    "action_antonym": {
        "frames -> later frames": [0, 0, 0, 0, 0, 0, 0, -40, -58, -22, 0, 0],
        "question -> last": [0, 0, 0, 0, 0, -47, -45, -25, 0, 0, 0, 0],
        "video -> last": [0, 0, 0, 0, 0, 0, 0, 0, -23, -36, -80, -17],
    },
    "action_sequence": {
        "frames -> later frames": [0, 0, 0, 0, 0, 0, -8, -38, -46, -14, -4, 0],
        "question -> last": [-66, -66, 0, 0, 0, -56, -63, -67, 0, 0, 0, 0],
        "video -> last": [0, 0, 0, 0, 0, 0, 0, 0, -23, -21, -24, -4],
    },
    "object_count": {
        "frames -> later frames": [0, 0, 0, 0, 0, 0, 0, -34, -28, -24, -9, 0],
        "video -> last": [0, 0, 0, 0, 0, 0, 0, 0, 0, -38, -42, -38],
    },
}


def sweep_table(
    shapes: dict[str, dict[str, list[float]]] | None = None,
    *,
    flows: tuple[str, ...] = FLOWS,
    samples: int = 10,
    k: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """A table with a sweep's columns. Samples share the shape of their task and differ in strength."""
    rng = np.random.default_rng(seed)
    rows = []
    for task, curves in (shapes or SHAPES).items():
        for index in range(samples):
            p_base = float(rng.uniform(0.75, 0.999))
            strength = rng.uniform(0.75, 1.15)
            for flow in flows:
                for layer, mean in enumerate(curves.get(flow, [0.0] * N_LAYERS), start=1):
                    noise = rng.normal(0, 0.4 if mean == 0 else 9)
                    change = float(np.clip(mean * strength + noise, -99.5, (1 / p_base - 1) * 100))
                    p_knockout = p_base * (1 + change / 100)
                    rows.append(
                        {
                            "sample_id": f"{task}/{index:03d}",
                            "task": task,
                            "flow": flow,
                            "window": f"centred({k})",
                            "layer": layer,
                            "first_layer": max(1, layer - k // 2),
                            "last_layer": min(N_LAYERS, layer + (k - 1) // 2),
                            "token": "AB"[index % 2],
                            "p_base": p_base,
                            "p_knockout": p_knockout,
                            "change_percent": change,
                            "correct_base": True,
                            "correct_knockout": p_knockout > 0.5,
                        }
                    )
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def samples_table(table: pd.DataFrame, *, wrong: int = 1) -> pd.DataFrame:
    """The samples of `table`, and `wrong` more a task that the model answers wrongly."""
    rows = []
    seen = table.drop_duplicates("sample_id")
    for task, of_task in seen.groupby("task", sort=False):
        for _, row in of_task.iterrows():
            rows.append(
                (row["sample_id"], task, row["token"], row["p_base"], row["token"], row["token"], True)
            )
        for index in range(wrong):
            rows.append((f"{task}/wrong{index}", task, "B", 0.61, "A", "B", False))
    names = ["sample_id", "task", "token", "p_base", "answer", "predicted", "correct"]
    frame = pd.DataFrame(rows, columns=pd.Index(names))
    frame["n_tokens"] = 331
    frame["seconds"] = 1.25
    frame["noise_percent"] = float("nan")
    frame["peak_gb"] = float("nan")
    return frame


def pathways_table(table: pd.DataFrame, *, width: int = 2, threshold: float = -5.0) -> pd.DataFrame:
    """Bins of layers and the range from the first to the last below the threshold, a row a flow and bin;
    with what made it, as pathways.csv has it."""
    rows = []
    for flow, of_flow in table.groupby("flow", sort=False):
        means = cast(pd.Series, of_flow.groupby("layer")["change_percent"].mean())
        bins = []
        for first in range(1, N_LAYERS + 1, width):
            last = min(first + width - 1, N_LAYERS)
            mean = float(means.loc[first:last].mean())
            bins.append((first, last, mean, mean < threshold))
        counting = [(first, last) for first, last, _, counts in bins if counts]
        first_layer = counting[0][0] if counting else None
        last_layer = counting[-1][1] if counting else None
        rows += [(flow, *entry, first_layer, last_layer) for entry in bins]
    columns = ["flow", "bin_first", "bin_last", "mean_change_percent", "counts", "first_layer", "last_layer"]
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    frame = frame.assign(window=table["window"].iloc[0], bin=width, threshold=threshold)
    return frame.astype({"first_layer": "Int64", "last_layer": "Int64"})
