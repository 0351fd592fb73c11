"""What can run elsewhere, and what is said where it cannot."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.engine import get_engine, logits
from workbench.errors import ModelError
from workbench.models import hosting, load
from workbench.models.checkpoints.folder import CheckpointFolder


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, None),
        (False, None),
        (True, "ndif"),
        ("local", "local"),
        ("http://here:8001", "http://here:8001"),
    ],
)
def test_places(given: Any, read: str | None) -> None:
    assert hosting.remote_of(given) == read


@pytest.mark.parametrize("wrong", ["nidf", 3, "ftp://here"])
def test_no_places(wrong: Any) -> None:
    with pytest.raises(ModelError, match="is no place that runs traces"):
        load(tiny_folder(), remote=wrong)


@pytest.mark.parametrize("more", [{"load_in": "4bit"}, {"adapter": "a/b"}, {"trust_remote_code": True}])
def test_weights_that_would_be_held_otherwise(more: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=f"{next(iter(more))}=.* exclude each other"):
        load(tiny_folder(), remote="local", **more)


def test_families_that_masks_alone_do_not_cut() -> None:
    with pytest.raises(ModelError, match="layers without softmax attention"):
        load(tiny_folder("qwen3_5"), device="cpu", remote="local")


def test_a_folder_is_known_to_no_server() -> None:
    with pytest.raises(ModelError, match="is no id on the hub"):
        load(tiny_folder(), device="cpu", remote=True)


def test_a_hosted_model_has_prompts_and_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    here = tiny_model()
    folder = CheckpointFolder("someone/a-model", tiny_folder())
    monkeypatch.setattr(sys.modules["workbench.models.loading"], "find", lambda *args, **kwargs: folder)
    model = load("someone/a-model", remote="http://127.0.0.1:9", dtype="float32")
    prompt = tiny_prompt(model)
    assert prompt.text == tiny_prompt(here).text
    with pytest.raises(ModelError, match="weights of someone/a-model are not here"):
        model.logits(prompt)
    with pytest.raises(ModelError, match=r"engine='incremental'.*Use engine='reference'"):
        get_engine("incremental").run(model, [])
    # Nothing listens there, and the hub need not be reached: the task is told.
    vars(model.nn)["task"] = "image-text-to-text"
    monkeypatch.setattr("nnsight.modeling.huggingface._ID_CACHE", {"someone/a-model": "someone/a-model"})
    with pytest.raises(ModelError, match=r"could not be run at http://127\.0\.0\.1:9"):
        logits(model, prompt)
