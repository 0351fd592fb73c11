"""Clips of the embedded world as real video files, in TVBench's folder and annotation format.

The project ships the first clips of every task. More are made on demand, the same on every machine: clip
number i of a task is drawn from a seed of its own, so a larger set begins with the smaller one.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from workbench.errors import SampleError, near_matches
from workbench.files import write_whole, writing
from workbench.mini.wording import STATIC, Question, question_for, static
from workbench.mini.world import KINDS, Scene, backdrops, make_scene, states
from workbench.progress import progress_bar
from workbench.shapes import Float, Int, UInt8, shaped

SHIPPED = 60
"""Clips of each task in the project."""
SHIPPED_TWINS = 20
"""Time-reversed twins of each task in the project."""
SIZE, FRAMES, RATE = 192, 24, 12

REVERSED = tuple(f"{kind}_reversed" for kind in KINDS if kind != "object_count")
"""Tasks of the time-reversed twins: the same frames backwards, so that the opposite option is right."""
TASKS = (*KINDS, *REVERSED, STATIC)

_FOLDER = Path(__file__).parent / "clips_shipped"
_HELD_OUT = "held-out"


def _shipped(task: str) -> int:
    return SHIPPED_TWINS if task in REVERSED else SHIPPED


def scene_and_question(task: str, number: int) -> tuple[Scene, Question]:
    """Clip `number` of a task. A twin is the clip of the same number backwards, with the same options."""
    kind = task.removesuffix("_reversed")
    rng = random.Random(f"{_HELD_OUT} {kind} {number}")
    if kind == STATIC:
        scene = make_scene(rng.choice(KINDS), rng)
        return scene, rng.choice(list(static(scene, rng)))
    scene = make_scene(kind, rng)  # pyright: ignore[reportArgumentType]
    state = rng.getstate()
    question = question_for(scene, rng)
    if task in REVERSED:
        scene = scene.reversed()
        rng.setstate(state)
        question = question_for(scene, rng)
    return scene, question


@shaped
def draw_frames(
    places: Int[np.ndarray, " t"], objects: Float[np.ndarray, "o t 6"]
) -> UInt8[np.ndarray, "t y x 3"]:
    """Frames of backdrops and objects over time, y = x = SIZE."""
    import torch

    from workbench.mini.render import backdrops as textures
    from workbench.mini.render import render

    picture = render(torch.from_numpy(places)[None], torch.from_numpy(objects)[None], textures(SIZE))[0]
    return (picture.permute(0, 2, 3, 1) * 255).round().byte().numpy()


@shaped
def draw(scene: Scene) -> UInt8[np.ndarray, "t y x 3"]:
    """The frames of a scene, t = FRAMES, y = x = SIZE."""
    times = (np.arange(FRAMES) + 0.5) / FRAMES
    return draw_frames(backdrops(scene, times), states(scene, times))


def _clip_name(task: str, number: int) -> str:
    return f"{number:05d}.mp4"


def _entry(task: str, number: int) -> dict[str, object]:
    _, question = scene_and_question(task, number)
    return {
        "video": _clip_name(task, number),
        "question": question.text,
        "candidates": list(question.options),
        "answer": question.options[question.answer],
        "stem": question.stem,
        "open_answer": question.word,
    }


def write_clips(folder: Path, counts: dict[str, int]) -> Path:
    """Makes the first `counts[task]` clips of each task under `folder`; what is there already is kept.

    Clips that the project ships are copied: drawing one takes as long as measuring it.
    """
    from workbench.video import write_clip

    wanted = [
        (task, number, folder / "video" / task / _clip_name(task, number))
        for task, count in counts.items()
        for number in range(count)
    ]
    missing = [clip for clip in wanted if not clip[2].exists()]
    quiet = len(missing) < 100  # a few seconds
    with progress_bar(len(missing), what="making clips", unit=" clips", show=not quiet) as bar:
        for task, number, path in missing:
            bar.update()
            shipped = _FOLDER / "video" / task / _clip_name(task, number)
            if shipped.exists():
                write_whole(path, shipped.read_bytes())
                continue
            scene, _ = scene_and_question(task, number)
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            write_clip(path, draw(scene), fps=RATE, crf=23)
    for task, count in counts.items():
        text = json.dumps([_entry(task, number) for number in range(count)], indent=1) + "\n"
        write_whole(folder / "json" / f"{task}.json", text)
    return folder


def _chosen(tasks: Iterable[str] | None) -> Sequence[str]:
    chosen = TASKS if tasks is None else tuple(tasks)
    for task in chosen:
        if task not in TASKS:
            raise SampleError(
                f'The embedded data has no task "{task}". It has {", ".join(TASKS)}.'
                + near_matches(task, TASKS)
            )
    return chosen


def clips_folder(limit: int | None = None, tasks: Iterable[str] | None = None) -> Path:
    """Folder with at least `limit` clips of each of `tasks` (default: all), in TVBench's format.

    The shipped folder where that is enough; otherwise one in the user's cache, where missing clips are made.
    The environment variable WORKBENCH_CACHE moves the cache. Raises SampleError for an unknown task.
    """
    chosen = _chosen(tasks)
    if limit is None or all(limit <= _shipped(task) for task in chosen):
        return _FOLDER
    import platformdirs

    root = os.environ.get("WORKBENCH_CACHE") or platformdirs.user_cache_dir("video-llm-workbench")
    return write_clips(Path(root) / f"mini-{limit}", dict.fromkeys(chosen, limit))


def main() -> None:
    """Makes the shipped folder anew: `python -m workbench.mini.footage`."""
    write_clips(_FOLDER, {task: _shipped(task) for task in TASKS})


if __name__ == "__main__":
    main()
