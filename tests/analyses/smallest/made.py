"""A result of the search, without a model."""

from __future__ import annotations

import pandas as pd

from workbench.analyses.smallest.result import SmallestPathway
from workbench.analyses.smallest.tables import COLUMNS

ROWS = (
    ("full", "full model", -1, 100.0, 100.0),
    ("none", "all blocks closed", -1, 10.0, 5.0),
    ("paper", "faithful", -1, 98.0, 64.0),
    ("search", "step 1", -1, 99.0, 50.0),
    ("smallest", "flow x layer", -1, 99.0, 40.0),
    ("smallest", "flow x layer x head", -1, 97.0, 20.0),
    ("ranked", "score, 0.1", -1, 30.0, 15.0),
    ("ranked", "score, 1", -1, 100.0, 100.0),
    ("random blocks", "flow x layer x head", -1, 20.0, 20.0),
    ("random blocks", "flow x layer x head", 0, 20.0, 20.0),
    ("random blocks", "size 0.5", -1, 25.0, 52.0),
    ("random edges", "flow x layer x head", -1, 15.0, 20.0),
    ("random edges", "faithful", -1, 80.0, 64.0),
)


def made_table(tasks: tuple[str, ...] = ("all",)) -> pd.DataFrame:
    rows = [
        (
            task,
            kind,
            name,
            seed,
            50,
            right,
            right - 5,
            min(100.0, right + 5),
            100 - right,
            0.0,
            9.0,
            3.0,
            edges,
        )
        for task in tasks
        for kind, name, seed, right, edges in ROWS
    ]
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def made_curve() -> tuple[pd.DataFrame, pd.DataFrame]:
    curve = [
        (order, size, 100 * size, size, size - 0.1, size + 0.1)
        for order in ("score", "magnitude")
        for size in (0.1, 0.5, 1.0)
    ]
    areas = [(order, area, 0.5, 0.4, 0.6) for order in ("score", "magnitude") for area in ("CPR", "CMD")]
    columns = ["order", "size", "edges_percent", "faithfulness", "low", "high"]
    return (
        pd.DataFrame(curve, columns=pd.Index(columns)),
        pd.DataFrame(areas, columns=pd.Index(["order", "area", "value", "low", "high"])),
    )


def made_blocks() -> pd.DataFrame:
    rows = [
        (flow, layer, 1.0, 2.0, 2 * (layer == 1), "0,3" if layer == 1 else "")
        for flow in ("video -> question", "last -> last")
        for layer in (1, 2, 3)
    ]
    columns = ["flow", "layer", "score", "edges_percent", "heads_open", "heads"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def made_result(model: str = "m", note: str = "") -> SmallestPathway:
    curve, areas = made_curve()
    return SmallestPathway(
        table=made_table(),
        blocks=made_blocks(),
        faithfulness=curve,
        areas=areas,
        steps=pd.DataFrame({"phase": ["flow x layer"]}),
        skipped=pd.DataFrame({"sample_id": [], "flow": [], "reason": []}),
        n_heads=4,
        note=note,
        manifest={"settings": {"model": model}},
    )
