"""Activations of another prompt put in, as data: activation patching, or interchange intervention.

Vig et al. 2020 and Meng et al. 2022 (causal tracing), in the words of Heimersheim & Nanda 2024: where the
other prompt is the twin of this one, a clip that differs in what is asked about, its activations show what
suffices to turn the answer, or what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.errors import InterventionError, near_matches, shown
from workbench.interventions.protocol import Intervention
from workbench.prompts.spans import Span
from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout
    from workbench.prompts.prompt import Prompt

PATCH_SITES: Mapping[str, str] = MappingProxyType(
    {
        "projector": "projector.hook_out",
        "vision": "vision.{block}.hook_resid_post",
        "embed": "hook_embed",
        "resid_pre": "blocks.{block}.hook_resid_pre",
        "attn_out": "blocks.{block}.hook_attn_out",
        "z": "blocks.{block}.attn.hook_z",
        "resid_mid": "blocks.{block}.hook_resid_mid",
        "mlp_out": "blocks.{block}.hook_mlp_out",
        "resid_post": "blocks.{block}.hook_resid_post",
    }
)
"""Where activations can be put in, in forward order, and the hook point of each (blocks from 0)."""
WITHOUT_LAYERS = ("projector", "embed")
"""Sites that a model has once: their layer is 0."""
OF_FRAMES = ("projector", "vision")
"""Sites before the decoder, where whole frames are put in: (frame, patch, d)."""


def check_site(site: object) -> str:
    """The site itself. Raises InterventionError for a name that is none."""
    if not isinstance(site, str) or site not in PATCH_SITES:
        hint = near_matches(str(site), PATCH_SITES)
        raise InterventionError(
            f"site {shown(site)} is no place to put activations in.{hint} Sites: {', '.join(PATCH_SITES)}."
        )
    return site


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch(Intervention):
    """At one site and layer, rows of a span hold what they hold in another prompt.

    Raises InterventionError for an unknown site, or a layer or heads that it cannot have; SpanError for a
    span that no prompt can have.
    """

    kind: ClassVar[str] = "patch"
    site: str
    """Of PATCH_SITES. `embed` is what enters the decoder; `vision` the stream after a block of the tower."""
    layer: int = 0
    """From 1; for `vision` a block of the tower; 0 where the model has the site once (WITHOUT_LAYERS)."""
    span: str
    """The rows, a span expression; whole frames of the video where the site is one of OF_FRAMES."""
    source: Prompt = field(repr=False)
    """The prompt that the activations are taken from, untouched. It is compared by identity."""
    heads: tuple[int, ...] | None = None
    """Query heads, from 0, whose z is put in; None for all, and at other sites."""

    def __post_init__(self) -> None:
        check_site(self.site)
        object.__setattr__(self, "span", str(Span.parse(self.span)))
        if isinstance(self.layer, bool) or not isinstance(self.layer, int) or self.layer < 0:
            raise InterventionError(f"layer={shown(self.layer)}: give a whole number from 1.")
        if (self.layer == 0) != (self.site in WITHOUT_LAYERS):
            raise InterventionError(
                f"layer={self.layer} of {self.site!r}: a model has it once, so its layer is 0."
                if self.layer
                else f"{self.site!r} needs a layer, from 1."
            )
        if self.heads is None:
            return
        heads = tuple(self.heads)
        if self.site != "z" or not heads or len(set(heads)) < len(heads):
            raise InterventionError(
                f"heads={shown(self.heads)} of {self.site!r}: heads are put in at 'z' alone; give each "
                "number from 0 once, or None for all."
            )
        object.__setattr__(self, "heads", heads)

    @property
    def point(self) -> str:
        """The hook point of the activations."""
        return PATCH_SITES[self.site].format(block=self.layer - 1)

    @property
    def points(self) -> str:
        """A pattern of the site's hook points in all layers."""
        return PATCH_SITES[self.site].format(block="*")

    def __str__(self) -> str:
        heads = "" if self.heads is None else f" of heads {','.join(map(str, self.heads))}"
        layer = "" if self.site in WITHOUT_LAYERS else f" in layer {self.layer}"
        sample = self.source.sample
        return (
            f"{self.site}{heads}{layer} at {self.span} of {'another prompt' if sample is None else sample.id}"
        )

    def layers(self, n_layers: int) -> tuple[int, ...]:
        """See Intervention: none where the site lies before the decoder."""
        if self.site in (*WITHOUT_LAYERS, *OF_FRAMES):
            return ()
        if self.layer > n_layers:
            raise InterventionError(f"'{self}': this model has {n_layers} layers (1 to {n_layers}).")
        return (self.layer - 1,)

    @shaped
    def rows(self, layout: TokenLayout) -> Int[np.ndarray, " n"]:
        """The rows of the prompt that are changed, or that the changed frames have. Raises SpanError."""
        return layout[self.span]

    @shaped
    def frames(self, layout: TokenLayout) -> Int[np.ndarray, " n"]:
        """The frames that the span is made of, from 0. Raises InterventionError where these are not whole."""
        rows = self.rows(layout)
        whole = [t for t, unit in enumerate(layout.frames) if np.isin(unit, rows).all()]
        held = np.concatenate([layout.frames[t] for t in whole]) if whole else rows[:0]
        apart = np.setdiff1d(np.setdiff1d(rows, held), layout.spans["separator"])
        if apart.size or not whole:
            raise InterventionError(
                f"'{self}': {self.site} holds the clip's frames, and {self.span!r} is not made of whole "
                "ones. Name frames, such as frame[0:2] or video, or put cells in at 'embed'."
            )
        return np.array(whole)

    def check(self, layout: TokenLayout, n_layers: int, n_heads: int) -> None:
        """See Intervention. Both prompts must have the span in the same rows."""
        self.layers(n_layers)
        if self.heads is not None and not all(0 <= head < n_heads for head in self.heads):
            raise InterventionError(f"'{self}': this model has heads 0 to {n_heads - 1}.")
        rows, theirs = self.rows(layout), self.rows(self.source.layout)
        if not rows.size:
            raise InterventionError(f"'{self}': this span has no rows in the prompt.")
        if not np.array_equal(rows, theirs):
            raise InterventionError(
                f"'{self}': {self.span!r} is {_told(rows)} here and {_told(theirs)} in the prompt that the "
                "activations are taken from, so no row has a counterpart. Use prompts with the same rows "
                "there: as many frames of the same size, a question and options of as many tokens."
            )
        if self.site in OF_FRAMES:
            self.frames(layout)


def _told(rows: np.ndarray) -> str:
    return f"rows {rows[0]} to {rows[-1]} ({rows.size})" if rows.size else "no row at all"
