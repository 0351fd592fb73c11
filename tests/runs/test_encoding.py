"""Each clip is decoded once, each sample encoded once, and later clips while earlier samples are at work."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.analyses.stand_in import StandInClip, StandInModel, questions
from workbench.contents import is_known, stamp_of
from workbench.data import Sample, Samples
from workbench.errors import ClipError, PromptError, RunError, WorkbenchError
from workbench.runs import Asked, Encoder, encoding
from workbench.runs.encoding import first_prompts, read_frames
from workbench.video import Uniform


class Counting(StandInModel):
    """Counts what it reads and encodes, and in which thread."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.encoded: list[str] = []
        self.threads: set[int] = set()

    def read_clip(self, sample: Sample, frames: Any = None) -> StandInClip:
        self.read.append(sample.video.name)
        self.threads.add(threading.get_ident())
        return super().read_clip(sample, frames)

    def encode(self, sample: Sample, *, clip: Any = None, **how: Any) -> Any:
        assert isinstance(clip, StandInClip)
        self.encoded.append(sample.id)
        return super().encode(sample, clip=clip, **how)


def encoder(model: Any, samples: Samples) -> Encoder:
    return Encoder(model, samples, frames=None, style=None)


def test_every_clip_is_read_once_and_every_sample_encoded_once_in_order() -> None:
    model, samples = Counting(), questions(*[0] * 7, broken=(2,))
    with encoder(model, samples) as asking:
        assert asking.first_usable().position == 0  # as a run looks before it begins
        groups = list(asking.groups([range(3), range(3, 5), range(5, 7)]))
    assert [[one.position if isinstance(one, Asked) else one[0] for one in group] for group in groups] == [
        [0, 1, 2],
        [3, 4],
        [5, 6],
    ]
    assert isinstance(groups[0][2], tuple)
    assert isinstance(groups[0][2][1], ClipError)
    assert set(Counter(model.read).values()) == {1}
    assert model.encoded == [sample.id for sample in samples if "broken" not in sample.video.name]
    assert threading.get_ident() not in model.threads


def test_samples_that_ask_about_one_clip_share_it() -> None:
    model = Counting()
    first = questions(0)[0]
    later = dataclasses.replace(first, id="later", start=1.0)
    samples = Samples([first, dataclasses.replace(first, id="again"), later], name="own")
    with encoder(model, samples) as asking:
        list(asking.groups([[0], [1], [2]]))
    assert model.read == ["0.mp4"] * 2, "other bounds are another clip"


def test_the_next_clips_are_read_while_a_group_is_at_work() -> None:
    model, samples = Counting(), questions(*[0] * 6)
    with encoder(model, samples) as asking:
        groups = asking.groups([[0], [1], [2], [3], [4], [5]])
        next(groups)
        for position in (1, 2):
            asking._decode(position).result(timeout=10)
        assert sorted(model.read) == ["0.mp4", "1.mp4", "2.mp4"]


def test_the_next_group_is_encoded_while_one_is_at_work() -> None:
    model, samples = Counting(), questions(*[0] * 6)
    with encoder(model, samples) as asking:
        groups = asking.groups([[0], [1, 2, 3, 4], [5]])
        next(groups)
        for position in (1, 2, 3, 4):
            asking._begun[position].result(timeout=10)
        assert model.encoded == [sample.id for sample in samples[:5]]
        (one, *_), _ = next(groups), next(groups)
        assert isinstance(one, Asked)
        assert one.position == 1
        assert model.encoded == [sample.id for sample in samples], "each once"


def test_large_clips_are_made_ready_two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_AHEAD_BYTES", 8)  # one clip
    model, samples = Counting(), questions(*[0] * 6)
    with encoder(model, samples) as asking:
        groups = asking.groups([[0], [1, 2, 3, 4, 5]])
        next(groups)
        assert sorted(asking._begun) == [1, 2]


def test_what_was_begun_and_is_not_asked_for_is_let_go() -> None:
    model, samples = Counting(), questions(*[0] * 4)
    with encoder(model, samples) as asking:
        asking.ahead([2, 3])
        (_,) = asking.groups([[0]])
        assert asking._begun == {}
        ((one,),) = asking.groups([[3]])
        assert isinstance(one, Asked)
        assert one.position == 3


def test_clips_are_hashed_before_their_records_are_stored(tmp_path: Path) -> None:
    samples = Samples(
        [dataclasses.replace(one, video=tmp_path / one.video) for one in questions(0, 0)], name="own"
    )
    for sample in samples:
        sample.video.write_bytes(b"frames")
    for identified in (False, True):
        model: Any = StandInModel()
        with Encoder(model, samples, frames=None, style=None, identified=identified) as asking:
            list(asking.groups([[0], [1]]))
        known = {is_known(sample.video, stamp_of(sample.video)) for sample in samples}
        assert known == {identified}


def test_clips_that_nobody_wants_soon_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_CLIP_BYTES", 20)  # two clips of 8 bytes, and a half
    monkeypatch.setattr(encoding, "_THREADS", 2)
    model, samples = Counting(), questions(*[0] * 6)
    with encoder(model, samples) as asking:
        for _ in asking.groups([[position] for position in range(6)]):
            done = [clip for clip in asking._clips.values() if clip.done()]
            assert len(done) <= 4, "two that may stay, two that are wanted next"
    assert len(model.read) == 6


def test_an_error_comes_each_time_it_is_asked_for() -> None:
    with encoder(StandInModel(), questions(0, broken=(0,))) as asking:
        for _ in range(2):
            with pytest.raises(ClipError, match=r"broken\.mp4"):
                asking.prompt(0)
        with pytest.raises(RunError, match=r"None of the 1 samples can be used.*broken\.mp4"):
            asking.first_usable()


def test_what_cannot_be_put_into_words_is_an_error_too() -> None:
    class Refusing(StandInModel):
        def encode(self, sample: Sample, *, clip: Any = None, **how: Any) -> Any:
            raise PromptError("too long")

    with encoder(Refusing(), questions(0)) as asking:
        with pytest.raises(WorkbenchError, match="too long"):
            asking.asked(0)


def test_other_exceptions_pass() -> None:
    class Buggy(StandInModel):
        def read_clip(self, sample: Sample, frames: Any = None) -> StandInClip:
            raise ZeroDivisionError

    with encoder(Buggy(), questions(0)) as asking:
        with pytest.raises(ZeroDivisionError):
            asking.prompt(0)


def test_frames_from_text() -> None:
    assert read_frames(None) is None
    assert read_frames(16) == 16
    assert read_frames("uniform(4)") == Uniform(4)
    with pytest.raises(ClipError, match="Did you mean 'uniform'"):
        read_frames(str(Path("unifrom(4)")))


def test_the_first_prompts_are_those_of_samples_that_can_be_encoded() -> None:
    model, samples = Counting(), questions(*[0] * 5, broken=(1,))
    assert len(first_prompts(model, samples, 3)) == 3  # type: ignore[arg-type]
    assert model.encoded == [samples[place].id for place in (0, 2, 3)]
