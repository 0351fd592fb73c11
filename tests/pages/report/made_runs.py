"""Run folders to make reports of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tests.figures.tables import FLOWS, pathways_table, samples_table, sweep_table
from workbench.runs import Run


def manifest(**settings: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": "sweep",
        "settings": {
            "model": "mini/video-ft",
            "weights_sha256": "ab" * 32,
            "dtype": "float32",
            "attention": "sdpa",
            "device": "cpu",
            "data": "mini",
            "data_sha256": "cd" * 32,
            "samples": 55,
            "sample_ids_sha256": "ef" * 32,
            "flows": list(FLOWS),
            "windows": ["centred(3)"],
            "only_correct": True,
            "engine": "reference",
            "style": "mvbench",
            "frames": None,
            "seed": 3,
        }
        | settings,
        "created": "2025-01-01T00:00:00+00:00",
        "finished": "2025-01-01T00:10:00+00:00",
        "command": "workbench run information_flow --out 'my runs/1'",
        "versions": {"workbench": "0.1.0", "torch": "2.13.0"},
        "platform": "Linux",
        "device_name": "cpu (a fast one)",
        "resumed": ["2025-01-01T00:05:00+00:00"],
    }


def write_run(
    folder: Path,
    *,
    table: pd.DataFrame | None = None,
    samples: pd.DataFrame | None = None,
    skipped: tuple[tuple[str, str, str], ...] = (),
    pathways: pd.DataFrame | None = None,
    **settings: Any,
) -> Path:
    """A finished run folder, as a sweep leaves it."""
    table = sweep_table() if table is None else table
    Run(
        table=table,
        samples=samples_table(table) if samples is None else samples,
        skipped=pd.DataFrame(list(skipped), columns=pd.Index(["sample_id", "flow", "reason"]), dtype="str"),
        manifest=manifest(**settings),
    ).save(folder)
    stored = pathways_table(table) if pathways is None and len(table) else pathways
    if stored is not None:
        stored.to_csv(folder / "pathways.csv", index=False)
    return folder
