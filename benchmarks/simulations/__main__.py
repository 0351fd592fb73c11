"""`python -m benchmarks.simulations`: the tables of docs/statistics.md, made again and written into it."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

from benchmarks.simulations import verdicts
from benchmarks.simulations.intervals import deepest_layers, means, others

DOCS = Path("docs/statistics.md")
PART = 25
"""Runs that one process makes at a time. Each part has a seed of its own, so that tables do not depend on how
many processes there are."""
CLAIM_SIZES = (10, 20, 50)


def many_means(runs: int, seed: int) -> pd.DataFrame:
    """Means are quick: ten times as many runs."""
    return means(10 * runs, seed)


def claims(runs: int, seed: int) -> pd.DataFrame:
    """Claims for several numbers of samples."""
    return pd.concat([verdicts.claims(runs, n, seed) for n in CLAIM_SIZES], ignore_index=True)


TABLES: dict[str, Callable[[int, int], pd.DataFrame]] = {
    "means": many_means,
    "deepest": deepest_layers,
    "others": others,
    "headlines": verdicts.headlines,
    "comparisons": verdicts.comparisons,
    "claims": claims,
}


def averaged(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of tables of the same rows."""
    found = parts[0].copy()
    for name in found.select_dtypes("float"):
        found[name] = sum(part[name] for part in parts) / len(parts)
    return found


def markdown(table: pd.DataFrame) -> str:
    """A table as GitHub shows it; numbers with one digit."""
    names = [str(name) for name in table.columns]
    lines = [names, ["---:" if table[name].dtype.kind in "if" else "---" for name in names]]
    for row in table.itertuples(index=False):
        lines.append([f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(text: str, name: str, table: str) -> str:
    """A page with this table in its place of that name."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return place.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all if none is named")
    parser.add_argument("--runs", type=int, default=400, help=f"rounded to a multiple of {PART}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    asked = parser.parse_args()
    parts = max(1, asked.runs // PART)
    with ProcessPoolExecutor(asked.jobs) as pool:
        making = {
            name: [pool.submit(TABLES[name], PART, seed) for seed in range(parts)]
            for name in asked.tables or TABLES
        }
        for name, made in making.items():
            table = markdown(averaged([part.result() for part in made]))
            print(f"\n{name}\n\n{table}", flush=True)
            DOCS.write_text(written(DOCS.read_text("utf-8"), name, table), encoding="utf-8")


if __name__ == "__main__":
    main()
