"""Video-LLaVA: the class token before each frame's patches."""

from __future__ import annotations

from tests.models.families.recorded import check_pixels
from tests.tiny import tiny_model, tiny_prompt


def test_pixels_are_those_of_the_video_processor() -> None:
    one = [0.4121, 1.363793, -0.056219, 0.13473]
    check_pixels("video_llava", 3, (1, 3, 3, 28, 28), one, 1321.903, 3416.462)
    two = [0.4121, -0.259428, -0.581491, 0.339949]
    check_pixels("video_llava", 5, (1, 5, 3, 28, 28), two, 2220.907, 5711.367)


def test_the_class_token_stands_before_its_frame_and_is_counted_to_it() -> None:
    model = tiny_model("video_llava")
    own, apart = tiny_prompt(model).layout, tiny_prompt(model, separators="video").layout
    for unit in range(4):
        first, *rest = own[f"frame[{unit}]"].tolist()
        assert first in own["separator"]
        assert apart[f"frame[{unit}]"].tolist() == rest == own[f"cell[{unit},:,:]"].tolist()
