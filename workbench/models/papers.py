"""How the papers ran their checkpoints: frames, words, what stands around them, and what counts to a frame.

Map the Flow (Kim et al. 2026) as in its code: tasks/eval/eval_utils.py (conv_templates), tasks/eval/mvbench
and videollama3/evaluation/benchmarks/tvbench.py. An Empirical Study (2026) has no public code: 32 frames at
equal distance, asked as lmms-eval does, in each model's own conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError, PromptError, shown
from workbench.prompts.assembly import Separators
from workbench.prompts.pixels import Backend
from workbench.prompts.styles import STYLES, Style
from workbench.prompts.turn import Turn

if TYPE_CHECKING:
    from workbench.models.families import Family
    from workbench.video import Clip

_WATCH = (
    "Carefully watch the video and pay attention to the cause and sequence of events, the detail and "
    "movement of objects, and the action and pose of persons. Based on your observations, select the best "
    "option that accurately addresses the question.\n"
)
_MVBENCH = replace(
    STYLES["mvbench"],
    name="mvbench, Map the Flow",
    # Their code joins question and instruction with a space.
    instruction=" \nOnly give the best option.",
)
_LETTER_ONLY = Style(
    name="tvbench, VideoLLaMA3",
    description="Map the Flow's question to VideoLLaMA3: options as '(A) ..', answered with the letter alone",
    before_question="Question: ",
    before_options="\nOptions:\n",
    instruction=(
        "\nAnswer with the option's letter from the given choices directly and only give the best option."
    ),
)
_CHATML = Turn(
    opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
    bridge="\n",
    closing="<|im_end|>\n<|im_start|>assistant\n",
    answer_gap="",
)
_SHANGHAI = (
    "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学"
    "及多家合作单位联合开发的多模态大语言模型。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSetting:
    """How a paper ran a checkpoint: the defaults of `encode` where load was given setting="paper"."""

    name: str
    paper: str
    frames: str
    """As `video.parse_sampling` reads it."""
    style: Style
    """For questions with options."""
    turn: Turn
    separators: Separators = "video"
    backend: Backend = "pil"
    tells_times: bool = False
    """Whether the prompt says how long the video is and where its frames lie."""

    def turn_of(self, clip: Clip) -> Turn:
        """What stands around the question about this clip. Raises PromptError."""
        if not self.tells_times:
            return self.turn
        if clip.duration is None:
            raise PromptError(
                "The paper's prompt says how long the video is, and this clip does not (Clip.duration). "
                "Read it from a file, or give its duration."
            )
        times = ",".join(f"{second:.2f}s" for second in clip.timestamps)
        said = (
            f"The video lasts for {clip.duration:.2f} seconds, and {len(clip)} frames are uniformly sampled "
            f"from it. These frames are located at {times}.Please answer the following questions related to "
            "this video.\n"
        )
        return self.turn._replace(bridge=self.turn.bridge + said)


def _flow(name: str, turn: Turn, **more: Any) -> PaperSetting:
    settings = {"frames": "midpoints(8)", "style": _MVBENCH, **more}
    return PaperSetting(name=name, paper="Map the Flow", turn=turn, **settings)


def _study(name: str, turn: Turn = _CHATML, **more: Any) -> PaperSetting:
    settings = {"frames": "uniform(32)", "style": STYLES["letter"], **more}
    return PaperSetting(name=name, paper="An Empirical Study", turn=turn, **settings)


PAPERS: dict[str, PaperSetting] = {
    setting.name: setting
    for setting in (
        _flow(
            "llava_next",
            Turn(opening=f"{_WATCH} USER: ", bridge="\n USER: ", closing=" ASSISTANT:", answer_gap=""),
        ),
        _flow(
            "mini_internvl",
            Turn(
                opening=f"{_WATCH} <|user|>\n<img>",
                bridge="</img>\n <|user|>\n",
                closing=" <|assistant|>\n",
                answer_gap="",
            ),
        ),
        _flow(
            "videollama3",
            Turn(
                opening="<|im_start|>user\n",
                bridge="\n",
                closing="<|im_end|>\n<|im_start|>assistant\n",
                answer_gap="",
            ),
            frames="uniform(8)",
            style=_LETTER_ONLY,
            # Their frames begin at the comma and include "Time ..s:".
            separators="frame",
        ),
        _study("longva"),
        _study("llava_video", tells_times=True),
        _study("llava_onevision"),
        _study("llava_next_video_32b"),
        _study(
            "internvideo2_5",
            _CHATML._replace(opening=f"<|im_start|>system\n{_SHANGHAI}<|im_end|>\n<|im_start|>user\n"),
        ),
    )
}
"""The papers' settings by the name that a config gives (`paper_setting`), or else its family."""


def paper_setting(family: Family, config: Any) -> PaperSetting:
    """The setting in which a paper ran this checkpoint. Raises ModelError where none did."""
    name = getattr(config, "paper_setting", None) or family.paper_setting
    if name is None or name not in PAPERS:
        raise ModelError(
            f"setting='paper': no paper's setting is known for this checkpoint ({family.model_type}, "
            f"paper_setting {shown(name)}). Known are {', '.join(PAPERS)}. Leave setting= out, or name one "
            "as paper_setting in config.json."
        )
    return PAPERS[name]


def default_separators(family: Family, setting: PaperSetting | None) -> Separators:
    """What is counted to a frame where nobody says: as in a model's setting, or else its family."""
    return family.default_separators if setting is None else setting.separators
