"""torch's defaults of a session reach nothing: every number is the same to the last bit."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from tests.tiny import DECODER_NAMES, FamilyName, tiny_folder, tiny_prompt
from workbench.engine import ENGINES
from workbench.interventions import Knockout
from workbench.mini.render import backdrops
from workbench.models.defaults import fresh_defaults, under_fresh_defaults
from workbench.planted import N_FRAMES, planted_sample, save_planted, staged


@contextmanager
def half() -> Iterator[None]:
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Every tensor that names no device lies on one that holds no numbers."""
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


SESSIONS = {"bfloat16": half, "another device": elsewhere}
Session = Callable[[], Any]


@pytest.fixture(params=SESSIONS)
def session(request: pytest.FixtureRequest) -> Session:
    return SESSIONS[request.param]


def everything(family: FamilyName) -> dict[str, torch.Tensor]:
    """A model loaded and used in all ways: pixels, logits, hooks, answers."""
    model = wb.load(tiny_folder(family), device="cpu")
    prompt = tiny_prompt(model)
    logits, cache = model.run_with_cache(prompt)
    written = [
        model.generate(prompt, 4),
        model.generate(prompt, 4, knockout="video -> last in layers 1..2"),
    ]
    with model.trace(prompt):
        output = model.nn.output.save()  # type: ignore[attr-defined]
    assert logits is not None
    cuts = [Knockout.parse("video -> last in layers 1..2"), Knockout.parse("question -> last in layers 2..4")]
    ran = {
        name: [outcome.p for outcome in engine.outcomes(model, prompt, cuts).changed]
        for name, engine in ENGINES.items()
        if any(issubclass(Knockout, kind) for kind in engine.runs)
    }
    return {
        **{name: torch.tensor(values, dtype=torch.float64, device="cpu") for name, values in ran.items()},
        **{f"input {name}": value for name, value in prompt.inputs.items()},
        **{name: cache[name] for name in cache},
        **{f"buffer {name}": value for name, value in model.hf.named_buffers()},
        "logits": logits,
        "plain logits": model.logits(prompt),
        "traced": output.logits,
        "written": torch.from_numpy(np.array([ord(letter) for letter in "|".join(written)])),
    }


@pytest.mark.parametrize("family", DECODER_NAMES)
def test_a_sessions_defaults_reach_no_part_of_a_model(family: FamilyName, session: Session) -> None:
    expected = everything(family)
    with session():
        found = everything(family)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert found[name].device == value.device, name
        assert torch.equal(found[name], value), name


def measured(folder: Path, sample: wb.Sample) -> dict[str, str]:
    """Tables of every analysis that runs a model, as text of all digits."""
    model = wb.load(folder, device="cpu")
    options: dict[str, Any] = {"frames": N_FRAMES, "progress": False}
    flows = ["video -> last", "question -> last"]
    # Half precision sends the incremental engine another way.
    other = wb.load(folder, device="cpu", dtype="bfloat16")
    tables = {
        engine: wb.sweep(model, [sample], flows, wb.centred(3), engine=engine, **options).table
        for engine in ("incremental", "reference")
    }
    tables["bfloat16"] = wb.sweep(other, [sample], flows, wb.centred(3), **options).table
    prompt = model.encode(sample, frames=N_FRAMES)
    lens = wb.logit_lens(model, prompt)
    tables["lens"] = lens.table
    maps = wb.attention_maps(model, prompt)
    tables["maps"] = maps.table
    tables["probability"] = wb.answer_probability(model, [sample], **options).table
    return {name: json.dumps(table.to_dict("list"), default=str) for name, table in tables.items()}


def test_a_sessions_defaults_reach_no_table(tmp_path: Path, session: Session) -> None:
    folder, sample = save_planted(staged(2, 4, 5), tmp_path / "model"), planted_sample(tmp_path, "A")
    expected = measured(folder, sample)
    with session():
        assert measured(folder, sample) == expected


def test_a_sessions_defaults_reach_no_clip_of_the_embedded_world(session: Session) -> None:
    expected = backdrops(16)
    with session():
        assert torch.equal(backdrops(16), expected)
    assert expected.dtype == torch.float32


def test_defaults_are_as_they_were_afterwards() -> None:
    with half():
        with pytest.raises(ZeroDivisionError):
            under_fresh_defaults(lambda: 1 / 0)()
        with fresh_defaults():
            assert torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == torch.bfloat16
    with elsewhere():
        assert under_fresh_defaults(lambda: torch.zeros(1))().device.type == "cpu"
        assert torch.zeros(1).device.type == "meta"


def test_a_copy_of_a_model_runs_its_own_weights() -> None:
    model = wb.load(tiny_folder(), device="cpu")
    prompt = tiny_prompt(model)
    before = model.logits(prompt)
    other = copy.deepcopy(model.hf)
    with torch.no_grad():
        other.lm_head.weight.zero_()  # type: ignore[union-attr]
        assert not other(**prompt.inputs).logits.any()  # type: ignore[operator]
    assert torch.equal(model.logits(prompt), before)
