"""The papers' settings: prompts as their code writes them, and what counts to a frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_clip, tiny_folder, tiny_model, tiny_sample
from tests.tiny.originals import WRITERS
from workbench.errors import ModelError, PromptError
from workbench.models import VideoLLM, load
from workbench.models.checkpoints.conversion import convert
from workbench.models.papers import PAPERS
from workbench.runs.settings import model_settings
from workbench.video import parse_sampling

SAYS = {"pllava": "llava_next"}
QUESTION = "Question: Which direction does the red circle move?\nOptions:\n(A) left\n(B) right\n(C) up"
WATCH = (
    "Carefully watch the video and pay attention to the cause and sequence of events, the detail and "
    "movement of objects, and the action and pose of persons. Based on your observations, select the best "
    "option that "
    "accurately addresses the question.\n"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoLLM]:
    """Tiny converted checkpoints of the papers' models, with the papers' settings."""
    place = tmp_path_factory.mktemp("papers")
    found = {}
    for name in ("pllava", "llava_video", "mini_internvl", "internvideo2_5", "videollama3", "longva"):
        WRITERS[name](place / name)
        found[name] = load(convert(place / name, place / f"{name}-out"), device="cpu", setting="paper")
    return found


def written(model: VideoLLM, n_frames: int = 4) -> str:
    return model.encode(tiny_sample(), clip=tiny_clip(n_frames)).text


def test_every_converted_checkpoint_knows_its_papers_setting(models: dict[str, VideoLLM]) -> None:
    for name, model in models.items():
        assert model.setting is PAPERS[SAYS.get(name, name)]


def test_pllavas_prompt_is_map_the_flows(models: dict[str, VideoLLM]) -> None:
    """conv_eval_mvbench.get_prompt() after user_query(question, None, "\\nOnly give the best option.")."""
    assert written(models["pllava"]) == (
        f"{WATCH} USER: <image>\n USER: {QUESTION} \nOnly give the best option. ASSISTANT:Best option:("
    )


def test_mini_internvls_prompt_is_map_the_flows(models: dict[str, VideoLLM]) -> None:
    """conv_eval_mvbench_phi3."""
    assert written(models["mini_internvl"]) == (
        f"{WATCH} <|user|>\n<img><IMG_CONTEXT></img>\n <|user|>\n{QUESTION} \nOnly give the best option. "
        "<|assistant|>\nBest option:("
    )


def test_videollama3s_prompt_is_map_the_flows(models: dict[str, VideoLLM]) -> None:
    assert written(models["videollama3"]) == (
        f"<|im_start|>user\n<|video_pad|>\n{QUESTION}\nAnswer with the option's letter from the given "
        "choices directly and only give the best option.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_videollama3s_frames_hold_their_time_and_comma(models: dict[str, VideoLLM]) -> None:
    layout = models["videollama3"].encode(tiny_sample(), clip=tiny_clip()).layout
    first, second = ("".join(layout.tokens[row] for row in layout[f"frame[{t}]"]) for t in (0, 1))
    assert first.startswith("Time 0.2s:<|video_pad|>")
    assert second.startswith(",Time 0.8s:<|video_pad|>")


def test_llava_video_is_told_the_times_of_its_frames(models: dict[str, VideoLLM]) -> None:
    text = written(models["llava_video"])
    assert (
        "<video>\nThe video lasts for 2.00 seconds, and 4 frames are uniformly sampled from it. These "
        "frames are located at 0.25s,0.75s,1.25s,1.75s.Please answer the following questions related to "
        "this video.\n"
        "Which direction does the red circle move?\nA. left\n"
    ) in text
    with pytest.raises(PromptError, match="says how long the video is"):
        models["llava_video"].encode(tiny_sample(), clip=replace(tiny_clip(), duration=None))


def test_longva_is_told_nothing(models: dict[str, VideoLLM]) -> None:
    assert "<|im_start|>user\n<video>\nWhich direction" in written(models["longva"])


def test_internvideo_numbers_its_frames(models: dict[str, VideoLLM]) -> None:
    text = "".join(models["internvideo2_5"].encode(tiny_sample(), clip=tiny_clip()).layout.tokens)
    assert "<|im_start|>user\nFrame1: <img><IMG_CONTEXT>" in text
    assert text.count("Frame") == 4


def test_what_is_asked_for_goes_before_the_papers(models: dict[str, VideoLLM]) -> None:
    model = models["pllava"]
    turn = model.turn
    text = model.encode(tiny_sample(), clip=tiny_clip(), style="letter", turn=turn).text
    assert text.startswith("USER: <image>\n USER: Which direction")
    assert "Best option" not in text


def test_open_questions_have_no_style_of_the_papers(models: dict[str, VideoLLM]) -> None:
    sample = tiny_sample().open_ended()
    text = models["pllava"].encode(sample, clip=tiny_clip()).text
    assert "Options" not in text
    assert text.endswith("ASSISTANT:The red circle moves")


def test_frames_are_the_papers(
    models: dict[str, VideoLLM], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A sample's clip, and a path, are read with the paper's rule; a number of frames goes before it."""
    asked: list[object] = []
    monkeypatch.setattr(
        "workbench.video.read_clip", lambda video, frames, **more: asked.append(frames) or tiny_clip()
    )
    model = models["videollama3"]
    model.encode(tiny_sample())
    model.encode(tmp_path / "clip.mp4", "What moves?")
    model.encode(tiny_sample(), frames=4)
    assert asked == ["uniform(8)", "uniform(8)", 4]


@pytest.mark.parametrize("name", PAPERS)
def test_every_setting_names_a_rule_for_frames(name: str) -> None:
    rule = parse_sampling(PAPERS[name].frames)
    count = 8 if PAPERS[name].paper == "Map the Flow" else 32
    assert len(rule.indices(400, 25.0)) == count
    assert (rule.indices(400, 25.0)[0] == 0) == ("uniform" in PAPERS[name].frames)
    assert np.all(np.diff(rule.indices(400, 25.0)) > 0)


def test_a_run_notes_the_setting(models: dict[str, VideoLLM]) -> None:
    assert model_settings(models["pllava"])["setting"] == "llava_next"
    assert "setting" not in model_settings(tiny_model())


def test_a_checkpoint_that_no_paper_ran_is_refused() -> None:
    with pytest.raises(ModelError, match=r"no paper's setting is known .*qwen2_5_vl.*Known are llava_next"):
        load(tiny_folder("qwen2_5_vl"), device="cpu", setting="paper")
    with pytest.raises(ModelError, match="setting='papers' is unknown"):
        load(tiny_folder("qwen2_5_vl"), device="cpu", setting="papers")  # type: ignore[arg-type]
