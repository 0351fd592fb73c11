"""Faults that are injected into runs, how often, and what came of each: the table of results/faults.md.

    python -m benchmarks.faults --out benchmarks/results/faults.json

Real sweeps of a planted model are killed outright (SIGKILL) at random moments, and the same command goes on;
the other faults are those of tests/faults/injections.py. Fails where a final table is not, byte for byte,
that of the undisturbed run, where a row is lost or doubled, or an error is none of the workbench's own.

Workers of Ray and machines that are lost need two nodes: benchmarks/nodes.py kills them, results/nodes.md.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.saving import command
from tests.faults.injections import INJECTIONS, run
from tests.faults.killing import killed
from workbench.runs.manifest import provenance

KILLED = {
    1: "kill -9 of a run, at a random moment",
    2: "kill -9 of one of two ranks on one folder, or of both, at a random moment",
}


class Row(NamedTuple):
    fault: str
    times: int
    outcome: str
    seconds: float


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, inject, and store the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=150, help="of a run alone; and as many of two ranks")
    parser.add_argument("--times", type=int, default=25, help="that each other fault is injected")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="FILE.json; the table is written beside it, as FILE.md")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # Kills first: children are forked from a process that has no other threads.
        kills = [_kills(root / f"ranks-{ranks}", given.kills, given.seed, ranks) for ranks in KILLED]
        rows = [row for row, _ in kills] + _others(root, given.times, given.seed)
    table = as_markdown(rows)
    print(table)
    if given.out is not None:
        result = {
            **provenance(),
            "command": command(),
            "seed": given.seed,
            "faults": [row._asdict() for row in rows],
            "kills": {KILLED[ranks]: counts for ranks, (_, counts) in zip(KILLED, kills, strict=True)},
        }
        given.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        head = f"# Faults injected into runs\n\nMade by `{command()}`.\n\n"
        given.out.with_suffix(".md").write_text(head + table + "\n", "utf-8")


def _kills(root: Path, kills: int, seed: int, ranks: int) -> tuple[Row, dict[str, Any]]:
    begun = time.perf_counter()
    counts = killed(root, kills, seed, ranks=ranks)
    if counts["wrong"]:
        sys.exit("\n".join(counts["wrong"]))
    outcome = (
        f"nothing lost or doubled: all {counts['folders']} runs end with the undisturbed run's tables, byte "
        f"for byte; {counts['resumed']} starts went on with what was there"
    )
    return Row(KILLED[ranks], counts["kills"], outcome, time.perf_counter() - begun), counts


def _others(root: Path, times: int, seed: int) -> list[Row]:
    right = root / "right"
    run(right)
    rows = []
    for number, (fault, inject) in enumerate(INJECTIONS.items()):
        begun, drawn = time.perf_counter(), random.Random(f"{seed}/{fault}")
        folder = root / f"fault-{number}"
        folder.mkdir()
        outcomes = {inject(folder / str(time_), right, drawn) for time_ in range(times)}
        rows.append(Row(fault, times, " / ".join(sorted(outcomes)), time.perf_counter() - begun))
    return rows


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, with the number of all injections below."""
    lines = ["| fault | times injected | outcome, each time |", "|---|---:|---|"]
    lines += [f"| {row.fault} | {row.times} | {row.outcome} |" for row in rows]
    total = sum(row.times for row in rows)
    return "\n".join([*lines, "", f"{total} faults, no number lost, doubled or wrong."])


if __name__ == "__main__":
    main()
