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
from workbench.checksums import is_as_listed  # noqa: E402
from workbench.data import Samples  # noqa: E402
from workbench.models import VideoLLM  # noqa: E402
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged  # noqa: E402
from workbench.runs import Damaged, Run, load_run, waiting  # noqa: E402

FLOWS = ["video -> question"]


def main(folder: str, kills: str, seed: str, ranks: str = "1") -> None:
    """Kill until there were `kills` of them, in folders below `folder`; each folder is resumed to its end.

    With `ranks` 2, two processes share each folder; one of them is killed, or both, and started again.
    """
    print(json.dumps(killed(Path(folder), int(kills), int(seed), ranks=int(ranks))))


def killed(root: Path, kills: int, seed: int, *, ranks: int = 1) -> dict[str, Any]:
    """What became of so many kills: counts, and under "wrong" all that must not be."""
    drawn = random.Random(seed)
    model, samples = planted_model(staged(1, 3, 5)), asked(root)
    work(model, samples, root / "warm")
    begun = time.perf_counter()
    assert forked(model, samples, root / "whole", None) == "done"
    whole = time.perf_counter() - begun
    expected = contents(root / "whole")
    counts = {"kills": 0, "resumed": 0, "folders": 0, "finished": 0, "readings": 0}
    wrong: list[str] = []
    while counts["kills"] < kills:
        out = root / f"run-{counts['folders']}"
        counts["folders"] += 1
        for attempt in range(100):
            counts["resumed"] += out.exists()
            # Some at once and some late: what is written first and last is hit too.
            patience = None if attempt == 99 else drawn.uniform(0, 1.15) * whole
            if ranks == 1:
                ended = forked(model, samples, out, patience)
                counts["kills"] += ended == "killed"
            else:
                ended, hit, again = together(model, samples, out, ranks, patience, drawn)
                counts["kills"] += hit
                counts["resumed"] += again
            counts["readings"] += 1
            wrong += [f"{out.name}, attempt {attempt}: {what}" for what in faults(out, root / "whole")]
            if ended == "failed":
                wrong.append(f"{out.name}, attempt {attempt}: the child failed")
            if ended != "killed":
                break
        counts["finished"] += 1
        if ranks > 1:
            # What a killed rank left unfinished stays while there may be others: a process alone removes it.
            whole_again = forked(model, samples, out, None)
            wrong += [] if whole_again == "done" else [f"{out.name}: a process alone {whole_again}"]
        got = contents(out)
        wrong += [f"{out.name}: {name} differs" for name in expected if got.get(name) != expected[name]]
        wrong += [f"{out.name}: {path.name} is left over" for path in out.rglob("*.tmp*")]
    return {**counts, "wrong": wrong, "seconds_whole": whole}


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
    child = start(model, samples, out)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    return end(child)


def start(model: VideoLLM, samples: Samples, out: Path, rank: int = 0, of: int = 1) -> int:
    """A child that does the `work` of a rank; its number."""
    child = os.fork()
    if not child:
        try:
            warnings.simplefilter("error", Damaged)  # a kill never looks like damage
            if of > 1:
                os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(of), "LOCAL_RANK": str(rank)}
                waiting.LOOK = 0.005
            work(model, samples, out)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    return child


def end(child: int) -> str:
    """How a child ended: "killed", "done" or "failed"."""
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else "failed" if os.WEXITSTATUS(status) else "done"


def together(
    model: VideoLLM, samples: Samples, out: Path, ranks: int, patience: float | None, drawn: random.Random
) -> tuple[str, int, int]:
    """The ranks of one command, of which one or all are killed.

    Gives how they ended, how many were killed, and how many of these were started again at once.

    Where one alone is hit, it is started again while the others are at work or wait for it.
    """
    children = {rank: start(model, samples, out, rank, ranks) for rank in range(ranks)}
    ends, hit, again = dict.fromkeys(children, ""), 0, 0
    if patience is not None:
        time.sleep(patience)
        chosen = [*children] if drawn.random() < 0.5 else [drawn.randrange(ranks)]
        for rank in chosen:
            os.kill(children[rank], signal.SIGKILL)
        for rank in chosen:
            ends[rank] = end(children[rank])
            hit += ends[rank] == "killed"
        if len(chosen) == 1 and ends[chosen[0]] == "killed":
            children[chosen[0]], ends[chosen[0]] = start(model, samples, out, chosen[0], ranks), ""
            again = 1
    for rank, child in children.items():
        ends[rank] = ends[rank] or end(child)
    worst = [how for how in ("failed", "killed", "done") if how in ends.values()]
    return worst[0], hit, again


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
    for path in (*out.glob("[!.]*.csv"), *out.glob("[!.]*.parquet")):
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
