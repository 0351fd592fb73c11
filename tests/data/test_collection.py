"""Samples as a sequence, and a user's own questions."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import MakeFolder, entry
from workbench.data import Sample, Samples, Skipped, load_folder
from workbench.errors import SampleError


def sample(id: str = "t/1", **changes: Any) -> Sample:
    fields: dict[str, Any] = {
        "task": id.split("/")[0],
        "video": Path("clips") / f"{id.split('/')[-1]}.mp4",
        "question": "Where to?",
        "options": ("left", "right"),
        "answer": 0,
    }
    return Sample(id=id, **{**fields, **changes})


@pytest.fixture
def four() -> Samples:
    items = [sample("a/1"), sample("b/1", stem="It moves", open_answer="left"), sample("a/2"), sample("b/2")]
    return Samples(
        items, name="four", source=Path("clips"), skipped=[Skipped("a/9", "gone"), Skipped("c/1", "bad")]
    )


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


class TestDisplay:
    def test_repr_says_how_many_of_what(self, four: Samples) -> None:
        assert repr(four) == "Samples('four': 4 samples: a 2, b 2; 2 skipped, see .skipped)"
        assert repr(Samples([], name="none")) == "Samples('none': 0 samples)"

    def test_html_escapes_everything_from_outside(self) -> None:
        evil = "<script>alert(1)</script>&\"'<img src=x onerror=alert(1)>"
        items = [
            sample("t/1", question=evil, options=(evil, "b"), video=Path(f"{evil.replace('/', '')}.mp4")),
            Sample(
                id=f"t/{evil}",
                task=evil.replace("/", ""),
                video=Path("a"),
                question="q",
                stem=evil,
                open_answer=evil,
            ),
        ]
        page = Samples(items, name=evil, skipped=[Skipped(evil, evil)])._repr_html_()
        tags = Tags()
        tags.feed(page)
        assert tags.names <= {
            "div",
            "p",
            "b",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "br",
            "details",
            "summary",
            "ul",
            "li",
        }
        assert evil in tags.text

    def test_html_marks_the_true_option_and_shows_bounds(self) -> None:
        page = Samples([sample(answer=1, start=1.5, end=3.0)], name="x")._repr_html_()
        assert "(A) left&emsp; <b>(B) right</b>" in page
        assert "1.5 s to 3 s" in page

    def test_html_of_many_is_short(self) -> None:
        items = [sample(f"t/{n}") for n in range(1000)]
        page = Samples(items, name="x", skipped=[Skipped(f"t/{n}", "gone") for n in range(500)])._repr_html_()
        assert "and 990 more" in page
        assert "500 skipped" in page
        assert page.count("<tr>") == 11


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "my clip.mp4"
    path.write_bytes(b"x")
    return path


class TestFromList:
    def test_the_least_and_the_most(self, clip: Path) -> None:
        entries = [
            {"video": clip, "question": "What happens?"},
            {
                "video": str(clip),
                "question": "Where to?",
                "options": ("left", "right"),
                "answer": "right",
                "start": np.float32(0.5),
                "end": 2,
                "stem": "It moves",
                "open_answer": "right",
                "task": "direction",
                "id": "mine",
            },
        ]
        found = Samples.from_list(entries)
        assert found.name == "own"
        assert found[0] == Sample(id="own/my clip", task="own", video=clip, question="What happens?")
        second = found["mine"]
        assert (second.task, second.options, second.answer) == ("direction", ("left", "right"), 1)
        assert (second.start, second.end) == (0.5, 2.0)

    @pytest.mark.parametrize(
        ("options", "answer", "index"),
        [
            (["left", "right"], "right", 1),
            (["left", "right"], "B", 1),
            (["left", "right"], " b ", 1),
            (["left", "right"], 1, 1),
            (["left", "right"], 1.0, 1),
            (["left", "right"], np.int64(1), 1),
            (["B", "A"], "A", 1),
            (["left", "right"], None, None),
            (["left", "right"], float("nan"), None),
            (np.array(["left", "right"]), "left", 0),
        ],
    )
    def test_an_answer_is_a_text_a_letter_or_an_index(
        self, clip: Path, options: Any, answer: Any, index: int | None
    ) -> None:
        (found,) = Samples.from_list([{"video": clip, "question": "?", "options": options, "answer": answer}])
        assert found.answer == index

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"answer": "C"}, "answer 'C' is not one of the options"),
            ({"answer": 2}, "answer 2 is no index"),
            ({"answer": True}, "answer True is no index"),
            ({"answer": 0.5}, "answer is 0.5"),
            ({"options": None}, "there is an answer but no options"),
            ({"options": "left"}, "options is 'left'"),
            ({"options": [1, 2]}, "options[0] is 1"),
            ({"video": "gone.mp4"}, "gone.mp4' not found"),
            ({"video": 5}, "video is 5"),
            ({"question": None}, "question is None"),
            ({"start": "1.5"}, "start is '1.5'"),
            ({"task": "a/b"}, "contains a slash"),
        ],
    )
    def test_a_bad_entry_is_skipped(self, clip: Path, changes: dict[str, Any], says: str) -> None:
        good = {"video": clip, "question": "?", "options": ["left", "right"], "answer": "left"}
        found = Samples.from_list([good, {**good, **changes}])
        assert len(found) == 1
        assert found.skipped[0].reason.startswith("entry 2: ")
        assert says in found.skipped[0].reason

    def test_entries_that_are_no_dicts_are_skipped(self, clip: Path) -> None:
        found = Samples.from_list([{"video": clip, "question": "?"}, "text", None, 3])
        assert [entry.id for entry in found.skipped] == ["own/entry-2", "own/entry-3", "own/entry-4"]

    def test_a_misspelt_key_is_refused(self, clip: Path) -> None:
        with pytest.raises(SampleError, match=r"key 'opitons' does not exist.*Did you mean 'options'"):
            Samples.from_list([{"video": clip, "question": "?", "opitons": ["a", "b"]}])

    @pytest.mark.parametrize("entries", ["text", b"bytes", {"video": "a.mp4", "question": "?"}])
    def test_one_thing_is_no_list(self, entries: Any) -> None:
        with pytest.raises(SampleError, match="is not a list of dicts"):
            Samples.from_list(entries)

    def test_nothing_usable(self) -> None:
        with pytest.raises(SampleError, match=r"samples 'own': it has no entries"):
            Samples.from_list([])
        with pytest.raises(SampleError, match=r"no usable entry among 1 \(own/gone: entry 1: clip"):
            Samples.from_list([{"video": "/gone.mp4", "question": "?"}])

    def test_own_ids_may_not_repeat(self, clip: Path) -> None:
        with pytest.raises(SampleError, match="'mine' is used more than once"):
            Samples.from_list([{"video": clip, "question": "?", "id": "mine"}] * 2)

    def test_a_root_confines(self, clip: Path) -> None:
        entries = [{"video": clip.name, "question": "?"}, {"video": str(clip), "question": "?"}]
        found = Samples.from_list(entries, root=clip.parent)
        assert found[0].video == clip
        assert found.source == clip.parent
        assert "leads out" in found.skipped[0].reason
        with pytest.raises(SampleError, match="is no folder"):
            Samples.from_list(entries, root=clip.parent / "gone")


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
