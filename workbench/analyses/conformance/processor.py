"""Text and pixels against transformers' own processor, where the checkpoint and the machine have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analyses.conformance.asking import clip, must
from workbench.analyses.conformance.checks import check
from workbench.models.families.transformers_own import transformers_own

if TYPE_CHECKING:
    from workbench.models import VideoLLM

_NEAR = 1e-4
"""Of a pixel value, what another order of the same arithmetic may do."""


@check("as its processor reads it", "prompts and pixels that are not transformers'")
def as_its_processor(model: VideoLLM) -> str:
    """The video's text is what the checkpoint's processor writes, and the pixels are what it makes."""
    if model.family.guessed:
        return "it is read by its processor"
    theirs = transformers_own(model.checkpoint.config, model.folder)
    if theirs is None:
        return "transformers has no processor for it"
    for n_frames in (4, 5):
        shown = clip(n_frames)
        written = theirs.written(shown)
        how = {"placeholder": model.placeholder, "backend": "torch"}
        ours = model.family.video_inputs(model.config, model.pixels, shown, **how)  # type: ignore[arg-type]
        text = "".join(piece.text for piece in ours.pieces)
        must(text == written.text, f"{n_frames} frames: {text[:60]!r}, and {written.text[:60]!r} there")
        for name, value in ours.inputs.items():
            if name.startswith("pixel_values") and name in written.inputs:
                other = written.inputs[name]
                must(value.shape == other.shape, f"{name}: {tuple(value.shape)}, not {tuple(other.shape)}")
                apart = float((value.float() - other.float()).abs().max())
                must(apart <= _NEAR, f"{name}: pixels differ by {apart:.3g}")
    return ""
