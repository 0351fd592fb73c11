"""What a viewer is told: the numbers of the analyses, and the library's own messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from tests.tiny import FAMILY_NAMES, tiny_model, tiny_prompt, tiny_sample
from workbench.analyses.attention.maps import attention_maps
from workbench.engine import last_logits
from workbench.errors import ModelError, WindowError
from workbench.interventions import Knockout
from workbench.widgets import Exploration, view
from workbench.widgets.view import _viewer_class

CUT = "frames -> later frames in layers 2..3"


def unpacked(given: bytes, layers: int) -> np.ndarray:
    return np.frombuffer(given, dtype="<f2").reshape(layers, -1)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_maps_are_those_of_the_analysis_and_zeros_stay_zeros(family) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    last_frame = prompt.layout[f"frame[{prompt.layout.n_frames - 1}]"].tolist()
    knockout = Knockout.parse(CUT)
    found = Exploration(model, prompt).result(last_frame, 1, knockout)
    for given, cut in ((found["weights"], None), (found["cut"]["weights"], knockout)):
        expected = attention_maps(model, prompt, last_frame, heads=1, knockout=cut).weights
        np.testing.assert_allclose(unpacked(given, 4), expected, rtol=6e-4, atol=1e-7)
        if cut is not None:
            assert (unpacked(given, 4)[1:3, prompt.layout["frame[0]"]] == 0).all()


def test_answers_are_the_models_own() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    knockout = Knockout.parse(CUT)
    found = Exploration(model, prompt).result("last", "mean", knockout)
    for answer, cut in ((found["answer"], None), (found["cut"]["answer"], knockout)):
        p = last_logits(model, prompt, cut).float().softmax(-1)
        assert answer["top"][0]["p"] == pytest.approx(float(p.max()), rel=1e-5)
        assert [option["true"] for option in answer["options"]] == [False, True, False]
        letters = prompt.answer_ids["B"]
        assert answer["options"][1]["p"] == pytest.approx(float(p[list(letters)].sum()), rel=1e-5)
        assert answer["options"][1]["text"] == "(B) right"


def test_what_was_asked_once_is_not_computed_again() -> None:
    model = tiny_model()
    exploration = Exploration(model, tiny_prompt(model))
    runs: list[int] = []
    handle = model.family.embed(model.hf).register_forward_pre_hook(lambda *_: runs.append(1))
    exploration.result(9, "mean", Knockout.parse(CUT))
    assert len(runs) == 4, "maps and answer, untouched and cut"
    exploration.result(9, "max", Knockout.parse(CUT))
    exploration.result(9, 2)
    assert len(runs) == 4
    exploration.result(10, 2)
    assert len(runs) == 5
    handle.remove()


class TestWidget:
    """The Python half of the widget, without a browser."""

    def viewer(self, **settings: Any) -> Any:
        model = tiny_model()
        return view(model, tiny_prompt(model), **settings)

    def test_it_shows_the_last_row_at_once(self) -> None:
        viewer = self.viewer()
        assert viewer.result["id"] == viewer.request["id"] == 0
        assert viewer.result["query"] == "last"
        assert viewer.result["cut"] is None

    def test_a_request_is_answered_with_its_id(self) -> None:
        viewer = self.viewer(heads=1)
        viewer.request = {**viewer.request, "id": 1, "rows": [9], "cut": True, "heads": "2"}
        assert viewer.result["id"] == 1
        assert viewer.result["rows"] == [9]
        assert viewer.result["heads"] == "2"
        assert viewer.result["cut"]["text"].endswith("in layers 1..4")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"flow": "vidio -> last"}, "Did you mean 'video'"),
            ({"first": 3, "last": 9}, "has 4 layers"),
            ({"first": 4, "last": 2}, "reversed"),
            ({"flow": "question -> video"}, "Did you mean 'video -> question'"),
        ],
    )
    def test_mistakes_are_told_and_the_maps_stay(self, change, message) -> None:
        viewer = self.viewer()
        before = viewer.result["weights"]
        viewer.request = {**viewer.request, "id": 5, "cut": True, **change}
        assert viewer.result["id"] == 5
        assert message in viewer.result["error"]
        assert viewer.result["weights"] == before
        viewer.request = {**viewer.request, "id": 6, "cut": False}
        assert viewer.result["error"] == ""

    def test_a_defect_is_shown_and_raised(self, monkeypatch) -> None:
        viewer = self.viewer()
        monkeypatch.setattr(viewer.exploration, "result", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            viewer.request = {**viewer.request, "id": 2}
        assert "ZeroDivisionError" in viewer.result["error"]

    def test_samples_are_encoded(self, tmp_path) -> None:
        model = tiny_model()
        with pytest.raises(wb.errors.ClipError):
            view(model, tiny_sample())
        with pytest.raises(WindowError):
            view(model, tiny_prompt(model), layers=9)

    def test_without_anywidget_it_says_what_to_install(self, monkeypatch) -> None:
        import importlib

        real = importlib.import_module

        def without(name: str, *rest: Any) -> Any:
            if name == "anywidget":
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(importlib, "import_module", without)
        _viewer_class.cache_clear()
        with pytest.raises(ModelError, match="pip install anywidget"):
            self.viewer()
        monkeypatch.undo()
        assert self.viewer().result["error"] == ""


def test_weights_keep_three_digits() -> None:
    """float16 is enough for every weight that a colour can show."""
    weights = torch.logspace(-4, 0, 200).numpy()[None]
    from workbench.pages.sample.exploration import packed

    np.testing.assert_allclose(unpacked(packed(weights), 1), weights, rtol=6e-4)
