"""Kills real sweeps outright, at random moments, and says what became of them.

Run as a program: it loads a planted model once and forks a child for every sweep, so that a kill costs
about as long as the sweep had run. Prints one json object: see `main`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

torch.set_num_threads(1)  # before anything runs: a forked child has no other threads

import workbench as wb  # noqa: E402
from tests.planted import N_FRAMES, planted_model, planted_sample, staged  # noqa: E402
from workbench.checksums import is_as_listed  # noqa: E402
from workbench.data import Samples  # noqa: E402
from workbench.models import VideoLLM  # noqa: E402
from workbench.runs import Damaged, Run, load_run  # noqa: E402

FLOWS = ["video -> question"]


def main(folder: str, kills: str, seed: str) -> None:
    """Kill until there were `kills` of them, in folders below `folder`; each folder is resumed to its end."""
    drawn, root = random.Random(int(seed)), Path(folder)
    model, samples = planted_model(staged(1, 3, 5)), asked(root)
    work(model, samples, root / "warm")
    begun = time.perf_counter()
    assert forked(model, samples, root / "whole", None) == "done"
    whole = time.perf_counter() - begun
    expected = contents(root / "whole")
    counts = {"kills": 0, "resumed": 0, "folders": 0, "finished": 0, "readings": 0}
    wrong: list[str] = []
    while counts["kills"] < int(kills):
        out = root / f"run-{counts['folders']}"
        counts["folders"] += 1
        for attempt in range(100):
            counts["resumed"] += out.exists()
            # Some at once and some late: what is written first and last is hit too.
            patience = None if attempt == 99 else drawn.uniform(0, 1.15) * whole
            ended = forked(model, samples, out, patience)
            counts["kills"] += ended == "killed"
            counts["readings"] += 1
            wrong += [f"{out.name}, attempt {attempt}: {what}" for what in faults(out, root / "whole")]
            if ended == "failed":
                wrong.append(f"{out.name}, attempt {attempt}: the child failed")
            if ended != "killed":
                break
        counts["finished"] += 1
        got = contents(out)
        wrong += [f"{out.name}: {name} differs" for name in expected if got.get(name) != expected[name]]
        wrong += [f"{out.name}: {path.name} is left over" for path in out.rglob("*.tmp*")]
    print(json.dumps({**counts, "wrong": wrong, "seconds_whole": whole}))


def asked(root: Path) -> Samples:
    """Seven questions, and one whose clip is broken."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "broken.mp4").write_bytes(b"not a video")
    shown = {letter: planted_sample(root, letter) for letter in "AB"}
    made = [replace(shown["AB"[n % 2]], id=f"planted/{n}", task="ab"[n % 2]) for n in range(8)]
    made[4] = replace(made[4], video=root / "broken.mp4")
    return Samples(made, name="killed")


def work(model: VideoLLM, samples: Samples, out: Path) -> Run:
    """What a recipe does: a sweep, and its pathways. One sample at a time, so that there are many moments."""
    run = wb.sweep(
        model,
        samples,
        FLOWS,
        "centred(3)",
        engine="reference",
        out=out,
        frames=N_FRAMES,
        only_correct=False,
        progress=False,
    )
    wb.pathways(run).to_csv(out / "pathways.csv")
    return run


def forked(model: VideoLLM, samples: Samples, out: Path, patience: float | None) -> str:
    """`work` in a child that is killed after so many seconds: "killed", "done" or "failed"."""
    child = os.fork()
    if not child:
        try:
            warnings.simplefilter("error", Damaged)  # a kill never looks like damage
            work(model, samples, out)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else "failed" if os.WEXITSTATUS(status) else "done"


def faults(out: Path, whole: Path) -> list[str]:
    """What is wrong with a folder at the moment of the kill: rows that are not among those of the whole run,
    rows that are there twice, tables that are not what was written."""
    if not (out / "manifest.json").exists():
        return []
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", Damaged)
        run, right = load_run(out), load_run(whole)
    rows = set(right.table.itertuples(index=False, name=None))
    mine = list(run.table.itertuples(index=False, name=None))
    if not rows.issuperset(mine):
        found.append("a row is wrong")
    if len(set(mine)) != len(mine):
        found.append("a row is there twice")
    if run.samples["sample_id"].duplicated().any():
        found.append("a sample is there twice")
    if run.finished and len(mine) != len(rows):
        found.append("it calls itself finished and is not")
    for path in (*out.glob("*.csv"), *out.glob("*.parquet")):
        if not is_as_listed(path, path.read_bytes()):
            found.append(f"{path.name} is not what was written")
    return found


def contents(out: Path) -> dict[str, Any]:
    """All of a finished run that does not depend on the clock."""
    samples = load_run(out).samples.drop(columns=["seconds", "peak_gb"])
    names = ("effects.parquet", "skipped.csv", "pathways.csv")
    tables: dict[str, Any] = {name: (out / name).read_bytes() for name in names}
    return {**tables, "samples": samples.to_json(double_precision=15)}


if __name__ == "__main__":
    main(*sys.argv[1:])
