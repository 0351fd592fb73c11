"""A user's own questions: what is taken, what is skipped, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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

    @pytest.mark.parametrize(
        ("options", "answer", "text", "other"),
        [
            (["2", "3", "4", "5"], 3, 1, ("index", 3)),
            (["2", "3", "4", "5"], 3.0, 1, ("index", 3)),
            (["2", "3", "4", "5"], np.int64(3), 1, ("index", 3)),
            (["1", "0"], 1, 0, ("index", 1)),
            (["1.0", "2.0", "0.0"], 1, 0, ("index", 1)),
            (["B", "A"], "A", 1, ("letter", 0)),
            (["b", "a", "c"], "a", 1, ("letter", 0)),
        ],
    )
    def test_an_answer_that_means_two_options_is_asked_about(
        self, clip: Path, options: list[str], answer: Any, text: int, other: tuple[Any, int]
    ) -> None:
        """Whoever reads a count as an index finds the wrong option right, without a word."""
        entries = [{"video": clip, "question": "?", "options": options, "answer": answer}]
        with pytest.raises(SampleError, match=rf"entry 1: answer .*answers='text' or answers='{other[0]}'"):
            Samples.from_list(entries)
        assert Samples.from_list(entries, answers="text")[0].answer == text
        assert Samples.from_list(entries, answers=other[0])[0].answer == other[1]

    @pytest.mark.parametrize(
        ("options", "answer", "answers", "index"),
        [
            (["0", "1", "2"], 1, None, 1),  # both readings are one option
            (["A", "B"], "B", None, 1),
            (["2", "3", "4", "5"], "3", None, 1),
            (["2", "3", "4", "5"], "3", "index", 3),
            (["0.5", "1.5"], 1.5, None, 1),
            (["left", "right"], "1", "index", 1),
            (["left", "right"], "b", "letter", 1),
            (["cafe\u0301", "tea"], "caf\u00e9", None, 0),
        ],
    )
    def test_an_answer_that_means_one_option_is_taken(
        self, clip: Path, options: list[str], answer: Any, answers: Any, index: int
    ) -> None:
        entries = [{"video": clip, "question": "?", "options": options, "answer": answer}]
        assert Samples.from_list(entries, answers=answers)[0].answer == index

    def test_a_table_from_a_file_is_asked_about(self, clip: Path, tmp_path: Path) -> None:
        file = tmp_path / "mine.csv"
        file.write_text(f"video,question,a,b,c,d,answer\n{clip},How many?,2,3,4,5,3\n")
        table = pd.read_csv(file)
        table["options"] = [[str(row[letter]) for letter in "abcd"] for _, row in table.iterrows()]
        table = table.drop(columns=list("abcd"))
        with pytest.raises(SampleError, match="can be read in two ways"):
            Samples.from_dataframe(table)
        assert Samples.from_dataframe(table, answers="text")[0].true_option == "3"
        assert Samples.from_dataframe(table, answers="index")[0].true_option == "5"

    @pytest.mark.parametrize(
        ("answer", "answers", "says"),
        [
            ("left", "letter", "is no letter of"),
            (0, "text", "is no text of"),
            ("left", "index", "is no index"),
        ],
    )
    def test_an_answer_of_another_kind_is_skipped(
        self, clip: Path, answer: Any, answers: Any, says: str
    ) -> None:
        good = {"text": "left", "letter": "A", "index": 0}[answers]
        entry = {"video": clip, "question": "?", "options": ["left", "right"]}
        found = Samples.from_list([{**entry, "answer": good}, {**entry, "answer": answer}], answers=answers)
        assert [sample.answer for sample in found] == [0]
        assert says in found.skipped[0].reason

    @pytest.mark.parametrize("answers", ["letters", 3, []])
    def test_a_reading_of_answers_that_does_not_exist(self, clip: Path, answers: Any) -> None:
        with pytest.raises(SampleError, match=r"answers is .*'text', 'letter', 'index'"):
            Samples.from_list([{"video": clip, "question": "?"}], answers=answers)

    def test_a_task_called_all_would_be_taken_for_all_tasks(self, clip: Path) -> None:
        good = {"video": clip, "question": "?"}
        found = Samples.from_list([good, {**good, "task": "all"}, {**good, "task": "All "}])
        assert len(found) == 1
        assert "is what tables call all tasks together" in found.skipped[0].reason

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


class TestSubtitles:
    def entry(self, clip: Path, subtitles: Any) -> dict[str, Any]:
        return {"video": clip.name, "question": "what is said?", "subtitles": subtitles}

    def test_lines_or_the_path_of_an_srt_file(self, clip: Path) -> None:
        (clip.parent / "said.srt").write_text("1\n00:00:01,000 --> 00:00:02,500\n<i>hello</i>\n", "utf-8")
        entries = [self.entry(clip, given) for given in ("said.srt", [[1, 2.5, "hello"]], None, "", [])]
        found = Samples.from_list(entries, root=clip.parent)
        assert [sample.subtitles for sample in found] == [((1.0, 2.5, "hello"),)] * 2 + [()] * 3
        assert found[0].subtitles[0].text == "hello"
        again = Samples.from_dataframe(found.to_dataframe())
        assert [sample.subtitles for sample in again] == [sample.subtitles for sample in found]

    @pytest.mark.parametrize(
        "subtitles",
        [
            "gone.srt", "../said.srt", "no.srt", 7, [7], ["abc"], [[1, 2]], [[1, "2", "x"]], [[1, 2, 3]],
            [[float("nan"), 2, "x"]], [[0, float("inf"), "x"]], [[True, 2, "x"]], [[0, 1, "\ud800"]],
        ],
    )  # fmt: skip
    def test_what_is_no_subtitle_is_skipped(self, clip: Path, subtitles: Any) -> None:
        (clip.parent / "no.srt").write_bytes(b"\xff\xfe\x00")
        sound = self.entry(clip, None)
        found = Samples.from_list([sound, self.entry(clip, subtitles)], root=clip.parent)
        assert len(found) == len(found.skipped) == 1
