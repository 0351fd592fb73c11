"""Decoders that the three families do not have yet: they conform to the incremental engine as they are."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import MistralConfig, Phi3Config, Qwen3Config

from tests.models.hooks.cases import HEAD_DIM, case
from workbench.engine import get_engine
from workbench.interventions import NAMED_FLOWS, Flow, centred, knockouts

FLOWS = [Flow.parse(named.text) for named in NAMED_FLOWS if "option" not in named.text]


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("decoder", "options"),
    [
        (Qwen3Config, {"head_dim": HEAD_DIM}),
        (Phi3Config, {"pad_token_id": 0}),
        (MistralConfig, {"sliding_window": 6}),
    ],
    ids=["norms of q and k", "fused projections", "a sliding window in every layer"],
)
def test_a_new_decoder_conforms_without_code_of_its_own(
    decoder: Any, options: dict[str, Any], kind: Any
) -> None:
    of = case("llava_onevision", kind, decoder=decoder, **options)
    asked = knockouts(FLOWS, [centred(1), centred(3)], of.model.n_layers)
    found, expected = (
        get_engine(engine).outcomes(of.model, of.prompt, asked) for engine in ("incremental", "reference")
    )
    for knockout, one, two in zip(asked, found.changed, expected.changed, strict=True):
        assert one.p == pytest.approx(two.p, rel=1e-5), str(knockout)
