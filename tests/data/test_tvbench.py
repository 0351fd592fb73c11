"""Folders in TVBench's format: what is read, what is skipped and why, what is refused."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.data.conftest import MakeFolder, entry
from workbench.data import MTF_TASKS, load_folder
from workbench.errors import SampleError

TASK = "moving_direction"


def reason(make_folder: MakeFolder, bad: Any, clips: tuple[str, ...] = ()) -> str:
    """Why `bad` is skipped, in a file that has one good entry after it."""
    good = entry(video="good.mp4")
    there = (f"video/{TASK}/good.mp4", f"video/{TASK}/clip_1.mp4", *clips)
    found = load_folder(make_folder({TASK: [bad, good]}, there))
    assert [sample.video.name for sample in found] == ["good.mp4"]
    (skipped,) = found.skipped
    assert skipped.reason.startswith(f"entry 1 of {TASK}.json: ")
    return skipped.reason


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


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_null_and_no_words_are_as_good_as_absent(make_folder: MakeFolder, nothing: str | None) -> None:
    fields = entry(start=None, end=None, stem=nothing, open_answer=nothing)
    (sample,) = load_folder(make_folder({TASK: [fields]}))
    assert (sample.start, sample.end, sample.stem, sample.open_answer) == (None, None, None, None)


@pytest.mark.parametrize(
    ("video", "clip"),
    [
        ("a.mp4", "video/moving_direction/a.mp4"),
        ("a.mp4", "video/a.mp4"),
        ("a.mp4", "a.mp4"),
        ("moving_direction/a.mp4", "video/moving_direction/a.mp4"),
        ("video/moving_direction/a.mp4", "video/moving_direction/a.mp4"),
        ("star/part/a.mp4", "video/star/part/a.mp4"),
        ("./a.mp4", "video/moving_direction/a.mp4"),
        ("S01_seg02", "video/tvqa/frames/S01_seg02/00001.jpg"),
    ],
)
def test_clips_are_found_where_they_may_lie(make_folder: MakeFolder, video: str, clip: str) -> None:
    video = f"tvqa/frames/{video}" if clip.endswith(".jpg") else video
    root = make_folder({TASK: [entry(video=video)]}, (clip,))
    (sample,) = load_folder(root)
    found = root / clip
    assert sample.video.resolve() == (found.parent if clip.endswith(".jpg") else found)


def test_the_task_s_own_folder_comes_first(make_folder: MakeFolder) -> None:
    root = make_folder({TASK: [entry(video="a.mp4")]}, ("a.mp4", "video/a.mp4", f"video/{TASK}/a.mp4"))
    assert load_folder(root)[0].video == root / "video" / TASK / "a.mp4"


def test_clips_are_not_opened(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder({TASK: [entry()]})
    opened: list[str] = []
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **kw: opened.append(path.name) or read(path, **kw))
    monkeypatch.setattr("builtins.open", lambda *_, **__: pytest.fail("a file was opened"))
    load_folder(root)
    assert opened == [f"{TASK}.json"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("just a text", "it is 'just a text', not an object"),
        (None, "it is None, not an object"),
        ([entry()], "not an object"),
        ({}, "'video' is missing"),
        (entry(question=...), "'question' is missing"),
        (entry(answer=...), "'answer' is missing"),
        (entry(answer=None), "'answer' is missing"),
        (entry(candidates=...), "there are no candidates"),
        (entry(candidates=[]), "there are no candidates"),
        (entry(question=""), "the question is empty"),
        (entry(question=" \n\t"), "the question is empty"),
        (entry(question=7), "question is 7: it should be a valid string"),
        (entry(candidates="left"), "candidates is 'left': it should be a valid list"),
        (entry(candidates={"A": "left"}), "it should be a valid list"),
        (entry(candidates=["left", 2]), "candidates[1] is 2: it should be a valid string"),
        (entry(candidates=["left", None]), "candidates[1] is None"),
        (entry(candidates=["left", "left", "right"]), "'left' is there twice"),
        (entry(candidates=["right"]), "1 option: a multiple-choice question has 2 to 26"),
        (entry(candidates=[*map(str, range(26)), "right"]), "27 options"),
        (entry(candidates=["right", ""]), "an option is empty"),
        (entry(answer="up"), "answer 'up' is not one of the options ['left', 'right']"),
        (entry(answer="Right"), "answer 'Right' is not one of the options"),
        (entry(answer=1), "answer is 1: it should be a valid string"),
        (entry(answer=["right"]), "answer is ['right']"),
        (entry(start=3, end=2), "start 3 s is not before end 2 s"),
        (entry(start=2, end=2), "start 2 s is not before end 2 s"),
        (entry(start=-1), "start is -1.0"),
        (entry(start="1.5"), "start is '1.5': it should be a valid number"),
        (entry(end=True), "end is True: it should be a valid number"),
        (entry(end=float("nan")), "end is nan: it should be a finite number"),
        (entry(end=float("inf")), "end is inf: it should be a finite number"),
        (entry(start=10**400), "start is"),
        (entry(stem=5), "stem is 5"),
        (entry(candidates=..., answer=..., stem=" "), "there are no candidates, and no stem"),
        (entry(candidates=..., stem="It moves"), "there is an answer but no options"),
        (entry(question="\ud800"), "question holds a broken character at position 0"),
        (entry(video="\ud800.mp4"), "clip '\\ud800.mp4' not found"),
        (entry(video=None), "video is None"),
        (entry(video=["a.mp4"]), "video is ['a.mp4']"),
        (entry(video=""), "video '' names no file"),
        (entry(video="."), "video '.' names no file"),
        (entry(video="./"), "video './' names no file"),
        (entry(video="gone.mp4"), "clip 'gone.mp4' not found in "),
        (entry(video="good.mp4/x.mp4"), "not found"),
        (entry(video="a\0b.mp4"), "clip 'a\\x00b.mp4' not found"),
        (entry(video="x" * 5000), "cannot be looked up: File name too long"),
        (entry(video="../outside.mp4"), "leads out of the data set"),
        (entry(video="a/../../../outside.mp4"), "leads out of the data set"),
        (entry(video="..\\outside.mp4"), "leads out of the data set"),
        (entry(video="/etc/passwd"), "leads out of the data set"),
        (entry(video="\\\\server\\share"), "leads out of the data set"),
        (entry(video="C:\\clip.mp4"), "leads out of the data set"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_skipped_and_says_why(make_folder: MakeFolder, bad: Any, says: str) -> None:
    assert says in reason(make_folder, bad)


def test_a_deep_entry_is_skipped(make_folder: MakeFolder) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    said = reason(make_folder, entry(question=deep))
    assert "question is [[" in said
    assert len(said) < 200


def test_an_absolute_path_is_refused_even_when_it_is_inside(make_folder: MakeFolder, tmp_path: Path) -> None:
    inside = tmp_path / "set" / "video" / TASK / "good.mp4"
    assert "leads out" in reason(make_folder, entry(video=str(inside)))


def test_a_folder_without_frames_is_no_clip(make_folder: MakeFolder) -> None:
    assert "folder without frames" in reason(make_folder, entry(video="frames"), ("video/frames/notes.txt",))


def test_a_named_pipe_is_no_clip(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({TASK: [entry(video="pipe.mp4"), entry()]})
    os.mkfifo(root / "pipe.mp4")
    (skipped,) = load_folder(root).skipped
    assert "neither a file nor a folder" in skipped.reason


def test_a_file_whose_name_is_no_text_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder({TASK: [entry(video="\udcff.mp4"), entry()]})
    try:
        (root / "\udcff.mp4").write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (skipped,) = load_folder(root).skipped
    assert "video holds a broken character" in skipped.reason
    skipped.id.encode("utf-8")


class TestLinks:
    """Links are followed inside the folder, and nowhere else."""

    def test_a_clip_that_links_outside_is_skipped(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        (tmp_path / "secret.mp4").write_bytes(b"x")
        root = make_folder({TASK: [entry(video="link.mp4"), entry()]})
        (root / "video" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
        (skipped,) = load_folder(root).skipped
        assert "a link that leads out of" in skipped.reason

    def test_so_is_a_clip_under_a_folder_that_links_outside(
        self, make_folder: MakeFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "a.mp4").write_bytes(b"x")
        root = make_folder({TASK: [entry(video="more/a.mp4"), entry()]})
        (root / "video" / "more").symlink_to(tmp_path / "elsewhere")
        (skipped,) = load_folder(root).skipped
        assert "a link that leads out of" in skipped.reason

    def test_so_is_a_folder_with_a_frame_that_links_outside(
        self, make_folder: MakeFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "secret.jpg").write_bytes(b"x")
        root = make_folder({TASK: [entry(video="frames"), entry()]}, ("clip_1.mp4", "frames/00001.jpg"))
        (root / "frames" / "00002.jpg").symlink_to(root / "frames" / "00001.jpg")
        assert load_folder(root).skipped == []
        (root / "frames" / "00003.jpg").symlink_to(tmp_path / "secret.jpg")
        (skipped,) = load_folder(root).skipped
        assert "a link that leads out of" in skipped.reason

    def test_annotations_that_link_outside_are_refused(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        (tmp_path / "other.json").write_text("[]")
        root = make_folder({})
        (root / "json" / "a.json").symlink_to(tmp_path / "other.json")
        with pytest.raises(SampleError, match="link that leads out"):
            load_folder(root)

    def test_a_link_inside_and_a_linked_root_are_fine(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        root = make_folder({TASK: [entry(video="link.mp4")]})
        (root / "video" / "link.mp4").symlink_to(root / "video" / TASK / "clip_1.mp4")
        (tmp_path / "linked").symlink_to(root)
        (sample,) = load_folder(tmp_path / "linked")
        assert sample.video == tmp_path / "linked" / "video" / "link.mp4"

    @pytest.mark.parametrize("below", ["", "TVBench"])
    def test_the_cache_of_the_hub_is_read(self, tmp_path: Path, below: str) -> None:
        repo = tmp_path / "datasets--FunAILab--TVBench"
        root = repo / "snapshots" / "abc" / below
        for name, content in (
            (f"json/{TASK}.json", json.dumps([entry()]).encode()),
            ("video/clip_1.mp4", b"x"),
        ):
            blob = repo / "blobs" / name.replace("/", "")
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(blob)
        (sample,) = load_folder(root)
        assert sample.video == root / "video" / "clip_1.mp4", "the blob's own name has no suffix"

    def test_links_in_a_circle_are_missing_clips(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry(video="a.mp4"), entry()]})
        (root / "a.mp4").symlink_to(root / "b.mp4")
        (root / "b.mp4").symlink_to(root / "a.mp4")
        (skipped,) = load_folder(root).skipped
        assert "a.mp4" in skipped.reason


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no JSON"),
        (b"[{]", "is no JSON"),
        (b'[{"video": "a.mp4"}', "is no JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "is no JSON"),
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


def test_spaces_around_the_answer_do_not_matter_and_options_stay_as_they_are(make_folder: MakeFolder) -> None:
    (sample,) = load_folder(make_folder({TASK: [entry(candidates=["left. ", "right."], answer="left.")]}))
    assert sample.options == ("left. ", "right.")
    assert sample.answer == 0


def test_an_open_ended_entry(make_folder: MakeFolder) -> None:
    fields = entry(candidates=..., answer=..., stem="The circle moves", open_answer="left")
    (sample,) = load_folder(make_folder({TASK: [fields]}))
    assert (sample.options, sample.answer, sample.stem, sample.open_answer) == (
        (),
        None,
        "The circle moves",
        "left",
    )


class TestIds:
    """Unique, and the same whatever the limit and whichever clips are there."""

    def test_more_questions_on_one_clip_are_numbered(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry(), entry(question="And then?"), entry(question="At last?")]})
        assert [s.id for s in load_folder(root)] == [f"{TASK}/clip_1", f"{TASK}/clip_1#2", f"{TASK}/clip_1#3"]

    def test_the_same_stem_in_two_folders_or_formats(self, make_folder: MakeFolder) -> None:
        clips = ("video/a/x.mp4", "video/b/x.mp4", "video/b/x.webm", "video/x#2.mp4")
        root = make_folder({TASK: [entry(video=clip) for clip in (clips[3], *clips[:3])]}, clips)
        ids = [sample.id for sample in load_folder(root)]
        assert ids == [f"{TASK}/x#2", f"{TASK}/x", f"{TASK}/x#3", f"{TASK}/x#4"]

    def test_a_skipped_entry_keeps_its_number(self, make_folder: MakeFolder) -> None:
        good = [entry(), entry(question="And then?"), entry(question="At last?")]
        bad = [entry(answer="up"), *good[1:]]
        whole = load_folder(make_folder({TASK: good}, at="whole"))
        less = load_folder(make_folder({TASK: bad}, at="less"))
        assert [s.id for s in less] == [s.id for s in whole][1:]
        assert less.skipped[0].id == whole[0].id

    def test_ids_without_a_clip_name(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [3, entry(video=None), entry(video="a\n\x1b[2Jb"), entry()]})
        assert [s.id for s in load_folder(root).skipped] == [
            f"{TASK}/entry-1",
            f"{TASK}/entry-2",
            f"{TASK}/a__[2Jb",
        ]


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
        with pytest.raises(SampleError, match=f"Unpack {TASK}.zip"):
            load_folder(root)

    def test_one_dead_task_is_listed_among_others_but_refused_by_name(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry()], "action_antonym": [entry(video="ntu.avi")]})
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
