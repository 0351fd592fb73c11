"""Video-MME as the hub has it, with and without subtitles."""

from __future__ import annotations

import json
from pathlib import Path

from tests.data.benchmarks import videomme
from workbench.data import samples
from workbench.data.sample import Subtitle
from workbench.prompts import build_prompt


def test_fields(tmp_path: Path) -> None:
    root = videomme().write(tmp_path / "set")
    found = samples("videomme", root=root)
    assert found.counts() == {"temporal_reasoning": 3}
    one = found["temporal_reasoning/000-1"]
    assert (one.video.name, found[1].video.name, found[2].video.name) == ("v0.mp4", "v1.MP4", "v2.mkv")
    assert one.options == ("so.", "thus.", "no.", "yes.")
    assert one.answer == 1
    assert dict(one.facets) == {"duration": "short", "domain": "Knowledge", "sub_category": "Law"}
    assert one.subtitles == ()


def test_subtitles_on_the_screen_come_first(tmp_path: Path) -> None:
    root = videomme().write(tmp_path / "set")
    found = samples("videomme_subtitles", root=root)
    assert found[0].subtitles == (Subtitle(0.0, 0.5, "first words"), Subtitle(0.6, 9.0, "last words"))
    text = build_prompt(found[0], "videomme", times=(0.1, 0.55)).text
    assert text == (
        "This video's subtitles are listed below: \nfirst words\n"
        "Select the best answer to the following multiple-choice question based on the video and the "
        "subtitles. Respond with only the letter (A, B, C, or D) of the correct option.\n"
        "Why, 0?\nA. so.\nB. thus.\nC. no.\nD. yes.\nThe best answer is:"
    )
    assert "\nNo subtitles available\n" in build_prompt(found[1], "videomme", times=(0.1,)).text
    assert "subtitles are listed" not in build_prompt(samples("videomme", root=root)[0], times=(0.1,)).text
    assert found.fingerprint != samples("videomme", root=root).fingerprint


def test_a_bad_srt_spoils_its_own_questions_only(tmp_path: Path) -> None:
    made = videomme()
    made.beside["subtitle/v1.srt"] = "no times here"
    root = made.write(tmp_path / "set")
    found = samples("videomme_subtitles", root=root)
    assert [sample.id for sample in found] == ["temporal_reasoning/000-1", "temporal_reasoning/002-1"]
    assert "no srt file" in found.skipped[0].reason
    assert json.dumps(found.counts()) == '{"temporal_reasoning": 2}'
