"""Counterfactual pairs: a clip and its twin, which differs in what the question asks about.

Twins are the embedded world's clips backwards, and samples of one group in benchmarks of minimal pairs
(Vinoground, MVP). Any two samples make a pair; a clip with two of its frames swapped is made here.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from workbench.data.collection import Samples
from workbench.data.sample import Sample
from workbench.errors import SampleError, shown

if TYPE_CHECKING:
    from workbench.video import Sampling

_BACKWARDS = re.compile(r"(?P<task>[^/]+)_reversed(?P<rest>/.+)")


class Pair(NamedTuple):
    """A clip and its counterfactual, asked alike."""

    clip: Sample
    twin: Sample

    @property
    def id(self) -> str:
        """What tables call it: the id of the clip."""
        return self.clip.id


def pairs(samples: Samples | Iterable[Sample]) -> list[Pair]:
    """The pairs among samples: "TASK_reversed/0007" is the twin of "TASK/0007", and two samples of one task
    and group are twins, the first of them the clip. Samples without a twin are left out.

    Raises SampleError where there is no pair at all.
    """
    listed = list(samples)
    by_id = {sample.id: sample for sample in listed}
    found: list[Pair] = []
    for sample in listed:
        backwards = _BACKWARDS.fullmatch(sample.id)
        if backwards and (clip := by_id.get(backwards["task"] + backwards["rest"])) is not None:
            found.append(pair(clip, sample))
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in listed:
        if sample.group is not None:
            groups.setdefault((sample.task, sample.group), []).append(sample)
    found += [pair(*members) for members in groups.values() if len(members) == 2]
    if not found:
        raise SampleError(
            f"There is no pair among these {len(listed)} samples: none is called TASK_reversed/.. after "
            "another, and no two share their task and group. Load both sides (mini/moving_direction,"
            "moving_direction_reversed), or give pairs of your own: [(clip, twin), ..]."
        )
    order = {sample.id: place for place, sample in enumerate(listed)}
    return sorted(found, key=lambda one: order[one.clip.id])


def as_pairs(given: Samples | Iterable[Sample] | Iterable[tuple[Sample, Sample]]) -> list[Pair]:
    """Pairs from samples, or from pairs of samples. Raises SampleError for anything else, for no pair, and
    where a sample is in two pairs."""
    listed = list(given)
    if listed and all(isinstance(one, Sample) for one in listed):
        found = pairs(cast("list[Sample]", listed))
    else:
        found = [_read(one) for one in listed]
    if not found:
        raise SampleError(
            "No pair was given: give [(clip, twin), ..], or samples among which there are pairs."
        )
    counts = Counter(sample.id for one in found for sample in one)
    if repeated := next((name for name, count in counts.items() if count > 1), None):
        raise SampleError(
            f"sample {shown(repeated)} is in several pairs, or its own twin: give each sample of a pair an "
            "id of its own (dataclasses.replace(sample, id=..))."
        )
    return found


def _read(one: object) -> Pair:
    if not isinstance(one, Sequence) or len(one) != 2 or not all(isinstance(part, Sample) for part in one):
        raise SampleError(f"{shown(one)} is no pair: give (clip, twin), both of them samples")
    return pair(*one)


def pair(clip: Sample, twin: Sample) -> Pair:
    """Two samples as a pair. Where both ask the same with the same options, the twin lists them as the clip
    does, so that prompts differ in the video alone."""
    alike = clip.question == twin.question and sorted(clip.options) == sorted(twin.options)
    if not alike or clip.options == twin.options:
        return Pair(clip, twin)
    answer = None if twin.true_option is None else clip.options.index(twin.true_option)
    return Pair(clip, replace(twin, options=clip.options, answer=answer))


def swapped(
    sample: Sample, first: int, second: int, folder: Path | str, *, frames: Sampling | int = 8
) -> Pair:
    """A sample and the same with two of its sampled frames in each other's place.

    Both clips are written as pictures into folders below `folder`, so that they differ in nothing else; ask
    for as many `frames` in the run. Whether the true answer is another one is not known: the twin has none,
    and the model's own answer stands for it. Raises SampleError for frames that the clip does not have,
    ClipError where it cannot be read.
    """
    from PIL import Image

    from workbench.files import whole
    from workbench.video import read_clip

    shown_frames = read_clip(sample.video, frames, start=sample.start, end=sample.end).frames
    count = len(shown_frames)
    if first == second or not all(0 <= place < count for place in (first, second)):
        raise SampleError(
            f"frames {first} and {second} cannot be swapped: this clip has frames 0 to {count - 1}, and two "
            "different ones are needed"
        )
    order = list(range(count))
    order[first], order[second] = second, first
    name = hashlib.sha256(sample.id.encode()).hexdigest()[:16]
    made = []
    for what, places in (("clip", range(count)), (f"swapped_{first}_{second}", order)):
        home = Path(folder) / name / what
        home.mkdir(parents=True, exist_ok=True)
        for number, place in enumerate(places):
            with whole(home / f"{number:05d}.png") as path:
                Image.fromarray(shown_frames[place]).save(path, format="png")
        made.append(home)
    still = replace(sample, video=made[0], start=None, end=None)
    return Pair(
        still,
        replace(still, id=f"{sample.id} frames {first} and {second} swapped", video=made[1], answer=None),
    )
