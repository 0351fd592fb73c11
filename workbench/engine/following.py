"""A text behind a prompt, as a prompt of its own: what every engine that follows a text begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from workbench.engine.readout import probabilities
from workbench.errors import KnockoutError, PromptError
from workbench.interventions import Flow
from workbench.models.positions import check_length
from workbench.models.softmax import check_not_compiled
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.engine.protocol import TextRequest
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt


def with_text(model: VideoLLM, prompt: Prompt, token_ids: Sequence[int]) -> Prompt:
    """The prompt and every token behind it but the last, which nothing reads: rows named `generated`.

    Raises PromptError for a text without tokens, tokens outside the vocabulary or that stand for the video, a
    prompt that has a text already, or one that would be longer than the model allows.
    """
    if not token_ids:
        raise PromptError("The text has no tokens, so there is nothing to follow.")
    for token in token_ids:
        if not 0 <= token < model.vocab_size:
            raise PromptError(f"Token id {token} is outside the vocabulary of {model.vocab_size} tokens.")
    if model.video_token_id in token_ids[:-1]:
        raise PromptError(
            "The text has the token that stands for the video in it, and nothing to show there."
        )
    if "generated" in prompt.layout:
        raise PromptError("This prompt has a text behind it already. Give the prompt as it was encoded.")
    new = torch.tensor([list(token_ids[:-1])], dtype=torch.long, device=prompt.input_ids.device)
    ids = torch.cat([prompt.input_ids, new], dim=1)
    check_length(ids[0].tolist(), model.max_length, model.video_token_id, model.name)
    made = model.family.token_inputs(model.config, ids)
    inputs = {
        **prompt.inputs,
        "input_ids": ids,
        **{name: value.to(ids.device) for name, value in made.items()},
    }
    if (padding := prompt.inputs.get("attention_mask")) is not None:
        inputs["attention_mask"] = torch.cat([padding, padding.new_ones(new.shape)], dim=1)
    tokens = [model.token_text(token) for token in token_ids[:-1]] if prompt.layout.tokens else []
    layout = prompt.layout.with_generated(new.shape[1], tokens=tokens)
    return replace(prompt, inputs={name: inputs[name] for name in prompt.inputs}, layout=layout)


def check_text(model: VideoLLM, request: TextRequest) -> None:
    """Raises InterventionError or SpanError for what cannot act on the text, PromptError for tokens that are
    not those of the prompt, ModelError for a model that was compiled."""
    check_not_compiled(model.family.decoder_layers(model.structure))
    layout = request.prompt.layout
    written = request.prompt.input_ids[0, layout["generated"].tolist()].tolist()
    if list(request.token_ids[:-1]) != written:
        raise PromptError("The prompt has other tokens behind it than the text. Make it by `with_text`.")
    for knockout in request.knockouts:
        for cut in knockout.cuts:
            if request.own_step and not isinstance(cut.flow, Flow):
                raise KnockoutError(
                    f"'{cut}' is no flow, and flows alone can be cut at each token's own step."
                )
        knockout.check(layout, model.n_layers, model.n_heads)


@shaped
def token_probabilities(logits: Float[Tensor, "t vocab"], token_ids: Sequence[int]) -> Float[Tensor, " t"]:
    """Probability of each token in the logits of the row that predicts it. Raises NotFinite."""
    tokens = torch.tensor(token_ids, dtype=torch.long, device=logits.device)
    return probabilities(logits).gather(1, tokens[:, None])[:, 0]
