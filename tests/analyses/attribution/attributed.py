"""An attribution of a planted model, and tables of one, for the tests here and of figures."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd

import workbench as wb
from workbench.analyses.attribution import Attribution, AttributionRow
from workbench.planted import planted_model, planted_sample, staged

FLOWS = ("frames -> later frames", "video -> question", "question -> last")


@cache
def _planted() -> tuple[Any, list[Any]]:
    folder = Path(mkdtemp())
    return planted_model(staged(2, 4, 5)), [planted_sample(folder, answer) for answer in "AB"]


def planted_attribution(**asked: Any) -> Attribution:
    """A new one: `verify` changes it."""
    model, samples = _planted()
    told = {"flows": FLOWS, "frames": 4, "progress": False, **asked}
    return wb.attribute(model, told.pop("samples", samples), **told)


def made_table(*, tasks: tuple[str, ...] = ("a",), samples: int = 3, noise: float = 0.2) -> pd.DataFrame:
    """Verified cells by two methods: "local" is the exact effect with some noise, "attention" is noise."""
    draw = np.random.default_rng(0)
    rows = []
    for task in tasks:
        for number in range(samples):
            for flow in FLOWS:
                for layer in (1, 2, 3):
                    for head in (0, 1, 2, -1):
                        exact = float(draw.normal())
                        guesses = {
                            "local": exact + noise * float(draw.normal()),
                            "attention": float(draw.normal()),
                        }
                        for method, guess in guesses.items():
                            rows.append(
                                AttributionRow(
                                    *(f"{task}/{number}", task, flow, layer, head, method, guess, "verified"),
                                    exact,
                                    np.nan if method == "attention" else guess,
                                    exact,
                                    *(0.9, True, layer, layer),
                                )
                            )
    return pd.DataFrame(rows, columns=pd.Index(AttributionRow._fields))
