"""Samples as a sequence, their fingerprint, and the way into a table and back."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import MakeFolder, entry, sample
from workbench.data import Sample, Samples, Skipped, load_folder
from workbench.errors import SampleError


class TestSequence:
    def test_it_is_one(self, four: Samples) -> None:
        assert isinstance(four, Sequence)
        assert len(four) == 4
        assert [s.id for s in four] == ["a/1", "b/1", "a/2", "b/2"]
        assert four[0] in four
        assert four.index(four[2]) == 2
        assert four[-1] is four[np.int64(3)]
        with pytest.raises(IndexError):
            four[4]

    def test_a_slice_is_samples_and_keeps_what_was_skipped(self, four: Samples) -> None:
        part = four[1:3]
        assert isinstance(part, Samples)
        assert [s.id for s in part] == ["b/1", "a/2"]
        assert (part.name, part.source, part.skipped) == (four.name, four.source, four.skipped)
        assert list(four[::-1]) == list(reversed(four))

    def test_by_id(self, four: Samples) -> None:
        assert four["b/2"] is four[3]
        with pytest.raises(SampleError, match=r"no sample 'b/3' among the 4 of 'four'.*Did you mean"):
            four["b/3"]

    def test_tasks_in_order_of_appearance(self, four: Samples) -> None:
        assert four.tasks == ("a", "b")
        assert four.counts() == {"a": 2, "b": 2}

    def test_by_task_parts_everything(self, four: Samples) -> None:
        parts = four.by_task()
        assert list(parts) == ["a", "b"]
        assert [s.id for s in parts["a"]] == ["a/1", "a/2"]
        assert parts["a"].skipped == [Skipped("a/9", "gone")]
        assert parts["b"].skipped == []

    def test_by_task_tells_names_apart_that_begin_alike(self) -> None:
        parts = Samples(
            [sample("a/1"), sample("ab/1")], name="x", skipped=[Skipped("ab/2", "gone")]
        ).by_task()
        assert (parts["a"].skipped, len(parts["ab"].skipped)) == ([], 1)

    def test_filter(self, four: Samples) -> None:
        assert [s.id for s in four.filter(lambda s: s.id.endswith("/2"))] == ["a/2", "b/2"]
        assert len(four.filter(lambda s: False)) == 0

    def test_open_ended_takes_those_with_a_stem_and_lists_the_rest(self, four: Samples) -> None:
        opened = four.open_ended()
        assert [s.id for s in opened] == ["b/1"]
        assert opened[0].options == ()
        assert [s.id for s in opened.skipped] == ["a/9", "c/1", "a/1", "a/2", "b/2"]

    def test_all_clips_can_be_asked_one_question(self, four: Samples) -> None:
        asked = four.asked("What is there?", stem="There is")
        assert [sample.id for sample in asked] == [sample.id for sample in four]
        assert {(s.question, s.stem, s.options, s.answer, s.open_answer) for s in asked} == {
            ("What is there?", "There is", (), None, None)
        }
        assert [sample.video for sample in asked] == [sample.video for sample in four]
        assert asked.fingerprint != four.fingerprint

    def test_open_ended_without_any_stem(self, four: Samples) -> None:
        with pytest.raises(SampleError, match="none of the 1 samples of 'four' has a stem"):
            four[:1].open_ended()

    def test_an_id_may_not_repeat(self) -> None:
        with pytest.raises(SampleError, match=r"sample id 'a/1' is used more than once \(1 such"):
            Samples([sample("a/1"), sample("a/1")], name="x")

    def test_skipped_cannot_be_changed_from_outside(self, four: Samples) -> None:
        four.skipped.clear()
        assert len(four.skipped) == 2

    def test_it_pickles(self, four: Samples) -> None:
        again = pickle.loads(pickle.dumps(four))
        assert (list(again), again.fingerprint, again.skipped) == (list(four), four.fingerprint, four.skipped)


class TestFingerprint:
    def test_it_does_not_depend_on_the_place(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        one = make_folder({"moving_direction": [entry()]})
        two = Path(shutil.copytree(one, tmp_path / "elsewhere" / "deep"))
        assert load_folder(one).fingerprint == load_folder(two, name="other").fingerprint
        assert len(load_folder(one).fingerprint) == 64

    @pytest.mark.parametrize(
        "changes",
        [
            {"question": "Where from?"},
            {"options": ("right", "left")},
            {"answer": 1},
            {"answer": None},
            {"start": 0.5},
            {"end": 0.5},
            {"stem": "It moves"},
            {"open_answer": "left"},
            {"video": Path("clips/2.mp4")},
            {"video": Path("clips/sub/1.mp4")},
            {"task": "u"},
        ],
    )
    def test_every_field_counts(self, changes: dict[str, Any]) -> None:
        assert self.of(sample("t/1")) != self.of(sample("t/1", **changes))

    def test_ids_order_and_number_count(self) -> None:
        a, b = sample("t/1"), sample("t/2", video=Path("clips/1.mp4"))
        assert len({self.of(*items) for items in ((a,), (b,), (a, b), (b, a), ())}) == 5

    @staticmethod
    def of(*items: Sample) -> str:
        return Samples(items, name="x", source=Path("clips")).fingerprint


class TestDataFrame:
    def test_empty_cells_are_absent_fields(self, clip: Path) -> None:
        table = pd.DataFrame(
            {
                "video": [str(clip)] * 3,
                "question": ["one?", "two?", "three?"],
                "options": [["a", "b"], None, ["c", "d"]],
                "answer": [1, None, None],
                "start": [None, 1.5, None],
                "stem": [None, "It is", pd.NA],
            }
        )
        found = Samples.from_dataframe(table, name="mine")
        assert [s.answer for s in found] == [1, None, None]
        assert [s.options for s in found] == [("a", "b"), (), ("c", "d")]
        assert [s.start for s in found] == [None, 1.5, None]
        assert [s.stem for s in found] == [None, "It is", None]
        assert found.skipped == []

    def test_a_column_that_does_not_exist_is_refused(self, clip: Path) -> None:
        table = pd.DataFrame({"video": [str(clip)], "question": ["?"], "choices": [["a", "b"]]})
        with pytest.raises(SampleError, match="key 'choices' does not exist"):
            Samples.from_dataframe(table)

    @given(data=st.data())
    def test_there_and_back(self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
        clip = tmp_path_factory.getbasetemp() / "there_and_back.mp4"
        clip.write_bytes(b"x")
        texts = st.text(min_size=1, max_size=8).filter(str.strip)
        times = st.none() | st.floats(0, 10)
        items = []
        for n in range(data.draw(st.integers(1, 4))):
            options = data.draw(st.just([]) | st.lists(texts, min_size=2, max_size=5, unique_by=str.strip))
            answer = data.draw(st.none() | st.integers(0, len(options) - 1)) if options else None
            items.append(
                Sample(
                    id=f"t/{n}",
                    task="t",
                    video=clip,
                    question=data.draw(texts),
                    options=tuple(options),
                    answer=answer,
                    start=data.draw(times),
                    end=data.draw(st.none() | st.floats(11, 20)),
                    stem=data.draw(st.none() | texts),
                    open_answer=data.draw(st.none() | texts),
                )
            )
        found = Samples(items, name="x")
        again = Samples.from_dataframe(found.to_dataframe(), name="x")
        assert list(again) == items
        assert again.fingerprint == found.fingerprint
