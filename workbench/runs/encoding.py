"""Samples -> prompts, each once a run; those of the next samples are made in threads meanwhile."""

from __future__ import annotations

import gc
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

from workbench.errors import NO_ROOM, NOT_FINITE, RunError, WorkbenchError, out_of_memory
from workbench.runs.clips import identify
from workbench.runs.record import Asked

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Clip, Sampling

_AHEAD = 2
"""Samples that are made ready beyond the group at work, whatever they take."""
_AHEAD_BYTES = 2**30
"""More are made ready, up to the whole next group and a clip for each thread, while their frames take no more
than this. A long clip of many frames can take a gigabyte."""
_THREADS = max(2, min(16, (os.cpu_count() or 1) - 2))
"""That decode. Another one makes prompts of what they decoded."""
_KEPT = 16
"""Prompts that wait for their turn: those that were looked at before the run began."""
_CLIP_BYTES = 2**28
"""Decoded clips are kept for later samples that ask about them, while they take no more than this."""


def read_frames(frames: Sampling | int | str | None) -> Sampling | int | None:
    """How frames are chosen, from text where it is text. Raises ClipError where it cannot be read."""
    from workbench.video import parse_sampling  # needs PyAV, which reading a run does not

    return parse_sampling(frames) if isinstance(frames, str) else frames


class Encoder:
    """The prompts of a run's samples, by position. Use it as a context: it owns the threads that decode, and
    the one that encodes.

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
        identified: bool = False,
    ) -> None:
        """`identified`: each clip's content is hashed in the threads too, for who stores it (`clips`)."""
        self.samples = samples
        self._identified = identified
        self._model, self._frames, self._style = model, frames, style
        self._separators: Separators | None = separators
        self.how: dict[str, Any] = {"frames": frames, "style": style, "separators": separators}
        """What makes another encoder, of the same samples, give the same prompts."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")
        self._one_thread = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._clips: OrderedDict[tuple[Any, ...], Future[Clip]] = OrderedDict()
        self._begun: dict[int, Future[Prompt]] = {}
        self._prompts: OrderedDict[int, Prompt | WorkbenchError] = OrderedDict()
        self._largest = 0
        self._streams = _streams(model)

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._one_thread.shutdown(cancel_futures=True)

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
        """Each group's samples, or why they cannot be used; later ones are made ready meanwhile."""
        waiting = [list(group) for group in groups]
        order = [position for group in waiting for position in group]
        for stale in set(self._begun) - set(order):  # begun for somebody who did not ask
            self._begun.pop(stale).cancel()
        done = 0
        for group, following in zip_longest(waiting, waiting[1:], fillvalue=[]):
            end = done + len(group)
            found: list[Asked | tuple[int, WorkbenchError]] = []
            for position in group:
                done += 1
                # While the last ones of this group are made, the first of the next.
                soon = order[done : max(end, done + self._room(_AHEAD))]
                self.ahead([position, *soon])
                try:
                    found.append(self.asked(position))
                except WorkbenchError as error:
                    found.append((position, error))
                self._prompts.pop(position, None)
                self._forget(soon)
            self.ahead(order[done : done + self._room(max(len(following), _THREADS))])
            yield found

    def ahead(self, positions: Iterable[int]) -> None:
        """Begin to make the prompts of samples that will be asked for next."""
        for position in positions:
            if position not in self._prompts and position not in self._begun:
                clip = self._decode(position)
                self._begun[position] = self._one_thread.submit(self._made, position, clip)

    def _room(self, wanted: int) -> int:
        """How many of these may be ready at once, by the largest clip so far."""
        return max(_AHEAD, min(wanted, _AHEAD_BYTES // max(self._largest, 1)))

    def _made(self, position: int, clip: Future[Clip]) -> Prompt:
        shown, sample = clip.result(), self.samples[position]
        with _apart(self._streams) as give:
            made = self._model.encode(sample, clip=shown, style=self._style, separators=self._separators)
            if self._model.cache is not None:
                from workbench.models.features import look_up  # needs torch, as whatever has a cache

                look_up(self._model, made)
            return give(made)

    def _encode(self, position: int, *, again: bool = False) -> Prompt | WorkbenchError:
        self.ahead([position])
        try:
            return self._begun.pop(position).result()
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
        """Forget all clips and prompts that wait, also those that are under way."""
        under_way = [*self._begun.values(), *self._clips.values()]
        for future in under_way:
            future.cancel()
        wait(under_way)
        self._begun.clear()
        self._clips.clear()
        free_cached()

    def _decode(self, position: int) -> Future[Clip]:
        """The clip of a sample, done or under way."""
        key = self._key(position)
        if key not in self._clips:
            sample = self.samples[position]
            self._clips[key] = self._threads.submit(self._read, sample)
        return self._clips[key]

    def _read(self, sample: Sample) -> Clip:
        clip = self._model.read_clip(sample, self._frames)
        if self._identified:
            identify(sample.video)
        return clip

    def _key(self, position: int) -> tuple[Any, ...]:
        sample = self.samples[position]
        return sample.video, sample.start, sample.end

    def _forget(self, soon: Sequence[int]) -> None:
        """Let go of the oldest clips that are too many, but of none that is wanted soon."""
        wanted = {self._key(position) for position in soon}
        sizes = list(map(_size, self._clips.values()))
        self._largest, taken = max([self._largest, *sizes]), sum(sizes)
        for key in [key for key in self._clips if key not in wanted]:
            if taken <= _CLIP_BYTES:
                return
            taken -= _size(self._clips.pop(key))


def _streams(model: VideoLLM) -> tuple[Any, Any] | None:
    """The stream of a GPU on which the model runs here, and one beside it; None on a CPU."""
    if not str(model.device).startswith("cuda"):
        return None
    import torch

    return torch.cuda.current_stream(model.device), torch.cuda.Stream(model.device)


@contextmanager
def _apart(streams: tuple[Any, Any] | None) -> Iterator[Callable[[Prompt], Prompt]]:
    """A prompt that is made here reaches a GPU beside what the model has to do there, and not after it.

    It is ready as soon as it is given, and its memory is not used again before the model has read it.
    """
    if streams is None:
        yield lambda prompt: prompt
        return
    import torch

    model, beside = streams

    def give(prompt: Prompt) -> Prompt:
        beside.synchronize()
        for tensor in prompt.inputs.values():
            if tensor.is_cuda:
                tensor.record_stream(model)
        return prompt

    with torch.cuda.stream(beside):
        yield give


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
