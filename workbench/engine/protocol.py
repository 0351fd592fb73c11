"""What every engine does, whatever way it takes: run the knockouts of one prompt, follow one token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from workbench.interventions import Knockout

if TYPE_CHECKING:
    from workbench.models.prompt import Prompt
    from workbench.models.video_llm import VideoLLM


class Baseline(NamedTuple):
    """The untouched model at the last row of the prompt."""

    token_id: int
    """The traced token: the one the model ranks first, unless the caller named another."""
    p: float
    """Its probability, softmax in float32."""


class Outcome(NamedTuple):
    """The model at the last row of the prompt after one knockout."""

    p: float
    """Probability of the traced token, softmax in float32."""
    top_id: int
    """The token that is now first."""
    top_p: float


class Outcomes(NamedTuple):
    """All results of one prompt, knockouts in the order given."""

    baseline: Baseline
    knockouts: list[Outcome]


class Engine(Protocol):
    """A way to run knockouts. All engines give the reference engine's numbers, up to float rounding."""

    name: str

    def outcomes(
        self,
        model: VideoLLM,
        prompt: Prompt,
        knockouts: Sequence[Knockout],
        *,
        token_id: int | None = None,
        on_done: Callable[[int], object] | None = None,
    ) -> Outcomes:
        """Runs the untouched model and every knockout. `on_done(n)` is called when n more knockouts are done.

        Every knockout is checked before the first is run: KnockoutError, SpanError.
        """
        ...
