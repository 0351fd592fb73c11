"""How long a prompt may be: the positions that a decoder's rotary embedding was made for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import PromptError


def most_positions(text: Any) -> int | None:
    """Most tokens of a prompt, from the config of a text decoder; None where the config does not say.

    `max_position_embeddings` is what the decoder was trained on, unless rotary positions are scaled
    (`rope_parameters`, in older files `rope_scaling`):

    - linear, dynamic: it is still the length before scaling, which reaches `factor` times as far (Chen et
      al. 2023; bloc97 2023).
    - yarn, llama3, longrope: `original_max_position_embeddings` is the length before scaling (where it is
      missing, `max_position_embeddings` is), and the reach `factor` times that. Authors write either length
      into `max_position_embeddings`: Qwen the original one, Llama 3.1 and Phi-3 the one that is reached. So
      the greater of both counts. Without a `factor`, as in Phi-3, it is the one that is reached.
    - default, and rotations by several axes (mrope): nothing is scaled.

    Where kinds of layers have rotary parameters of their own, those of full attention count: layers with a
    sliding window never see further than it.
    """
    length = getattr(text, "max_position_embeddings", None)
    if not isinstance(length, int):
        return None
    found = getattr(text, "rope_parameters", None)
    parameters: Any = found if isinstance(found, Mapping) else {}
    parameters = parameters.get("full_attention", parameters)
    if not isinstance(parameters, Mapping):
        return length
    factor, original = parameters.get("factor"), parameters.get("original_max_position_embeddings")
    scaled = parameters.get("rope_type") in ("linear", "dynamic", "yarn", "llama3", "longrope")
    if not scaled or not isinstance(factor, int | float) or not math.isfinite(factor):
        return length
    return max(length, int(factor * (original if isinstance(original, int) else length)))


def check_length(ids: Sequence[int], most: int | None, video_token: int, name: str) -> None:
    """Raises PromptError for a prompt of more than `most` tokens; `name` is the model's."""
    if most is not None and len(ids) > most:
        raise PromptError(
            f"The prompt has {len(ids)} tokens, {ids.count(video_token)} of them for the video, "
            f"and {name} takes at most {most} (max_position_embeddings, scaled as its "
            "rope says). Use fewer frames (frames=..), or smaller ones where the family allows it."
        )
