"""Which samples have a known truth for every cell: those of the embedded data, whose world was made here."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.data import Sample
from workbench.errors import RunError
from workbench.mini.cells import ATTRIBUTES, scene_shown
from workbench.mini.world import Scene

WORDS: tuple[str, ...] = tuple(word for words in ATTRIBUTES.values() for word in words)
"""All words that say what a cell of the embedded world shows, attribute by attribute."""


def scenes_of(samples: Iterable[Sample]) -> dict[str, Scene]:
    """The scene of every sample, by its id. Raises RunError for samples that are not of the embedded data."""
    found = {}
    for sample in samples:
        scene = scene_shown(sample.task, sample.video, sample.question)
        if scene is None:
            raise RunError(
                f"What the cells of {sample.id} show is not known: only clips of the embedded data have a "
                "scene to look it up in. Use samples of wb.samples('mini')."
            )
        found[sample.id] = scene
    return found


def clip_of_world(sample: Sample) -> str:
    """What a clip is called where twins count as one: a clip and the same clip backwards."""
    return f"{sample.task.removesuffix('_reversed')}/{sample.video.stem}"
