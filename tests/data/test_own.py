"""A user's own questions: what is taken, what is skipped, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.data import Sample, Samples
from workbench.errors import SampleError


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
