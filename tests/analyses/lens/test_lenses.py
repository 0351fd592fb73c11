"""What all lenses share: scores become a reading, and a lens knows its model."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import tiny_model
from workbench.analyses.lens.lenses import Unembedding, check_identity, model_identity, read_scores
from workbench.analyses.lens.unembedding import read_residual
from workbench.errors import ModelError, RunError


def test_scores_are_ranked_and_the_first_of_equal_words_is_ahead() -> None:
    scores = torch.tensor([[0.1, 0.7, 0.7, -1.0], [2.0, 0.0, 3.0, 1.0]])
    found = read_scores(scores, top_k=3, groups=[(0, 3), (2,)], what="Scores")
    assert found.top_ids.tolist() == [[1, 2, 0], [2, 0, 3]]
    assert found.top_p.tolist() == [[pytest.approx(p) for p in row] for row in ([0.7, 0.7, 0.1], [3, 2, 1])]
    assert found.group_p.tolist() == [[pytest.approx(0.1), pytest.approx(0.7)], [2, 3]]
    assert found.group_rank.tolist() == [[3, 1], [2, 1]]
    assert found.id_p.shape == (2, 3)
    assert read_scores(scores, top_k=1, groups=(), what="Scores").group_p.shape == (2, 0)


def test_scores_that_are_none_are_refused() -> None:
    with pytest.raises(RunError, match="knows 4 words"):
        read_scores(torch.zeros(1, 4), top_k=5, groups=(), what="Scores")
    with pytest.raises(ModelError, match="Scores are not finite"):
        read_scores(torch.tensor([[float("nan")]]), top_k=1, groups=(), what="Scores")


def test_the_logit_lens_keeps_the_norm_in_the_last_layer() -> None:
    model = tiny_model()
    residual = torch.randn(3, model.d_model, generator=torch.Generator().manual_seed(0))
    for norm, layer, expected in ((True, 1, True), (False, 1, False), (False, model.n_layers, True)):
        found = Unembedding(final_norm=norm).read(model, residual, layer)
        assert torch.equal(found.top_p, read_residual(model, residual, norm=expected).top_p)
    assert Unembedding().words_said(model, [5]) == {5: model.token_text(5)}
    assert Unembedding(final_norm=False).settings == {"final_norm": False}
    Unembedding().check(model)


def test_a_model_is_known_by_what_decides_its_numbers() -> None:
    model = tiny_model()
    known = model_identity(model)
    check_identity(known, model, what="lens", remedy="Make one.")
    for name in ("weights_sha256", "config_sha256", "tokenizer_sha256", "adapter_sha256", "load_in"):
        other = name.removesuffix("_sha256")
        with pytest.raises(ModelError, match=rf"lens was made for .* other {other}\. .*Make one\."):
            check_identity({**known, name: "other"}, model, what="lens", remedy="Make one.")
