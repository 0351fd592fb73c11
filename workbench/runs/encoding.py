"""Samples -> prompts, each once a run; the clips of the next samples are decoded in threads meanwhile."""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Any

from workbench.errors import NO_ROOM, NOT_FINITE, RunError, WorkbenchError, out_of_memory
from workbench.runs.record import Asked

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Clip, Sampling

_AHEAD = 2
"""Clips that are decoded beyond the sample at work. A long clip of many frames can take a gigabyte."""
_KEPT = 16
"""Prompts that wait for their turn: those that were looked at before the run began."""
_CLIP_BYTES = 2**28
"""Decoded clips are kept for later samples that ask about them, while they take no more than this."""


def read_frames(frames: Sampling | int | str | None) -> Sampling | int | None:
    """How frames are chosen, from text where it is text. Raises ClipError where it cannot be read."""
    from workbench.video import parse_sampling  # needs PyAV, which reading a run does not

    return parse_sampling(frames) if isinstance(frames, str) else frames


class Encoder:
    """The prompts of a run's samples, by position. Use it as a context: it owns the threads that decode.

    One thread asks it: an executor with several hands the prompts out.
    """

    def __init__(
        self,
        model: VideoLLM,
        samples: Samples,
        *,
        frames: Sampling | int | None,
        style: str | None,
        separators: Separators | None = None,
    ) -> None:
        self.samples = samples
        self._model, self._frames, self._style = model, frames, style
        self._separators: Separators | None = separators
        self.how: dict[str, Any] = {"frames": frames, "style": style, "separators": separators}
        """What makes another encoder, of the same samples, give the same prompts."""
        self._threads = ThreadPoolExecutor(_AHEAD, thread_name_prefix="decode")
        self._clips: OrderedDict[tuple[Any, ...], Future[Clip]] = OrderedDict()
        self._prompts: OrderedDict[int, Prompt | WorkbenchError] = OrderedDict()

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def prompt(self, position: int) -> Prompt:
        """The prompt of one sample. Raises WorkbenchError where it cannot be encoded."""
        if position not in self._prompts:
            self._prompts[position] = self._encode(position)
            while len(self._prompts) > _KEPT:
                self._prompts.popitem(last=False)
        found = self._prompts[position]
        if isinstance(found, WorkbenchError):
            raise found
        return found

    def asked(self, position: int) -> Asked:
        """One sample with its prompt. Raises as `prompt`."""
        return Asked(position, self.samples[position], self.prompt(position))

    def first_usable(self) -> Asked:
        """The first sample that can be encoded. Raises RunError where none can."""
        return next(self.usable())

    def usable(self) -> Iterator[Asked]:
        """The samples that can be encoded, in order. Raises RunError where there is none."""
        unusable, some = "", False
        for position, sample in enumerate(self.samples):
            try:
                asked = self.asked(position)
            except WorkbenchError as error:
                unusable = unusable or f"{sample.id}: {error}"
                continue
            some = True
            yield asked
        if not some:
            raise nothing_usable(len(self.samples), unusable)

    def groups(self, groups: Iterable[Sequence[int]]) -> Iterator[list[Asked | tuple[int, WorkbenchError]]]:
        """Each group's samples, or why they cannot be used; clips of later ones are decoded meanwhile."""
        waiting = [list(group) for group in groups]
        order = [position for group in waiting for position in group]
        done = 0
        for group in waiting:
            found: list[Asked | tuple[int, WorkbenchError]] = []
            for position in group:
                done += 1
                for later in order[done : done + _AHEAD]:
                    if later not in self._prompts:
                        self._decode(later)
                try:
                    found.append(self.asked(position))
                except WorkbenchError as error:
                    found.append((position, error))
                self._prompts.pop(position, None)
                self._forget(order[done : done + _AHEAD])
            yield found

    def ahead(self, positions: Iterable[int]) -> None:
        """Begin to decode the clips of samples that will be asked for next."""
        for position in positions:
            if position not in self._prompts:
                self._decode(position)

    def _encode(self, position: int, *, again: bool = False) -> Prompt | WorkbenchError:
        try:
            clip = self._decode(position).result()
            return self._model.encode(
                self.samples[position], clip=clip, style=self._style, separators=self._separators
            )
        except WorkbenchError as error:
            return error
        except Exception as error:
            no_room = out_of_memory(error)
            if no_room is None:
                raise
        if again:
            return no_room
        # Outside the except block, whose traceback keeps memory: once more, without any other clip.
        self._let_go()
        return self._encode(position, again=True)

    def _let_go(self) -> None:
        """Forget all clips, also those that are under way."""
        for clip in self._clips.values():
            clip.cancel()
        wait(self._clips.values())
        self._clips.clear()
        free_cached()

    def _decode(self, position: int) -> Future[Clip]:
        """The clip of a sample, done or under way."""
        key = self._key(position)
        if key not in self._clips:
            sample = self.samples[position]
            self._clips[key] = self._threads.submit(self._model.read_clip, sample, self._frames)
        return self._clips[key]

    def _key(self, position: int) -> tuple[Any, ...]:
        sample = self.samples[position]
        return sample.video, sample.start, sample.end

    def _forget(self, soon: Sequence[int]) -> None:
        """Let go of the oldest clips that are too many, but of none that is wanted soon."""
        wanted = {self._key(position) for position in soon}
        taken = sum(map(_size, self._clips.values()))
        for key in [key for key in self._clips if key not in wanted]:
            if taken <= _CLIP_BYTES:
                return
            taken -= _size(self._clips.pop(key))


def _size(clip: Future[Clip]) -> int:
    """Bytes of a decoded clip; of one that is under way, or cannot be decoded, 0."""
    return 0 if not clip.done() or clip.exception() else clip.result().frames.nbytes


def free_cached() -> None:
    """Give memory that nothing uses back, on a GPU that was used."""
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def nothing_usable(n: int, first: str) -> RunError:
    """The error for samples of which none can be used; `first` is an id and a reason."""
    # Where the numbers are at fault, the reason says what to try.
    remedy = "Check the data set's folder, the frames asked for and the prompt style."
    more = "" if NOT_FINITE in first or NO_ROOM in first else f" {remedy}"
    return RunError(f"None of the {n} samples can be used. The first, {first}{more}")


def first_prompts(
    model: VideoLLM,
    samples: Samples,
    number: int,
    *,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
) -> list[Prompt]:
    """The prompts of the first samples that can be encoded. Raises RunError where none can."""
    how = read_frames(frames)
    with Encoder(model, samples, frames=how, style=style, separators=separators) as encoder:
        return [asked.prompt for asked in islice(encoder.usable(), number)]
