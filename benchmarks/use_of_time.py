"""The power of the verdicts of `wb.use_of_time`, on models of which it is known what they rest on.

Variants of the embedded model were tuned on worlds in which the answer leaks (`make variants`): from the
backdrop or the last frame (static shortcut), from the options or the question (language prior). Each is asked
about held-out clips of its world, and the model as it ships about clips whose answer needs time. Beside them
stands the model as it ships, made to see nothing, or one frame in every place: it cannot use time. Of one
frame it may make nothing either, so there "static shortcut" and "language prior" both count as true.

A verdict's recall is its share of the samples of the models that it is true of; its precision, the share of
samples with the verdict that are theirs. `python -m benchmarks.use_of_time --variants runs/variants`
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial, wraps
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from torch import Tensor

import workbench as wb
from benchmarks.saving import RESULTS, save
from workbench.analyses.use_of_time import PRIOR, STATIC, USES_TIME, VERDICTS
from workbench.mini.leaks import LEAKS, LEAKY_KINDS, Leak, write_leaky
from workbench.models.vision import through
from workbench.statistics.proportions import wilson

HONEST = "honest"
TRUE_OF = {
    HONEST: USES_TIME,
    "background": STATIC,
    "last_frame": STATIC,
    "options": PRIOR,
    "question": PRIOR,
    "sees nothing": PRIOR,
    "sees the first frame": STATIC,
    "sees the middle frame": STATIC,
    "sees the last frame": STATIC,
}
SEES: dict[str, Callable[[Tensor], Tensor]] = {
    "sees nothing": torch.zeros_like,
    "sees the first frame": lambda pixels: pixels[:, :1].expand_as(pixels),
    "sees the middle frame": lambda pixels: pixels[:, (pixels.shape[1] - 1) // 2, None].expand_as(pixels),
    "sees the last frame": lambda pixels: pixels[:, -1:].expand_as(pixels),
}
"""What the vision tower gets of the clip's pixels (1, frame, channel, y, x)."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", type=Path, default=Path("runs/variants"), help="their checkpoints")
    parser.add_argument("--models", nargs="*", choices=list(TRUE_OF), default=list(TRUE_OF))
    parser.add_argument("--clips", type=int, default=60, help="held-out clips a task")
    parser.add_argument("--tasks", nargs="*", choices=LEAKY_KINDS, default=list(LEAKY_KINDS))
    parser.add_argument("--honest-model", default="mini/video-ft")
    parser.add_argument("--device", default=None)
    parser.add_argument("--scratch", type=Path, default=Path("runs/use_of_time_power"), help="clips and runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    power(parser.parse_args())


def power(asked: argparse.Namespace) -> dict[str, Any]:
    """Ask every model, print the counts, and save them."""
    parts, accuracy, model = [], {}, None
    for name in asked.models:
        as_shipped = name == HONEST or name in SEES
        where = asked.honest_model if as_shipped else str(asked.variants / name)
        model = wb.load(where, device=asked.device)
        if as_shipped:
            samples = wb.samples("mini", tasks=asked.tasks, limit=asked.clips)
        else:
            leak = cast(Leak, name)
            assert leak in LEAKS
            folder = write_leaky(asked.scratch / "clips" / name, leak, asked.clips)
            samples = wb.samples("tvbench", root=folder, tasks=asked.tasks, limit=asked.clips)
        with through(model, partial(seeing, SEES[name])) if name in SEES else nullcontext():
            found = wb.use_of_time(model, samples, out=asked.scratch / "runs" / name)
        parts.append(found.verdicts.assign(model=name))
        accuracy[name] = 100 * sum(found.verdicts["correct"].tolist()) / len(found.verdicts)
        print(f"{name}: {accuracy[name]:.1f}% right in its world; {found!r}", flush=True)
    assert model is not None
    verdicts = pd.concat(parts, ignore_index=True)
    result = {
        "clips_a_task": asked.clips,
        "tasks": list(asked.tasks),
        "accuracy_percent": accuracy,
        "counts": counts(verdicts),
        "verdicts": judged(verdicts),
    }
    print(pd.DataFrame(result["counts"]).T.to_string())
    for row in result["verdicts"]:
        print(row)
    print(save(asked.out, "use_of_time", result, model))
    return result


def seeing(change: Callable[[Tensor], Tensor], name: str, compute: Callable[..., Any]) -> Callable[..., Any]:
    """What turns pixels into rows of the decoder, on changed pixels."""

    @wraps(compute)  # transformers reads the names of its arguments
    def changed(pixels: Tensor, *args: Any, **kwargs: Any) -> Any:
        return compute(change(pixels), *args, **kwargs)

    return changed


def counts(verdicts: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many samples of each model, and of each of its tasks, got each verdict."""
    groups = [(str(name), rows) for name, rows in verdicts.groupby("model", sort=False)]
    for (name, task), rows in verdicts.groupby(["model", "task"], sort=False):  # pyright: ignore[reportGeneralTypeIssues]
        groups.append((f"{name}: {task}", rows))
    return {
        name: {verdict: rows["verdict"].tolist().count(verdict) for verdict in VERDICTS}
        for name, rows in groups
    }


def judged(verdicts: pd.DataFrame) -> list[dict[str, Any]]:
    """Precision and recall of each verdict over these samples, with 95% Wilson intervals, in percent."""
    said = verdicts["verdict"].tolist()
    true = [
        PRIOR if name in SEES and verdict == PRIOR else TRUE_OF[name]
        for name, verdict in zip(verdicts["model"], said, strict=True)
    ]
    rows = []
    for verdict in dict.fromkeys(TRUE_OF.values()):
        hits = sum(one == other == verdict for one, other in zip(said, true, strict=True))
        row: dict[str, Any] = {"verdict": verdict}
        for name, column in (("precision", said), ("recall", true)):
            share = wilson(hits, column.count(verdict))
            row |= {
                f"{name}_percent": 100 * share.mean,
                f"{name}_interval": [100 * share.low, 100 * share.high],
                f"{name}_of": share.n,
            }
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
