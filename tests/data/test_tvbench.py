"""Folders in TVBench's format: what is read, what is skipped and why, what is refused."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.data.conftest import TASK, MakeFolder, entry
from workbench.data import MTF_TASKS, load_folder, samples
from workbench.errors import SampleError

TVBENCH_TASKS = (
    *MTF_TASKS,
    *("action_count", "action_localization", "egocentric_sequence", "object_shuffle", "unexpected_action"),
)


def test_an_entry_becomes_a_sample(make_folder: MakeFolder) -> None:
    fields = entry(start=1, end=2.5, stem="It moves", open_answer="right", accurate_start="not ours")
    root = make_folder({TASK: [fields]})
    (sample,) = load_folder(root)
    assert sample.id == "moving_direction/clip_1"
    assert sample.task == TASK
    assert sample.video == root / "video" / TASK / "clip_1.mp4"
    assert sample.question == "Which direction does the red circle move?"
    assert (sample.options, sample.answer, sample.true_letter) == (("left", "right"), 1, "B")
    assert (sample.start, sample.end) == (1.0, 2.5)
    assert (sample.stem, sample.open_answer) == ("It moves", "right")


def test_clips_are_not_opened(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder({TASK: [entry()]})
    opened: list[str] = []
    real = open
    monkeypatch.setattr("builtins.open", lambda path, *a, **kw: opened.append(path) or real(path, *a, **kw))
    load_folder(root)
    assert [Path(path).name for path in opened] == [f"{TASK}.json"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON"),
        (b"[{]", "is not JSON"),
        (b'[{"video": "a.mp4"}', "is not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "is not JSON"),
        ('[{"video": "é.mp4"}]'.encode("latin-1"), "is not UTF-8 .*byte 12"),
        ("[]".encode("utf-16"), "is not UTF-8"),
        (b"\x00\x01\x02\xff", "is not UTF-8"),
        (entry(), "holds {.*}, not a list"),
        ("text", "holds 'text', not a list"),
        (None, "holds None, not a list"),
        ([], "it has no entries"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(make_folder: MakeFolder, content: Any, says: str) -> None:
    root = make_folder({"good": [entry(video="a.mp4")], TASK: content}, ("a.mp4",))
    with pytest.raises(SampleError, match=says) as problem:
        load_folder(root, tasks=[TASK])
    assert f"{TASK}.json" in str(problem.value)
    assert len(str(problem.value)) < 700


def test_a_byte_order_mark_is_no_obstacle(make_folder: MakeFolder) -> None:
    assert len(load_folder(make_folder({TASK: json.dumps([entry()]).encode("utf-8-sig")}))) == 1


def test_text_in_any_language_and_any_disguise_is_kept(make_folder: MakeFolder) -> None:
    text = "<video> 红色 ({q}) \\n $x$ </s> <|im_end|> 🎬"
    (sample,) = load_folder(
        make_folder({TASK: [entry(question=text, candidates=[text, "other"], answer=text)]})
    )
    assert sample.question == text == sample.true_option


def test_an_open_ended_entry(make_folder: MakeFolder) -> None:
    fields = entry(candidates=..., answer=..., stem="The circle moves", open_answer="left")
    (sample,) = load_folder(make_folder({TASK: [fields]}))
    assert (sample.options, sample.answer, sample.stem, sample.open_answer) == (
        (),
        None,
        "The circle moves",
        "left",
    )


class TestTasksAndLimit:
    @pytest.fixture
    def root(self, make_folder: MakeFolder) -> Path:
        clips = tuple(f"video/{name}.mp4" for name in "abcd")
        questions = [entry(video=f"{name}.mp4") for name in "abcd"]
        broken = [*questions[:2], entry(video="gone.mp4"), *questions[2:]]
        return make_folder({"moving_direction": questions, "action_count": broken}, clips)

    def test_all_tasks_sorted_by_name(self, root: Path) -> None:
        found = load_folder(root)
        assert found.tasks == ("action_count", "moving_direction")
        assert found.counts() == {"action_count": 4, "moving_direction": 4}
        assert len(found.skipped) == 1

    def test_tasks_come_in_the_order_asked(self, root: Path) -> None:
        assert load_folder(root, tasks=["moving_direction", "action_count"]).tasks[0] == "moving_direction"

    @pytest.mark.parametrize("spelling", ["Moving Direction", "moving-direction", " MOVING_DIRECTION "])
    def test_a_task_may_be_spelt_as_papers_do(self, root: Path, spelling: str) -> None:
        assert load_folder(root, tasks=[spelling]).tasks == ("moving_direction",)

    def test_a_task_named_twice_is_read_once(self, root: Path) -> None:
        assert len(load_folder(root, tasks=["action_count", "Action Count"])) == 4

    def test_the_limit_is_per_task_and_counts_usable_entries_in_file_order(self, root: Path) -> None:
        found = load_folder(root, limit=3)
        names = [sample.video.stem for sample in found]
        assert names == ["a", "b", "c", "a", "b", "c"]
        assert [entry.id for entry in found.skipped] == ["action_count/gone"]
        assert load_folder(root, limit=2).skipped == [], "entries after the limit are not looked at"
        assert len(load_folder(root, limit=100)) == 8

    @pytest.mark.parametrize("limit", [0, -1, True])
    def test_a_limit_that_makes_no_sense(self, root: Path, limit: int) -> None:
        with pytest.raises(SampleError, match="whole number from 1"):
            load_folder(root, limit=limit)

    def test_an_unknown_task(self, root: Path) -> None:
        says = "it has action_count, moving_direction. Did you mean 'moving_direction'"
        with pytest.raises(SampleError, match=re.escape(says)):
            load_folder(root, tasks=["moving_directions"])

    @pytest.mark.parametrize("task", ["../set/json/action_count", "/etc/passwd", "json"])
    def test_a_task_is_no_path(self, root: Path, task: str) -> None:
        with pytest.raises(SampleError, match="has no task"):
            load_folder(root, tasks=[task])


class TestFolders:
    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SampleError, match=r"is no folder: give the folder that holds json/TASK\.json"):
            load_folder(tmp_path / "gone")

    def test_a_folder_without_annotations(self, tmp_path: Path) -> None:
        with pytest.raises(SampleError, match="holds no annotations"):
            load_folder(tmp_path)

    def test_one_level_too_high_or_too_low(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        root = make_folder({TASK: [entry()]})
        for wrong in (tmp_path, root / "json", root / "video"):
            with pytest.raises(SampleError, match=rf"Did you mean {re.escape(str(root))}\?"):
                load_folder(wrong)

    def test_hidden_twins_are_no_tasks(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry()], f"._{TASK}": b"\x00\x05\x16\x07"})
        assert load_folder(root).tasks == (TASK,)

    def test_nothing_usable_names_the_first_reasons(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry(video=f"gone_{n}.mp4") for n in range(9)]}, ())
        with pytest.raises(SampleError, match=r"no usable entry among 9 .*gone_0.*gone_2.*and 6 more"):
            load_folder(root)

    def test_clips_still_in_archives(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry()]}, (f"video/{TASK}.zip",))
        with pytest.raises(SampleError, match=f"{TASK}.zip is not unpacked yet"):
            load_folder(root)

    def test_one_dead_task_is_listed_among_others_but_refused_by_name(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry()], "action_antonym": [entry(video="ntu.avi")]})
        with pytest.warns(UserWarning, match=r"'action_antonym' is left out.*NTU RGB\+D.*rose1\.ntu"):
            found = load_folder(root)
        assert found.tasks == (TASK,)
        assert [skipped.id for skipped in found.skipped] == ["action_antonym/ntu"]
        with pytest.raises(SampleError, match=r"action_antonym\.json: no usable entry among 1"):
            load_folder(root, tasks=[TASK, "action_antonym"])

    def test_name_and_source(self, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        root = make_folder({TASK: [entry()]})
        assert load_folder(root).name == "set"
        monkeypatch.chdir(root.parent)
        found = load_folder("set", name="other")
        assert (found.name, found.source) == ("other", root)
        assert found[0].video.is_absolute(), "a later change of folder must not lose the clips"


def test_the_tasks_of_map_the_flow_are_spelt_as_files_are() -> None:
    assert len(MTF_TASKS) == 5
    assert all(re.fullmatch("[a-z_]+", task) for task in MTF_TASKS)


class TestDownloads:
    """Folders as the hub has them."""

    def hub(self, make_folder: MakeFolder) -> Path:
        """TVBench as it is downloaded: ten tasks, and no clips of Action Antonym."""
        tasks = {task: [entry(video=f"{n}.mp4") for n in range(3)] for task in TVBENCH_TASKS}
        tasks["action_antonym"] = [entry(video=f"S001C001P001R001A00{n}.avi") for n in range(3)]
        clips = [
            f"video/{task}/{n}.mp4" for task in TVBENCH_TASKS if task != "action_antonym" for n in range(3)
        ]
        return make_folder(tasks, tuple(clips))

    def test_tasks_without_clips_are_left_out_and_the_others_run(self, make_folder: MakeFolder) -> None:
        root = self.hub(make_folder)
        with pytest.warns(UserWarning, match=r"no clip of its 3 questions.*licence does not let") as said:
            found = load_folder(root)
        assert len(said) == 1
        assert found.counts() == {task: 3 for task in sorted(TVBENCH_TASKS) if task != "action_antonym"}
        assert len(found.skipped) == 3

    def test_so_are_those_that_a_recipe_prefers(self, make_folder: MakeFolder) -> None:
        root = self.hub(make_folder)
        with pytest.warns(UserWarning, match="'action_antonym' is left out"):
            found = samples("tvbench", root=root, tasks=MTF_TASKS, strict=False)
        assert found.tasks == tuple(task for task in MTF_TASKS if task != "action_antonym")
        with pytest.raises(SampleError, match="no usable entry among 3"):
            samples("tvbench", root=root, tasks=MTF_TASKS)
        with pytest.raises(SampleError, match="no usable entry among 3"):
            load_folder(root, tasks=["action_antonym"], strict=False)

    def test_a_task_whose_clips_are_not_unpacked_says_so(self, make_folder: MakeFolder) -> None:
        root = make_folder(
            {TASK: [entry()], "a": [entry(video="x.mp4")]}, ("video/clip_1.mp4", "video/a.zip")
        )
        with pytest.warns(UserWarning, match=r"'a' is left out: .* a\.zip is not unpacked yet: run"):
            assert load_folder(root).tasks == (TASK,)

    def test_a_task_whose_annotations_are_bad_is_listed(self, make_folder: MakeFolder) -> None:
        entries = {TASK: [entry()], "a": [entry(answer="up"), entry(video="gone.mp4")]}
        root = make_folder(entries, ("video/clip_1.mp4",))
        found = load_folder(root)
        assert found.tasks == (TASK,)
        assert len(found.skipped) == 2


class TestSpelling:
    """Archives made on a Mac hold names with accents apart; annotations hold them as one letter."""

    @pytest.mark.parametrize(("written", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
    def test_clips_tasks_and_answers(self, make_folder: MakeFolder, written: Any, asked: Any) -> None:
        def there(text: str) -> str:
            return unicodedata.normalize(written, text)

        def named(text: str) -> str:
            return unicodedata.normalize(asked, text)

        task = "trác_nghiệm"
        annotation = entry(video=named("à la mer.mp4"), candidates=[named("là"), "no"], answer=there("là"))
        root = make_folder({there(task): [annotation]}, (f"video/{there(task)}/{there('à la mer')}.mp4",))
        (sample,) = load_folder(root, tasks=[named(task)])
        assert sample.answer == 0
        assert sample.video.exists()
        assert sample.options == (named("là"), "no"), "prompts keep what is written"
        assert sample.id == unicodedata.normalize("NFC", f"{task}/à la mer")
        assert load_folder(root)[named(sample.id)] is not None
        assert load_folder(root).tasks == (unicodedata.normalize("NFC", task),)

    def test_the_fingerprint_does_not_depend_on_the_disk(self, make_folder: MakeFolder) -> None:
        prints = set()
        for form in ("NFC", "NFD"):
            clip = f"video/{TASK}/{unicodedata.normalize(form, 'é')}.mp4"
            prints.add(load_folder(make_folder({TASK: [entry(video="é.mp4")]}, (clip,), at=form)).fingerprint)
        assert len(prints) == 1

    def test_two_files_of_one_task_are_refused(self, make_folder: MakeFolder) -> None:
        names = {unicodedata.normalize(form, "é"): [entry()] for form in ("NFC", "NFD")}
        with pytest.raises(SampleError, match=r"has two files .* look the same"):
            load_folder(make_folder(names))
