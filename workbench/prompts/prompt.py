"""A prompt: what the model is given, and which rows of it are what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from workbench.errors import PromptError
from workbench.prompts.layout import TokenLayout
from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.prompts.pixels import PixelSettings
    from workbench.video import Clip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Prompt:
    """One encoded question about one clip."""

    inputs: dict[str, Tensor]
    """Arguments of the Hugging Face forward, batch 1; no attention_mask, since nothing is padded."""
    layout: TokenLayout
    sample: Sample | None
    """The sample it was made from; None for a free question."""
    clip: Clip
    pixels: PixelSettings
    """What was done to the clip's frames: pictures of what the model saw are cropped alike."""
    text: str
    """The whole prompt as text, with the video placeholder once."""
    answer_ids: Mapping[str, tuple[int, ...]]
    """Option letter -> all token ids that the tokenizer has for that letter ("A", " A", ...)."""

    def __post_init__(self) -> None:
        """Raises PromptError for a batch: engines and caches read one row, and would leave others out."""
        ids = self.inputs.get("input_ids")
        if ids is not None and (ids.ndim != 2 or ids.shape[0] != 1):
            raise PromptError(
                f"input_ids have the shape {tuple(ids.shape)}, and a prompt is a batch of one, (1, rows). "
                "Make a Prompt of each row; `generate_batch` and the engines' `run` take several."
            )

    @property
    @shaped
    def input_ids(self) -> Int[Tensor, "1 s"]:
        """Token ids of a batch of one."""
        return self.inputs["input_ids"]

    def __len__(self) -> int:
        return self.layout.length

    def __repr__(self) -> str:
        name = "free question" if self.sample is None else self.sample.id
        return f"Prompt({name}: {self.layout.length} rows, {self.layout.n_frames} frames)"
