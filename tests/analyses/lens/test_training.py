"""Training brings a lens nearer to the last layer, on samples that it has not seen, and only where it may."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import workbench as wb
from tests.analyses.lens.made_lenses import tiny_samples
from tests.tiny import tiny_model
from workbench.analyses.lens.states import residual_states
from workbench.analyses.lens.training import LayerLoss, divergence
from workbench.errors import RunError

QUICK: dict[str, Any] = {"rows_per_sample": 24, "progress": False}


def test_a_trained_lens_is_nearer_to_the_last_layer_in_every_layer(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path, 4)
    lens = wb.tuned_lens(model, samples, epochs=30, held_out=0.25, **QUICK)
    loss: Any = lens.loss.pivot(index="layer", columns="lens", values="mean")
    assert list(lens.loss.columns) == list(LayerLoss._fields)
    assert loss.index.tolist() == [0, 1, 2, 3]
    assert set(lens.loss["n"]) == {1}
    assert (loss["tuned lens"] < 0.9 * loss["logit lens"]).all()


def test_the_seed_decides_the_maps(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path)
    first, again, other = (wb.tuned_lens(model, samples, epochs=1, seed=seed, **QUICK) for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_without_a_step_the_maps_are_the_identity_and_the_loss_that_of_the_logit_lens(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path)
    states = residual_states(model, samples, rows="question", progress=False)
    lens = wb.tuned_lens(model, samples, epochs=0, states=states, progress=False)
    assert not lens.weight.any()
    assert not lens.bias.any()
    loss: Any = lens.loss.pivot(index="layer", columns="lens", values="mean")
    assert (loss["tuned lens"] == loss["logit lens"]).all()
    assert lens.trained["rows"] == "question"


def test_the_loss_is_the_divergence_of_the_models_own_words() -> None:
    model = tiny_model("llava_onevision")
    draw = torch.Generator().manual_seed(0)
    ends, here = (torch.randn(5, model.d_model, generator=draw) for _ in range(2))
    head, norm = model.family.lm_head(model.hf), model.family.final_norm(model.hf)
    with torch.no_grad():
        p, q = (head(norm(part)).float().softmax(-1) for part in (ends, here))
        found = divergence(model, ends, here)
    torch.testing.assert_close(found, (p * (p / q).log()).sum(-1), rtol=1e-4, atol=1e-6)


def test_a_shuffled_lens_learns_less(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path, 4)
    told: dict[str, Any] = {"epochs": 30, "held_out": 0.25, **QUICK}
    real, control = (wb.tuned_lens(model, samples, shuffled=shuffled, **told) for shuffled in (False, True))
    assert control.name == "tuned lens, shuffled"
    near, far = (lens.loss.loc[lens.loss["lens"] == lens.name, "mean"] for lens in (real, control))
    assert (near.to_numpy() < far.to_numpy()).all()


def test_a_lens_in_a_file_is_read_and_not_trained_again(tmp_path, monkeypatch) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path)
    path = tmp_path / "out" / "lens.safetensors"
    made = wb.tuned_lens(model, samples, epochs=1, out=path, **QUICK)
    monkeypatch.setattr("workbench.analyses.lens.training._train", lambda *a: pytest.fail("trained again"))
    assert wb.tuned_lens(model, samples, epochs=1, out=path, **QUICK).sha256 == made.sha256
    with pytest.raises(RunError, match=r"other epochs\. Choose another file"):
        wb.tuned_lens(model, samples, epochs=2, out=path, **QUICK)
    with pytest.raises(RunError, match="other seed"):
        wb.tuned_lens(model, samples, epochs=1, seed=3, out=path, **QUICK)


def test_settings_that_cannot_work_are_refused(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path)
    for wrong, message in (
        ({"epochs": -1}, "epochs=-1"),
        ({"held_out": 1.0}, "held_out=1.0"),
        ({"seed": -1}, "seed=-1"),
        ({"rows_per_sample": 0}, "rows_per_sample=0"),
    ):
        with pytest.raises(RunError, match=message):
            wb.tuned_lens(model, samples, **{"progress": False, **wrong})  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"2 clips at least.*there is 1"):
        wb.tuned_lens(model, samples[:1], **QUICK)
    states = residual_states(model, samples, rows="last", progress=False)
    with pytest.raises(RunError, match="states are of 3 samples that are not these 2"):
        wb.tuned_lens(model, samples[:2], states=states, progress=False)
