"""What every engine does, whatever way it takes: change something in prompts, follow one token of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from workbench.errors import RunError
from workbench.interventions import Intervention, Knockout
from workbench.shapes import Bool, Float

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt


class Baseline(NamedTuple):
    """The untouched model at the last row of the prompt."""

    token_id: int
    """The traced token: the one the model ranks first, unless the caller named another."""
    p: float
    """Its probability, softmax in float32."""


class Outcome(NamedTuple):
    """The model at the last row of the prompt after one intervention."""

    p: float
    """Probability of the traced token, softmax in float32."""
    top_id: int
    """The token that is now first."""
    top_p: float
    measured: tuple[float, ...] = ()
    """What the request's readouts found, in their order."""


class Outcomes(NamedTuple):
    """All results of one prompt."""

    baseline: Baseline
    changed: list[Outcome]
    """After each intervention, in the order given. Empty where the request's `wanted` said no."""
    noise_percent: float | None = None
    """How much the traced probability moves, in percent, when the untouched rows are only computed in another
    order: the largest of several ways. Smaller changes than this mean nothing. None where not asked for."""
    peak_bytes: int | None = None
    """Most memory that tensors took on the GPU, weights included; None on a CPU."""
    own_masks: Sequence[Bool[np.ndarray, "q k"] | None] = ()
    """Each layer's own mask, True where an edge is open; None where it is causal and no more."""

    @property
    def knockouts(self) -> list[Outcome]:
        """`changed`, by the name that suits where all interventions are knockouts."""
        return self.changed


class Readout(Protocol):
    """Something read off the logits of the last row, where they are: nothing of them leaves the device."""

    def __call__(
        self,
        base: Float[Tensor, " vocab"],
        changed: Float[Tensor, "intervention vocab"],
        token_id: int,
    ) -> Float[Tensor, "intervention number"]:
        """Numbers of each intervention, float64.

        Args:
            base: the untouched model's logits.
            changed: logits after interventions, some of the request's at a time.
            token_id: the traced token.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt, what to change in it, and what to read."""

    prompt: Prompt
    interventions: Sequence[Intervention]
    token_id: int | None = None
    """The token to follow; None is the one that the untouched model ranks first."""
    wanted: Callable[[int], bool] | None = None
    """Called with the traced token: where it says no, no intervention is run. None runs all."""
    noise: bool = False
    """Measure the noise floor too (Outcomes.noise_percent)."""
    readouts: Sequence[Readout] = ()
    """What to read beside the traced token's probability (Outcome.measured)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """A text behind a prompt, what to cut while it is written, and the probability of each of its tokens."""

    prompt: Prompt
    """With every token of the text but the last one behind it: `engine.following.with_text`."""
    token_ids: tuple[int, ...]
    """The text. The row of the prompt's `last` predicts the first token, each token's own row the next."""
    knockouts: Sequence[Knockout]
    own_step: bool = False
    """Cut the rows that write at one step at a time: each token is measured under a cut that acts in the
    prompt and where this token is predicted, whatever was written before it being untouched by cuts. Else a
    cut acts wherever its flow says: rows that are written inherit what `last` may not see."""


class Followed(NamedTuple):
    """Probabilities of the tokens of a text, given those before them; softmax in float32."""

    base: Float[np.ndarray, " t"]
    """By the untouched model."""
    changed: Float[np.ndarray, "knockout t"]
    """After each knockout. Where no row that it changes is read, exactly `base`."""


class Engine(ABC):
    """A way to run interventions. All engines give the reference engine's numbers, up to float rounding."""

    name: str
    runs: ClassVar[tuple[type[Intervention], ...]] = (Intervention,)
    """The kinds that it runs itself. It hands others to the reference engine, which runs all, and says so."""

    @abstractmethod
    def run(
        self, model: VideoLLM, requests: Sequence[Request], on_done: Callable[[int], object] | None = None
    ) -> list[Outcomes]:
        """Runs the untouched model and the interventions of every request; results in the requests' order.

        `on_done(n)` is called when n more interventions are done. Each is checked before the first is run:
        InterventionError, SpanError. Raises PromptError for a token outside the vocabulary, ModelError where
        probabilities are not finite.
        """

    def outcomes(
        self,
        model: VideoLLM,
        prompt: Prompt,
        interventions: Sequence[Intervention],
        *,
        token_id: int | None = None,
        on_done: Callable[[int], object] | None = None,
    ) -> Outcomes:
        """`run` for a single prompt."""
        request = Request(prompt=prompt, interventions=interventions, token_id=token_id)
        return self.run(model, [request], on_done)[0]

    def follow(
        self, model: VideoLLM, request: TextRequest, on_done: Callable[[int], object] | None = None
    ) -> Followed:
        """Every token of a text under every knockout; `on_done(n)` as in `run`.

        Raises InterventionError or SpanError for what cannot act, PromptError for tokens that do not fit the
        prompt, RunError where the engine follows no text.
        """
        raise RunError(f"engine={self.name!r} follows no text. Use engine='incremental' or 'reference'.")

    def at_once(self, model: VideoLLM, request: Request) -> int:
        """How many requests like this one are best run together. It depends on nothing but its arguments, so
        that a run that goes on after a stop forms the same groups."""
        return 1
