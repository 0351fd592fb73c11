"""What a viewer is told: the numbers of the analyses, and the library's own messages."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import workbench as wb
from tests.tiny import FAMILY_NAMES, tiny_clip, tiny_model, tiny_prompt, tiny_sample, whole_frames
from workbench.analyses.attention.maps import attention_maps
from workbench.analyses.lens.keywords import KeywordList
from workbench.analyses.lens.logit_lens import logit_lens
from workbench.engine import last_logits
from workbench.errors import ModelError, RunError, WindowError
from workbench.figures.keywords import LIST_STYLES
from workbench.figures.parts.template import FLOW_STYLES, line_styles
from workbench.interventions import MTF_FLOWS, Knockout
from workbench.pages.sample.document import DASHES
from workbench.runs import Run
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


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_document_is_whole_and_plain_json(family) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    document = json.loads(json.dumps(Exploration(model, prompt, layers=(2, 4)).document))
    assert document["layers"] == [2, 4]
    assert document["depth"] == 4
    assert len(document["frames"]) == 4
    units = prompt.layout.n_frames
    assert [frame["unit"] for frame in document["frames"]] == [index * units // 4 for index in range(4)]
    t, i, j = units - 1, 1, 0
    rows, columns = document["grid"]
    assert document["cells"][(t * rows + i) * columns + j] == prompt.layout[f"cell[{t},{i},{j}]"][0]
    shown = [entry["row"] for entry in document["tokens"] if "row" in entry]
    blocks = [entry for entry in document["tokens"] if "first" in entry]
    assert len(blocks) == 1
    hidden = range(blocks[0]["first"], blocks[0]["last"] + 1)
    assert sorted([*shown, *hidden]) == list(range(len(prompt)))
    assert {entry["kind"] for entry in document["tokens"]} <= {kind["name"] for kind in document["kinds"]}
    spans = [row for span in document["spans"] for row in span["rows"]]
    assert sorted(spans) == list(range(len(prompt)))


def test_frames_are_those_that_this_prompt_was_made_of() -> None:
    model = tiny_model()  # it crops the frames of 36 x 48 pixels to squares
    usual, whole = (
        Exploration(model, tiny_prompt(model, pixels=pixels)).document["frames"][0]
        for pixels in (None, whole_frames(model))
    )
    assert (usual["width"], usual["height"]) == (28, 28)
    assert (whole["width"], whole["height"]) == (48, 36)


def test_a_run_gives_the_samples_own_curves() -> None:
    model, sample, clip = tiny_model(), tiny_sample(), tiny_clip()
    prompt = model.encode(sample, clip=clip)
    rows = [
        {
            "sample_id": name,
            "flow": "video -> last",
            "window": window,
            "layer": layer,
            "change_percent": value,
        }
        for name, shift in ((sample.id, 0), ("other", 50))
        for window, layers in (("centred(1)", (1, 2)), ("all_layers()", (0,)))
        for layer, value in zip(layers, (-5.0 - shift, -6.0), strict=False)
    ]
    run = fake_run(rows)
    curves = Exploration(model, prompt, run=run).document["curves"]
    assert curves["windows"] == "centred(1)"
    assert [line["points"] for line in curves["lines"]] == [[[1, -5.0], [2, -6.0]]]
    with pytest.raises(RunError, match="no effects of the sample"):
        Exploration(model, prompt, run=fake_run(rows[3:]))
    with pytest.raises(RunError, match="no curve"):
        Exploration(model, prompt, run=fake_run(rows[2:3]))
    with pytest.raises(RunError, match="free question"):
        Exploration(model, model.encode(clip, "What moves?"), run=run)


def test_many_flows_are_parted_so_that_lines_can_be_told_apart() -> None:
    model, sample = tiny_model(), tiny_sample()
    rows = [
        {"sample_id": sample.id, "flow": flow, "window": "centred(1)", "layer": layer, "change_percent": -1.0}
        for flow in MTF_FLOWS
        for layer in (1, 2)
    ]
    prompt = model.encode(sample, clip=tiny_clip())
    lines = Exploration(model, prompt, run=fake_run(rows)).document["curves"]["lines"]
    assert len(lines) == len(MTF_FLOWS)
    assert len({line["group"] for line in lines}) == 3
    assert len({(line["group"], line["color"], line["dash"]) for line in lines}) == len(lines)
    few = Exploration(model, prompt, run=fake_run(rows[:6])).document["curves"]["lines"]
    assert {line["group"] for line in few} == {""}


def test_every_dash_of_the_figures_is_known() -> None:
    assert {style.dash for style in (*FLOW_STYLES.values(), *LIST_STYLES)} <= set(DASHES)
    assert {style.dash for style in line_styles(map(str, range(20))).values()} <= set(DASHES)


def fake_run(rows: list[dict[str, Any]]) -> Any:
    none = pd.DataFrame()
    return Run(
        table=pd.DataFrame(rows), samples=none, skipped=none, manifest={"finished": None, "settings": {}}
    )


KEYWORDS = KeywordList(name="moves", words=("left", "right"))


class TestLens:
    """The word of each cell, and the answer at the last row, are those of the analyses."""

    @pytest.mark.parametrize("family", FAMILY_NAMES)
    def test_each_cell_has_its_likeliest_word_and_list(self, family) -> None:
        model = tiny_model(family)
        prompt = tiny_prompt(model)
        lens = logit_lens(model, prompt, top_k=2, keywords=KEYWORDS, progress=False)
        table: Any = lens.table
        table.loc[table["row"] % 3 == 0, "keyword_list"] = "moves"  # a random model says none by itself
        words = Exploration(model, prompt, layers=(2, 4), lens=lens).document["words"]
        shape = (2, prompt.layout.n_frames, *(prompt.layout.grid or ()))
        numbers = np.asarray(words["cells"]).reshape(shape)
        assert [name["text"] for name in words["names"]] == ["moves"]
        rows: list[Any] = [
            row
            for row in table.itertuples()
            if row.rank == 1 and row.layer in (2, 4) and pd.notna(row.cell_row)  # no separators
        ]
        assert len(rows) == numbers.size
        for row in rows:
            number = numbers[(2, 4).index(row.layer), row.frame, row.cell_row, row.cell_column]
            assert words["texts"][number] == (row.token.strip() or "␣")
            assert words["lists"][number] == (0 if row.keyword_list else -1)

    def test_it_can_be_read_on_the_spot(self) -> None:
        model = tiny_model()
        prompt = tiny_prompt(model)
        ready = Exploration(model, prompt, lens=logit_lens(model, prompt, progress=False)).document["words"]
        assert Exploration(model, prompt, lens=True).document["words"] == ready
        assert ready["names"] == []
        assert Exploration(model, prompt).document["words"] is None

    def test_a_lens_of_something_else_is_refused(self) -> None:
        model = tiny_model()
        prompt = tiny_prompt(model)
        for wrong, message in (
            (logit_lens(model, prompt, rows="question", progress=False), "0 words of cells"),
            (logit_lens(model, prompt, layers=(1, 2), progress=False), "in all layers shown"),
            (logit_lens(model, tiny_prompt(model, n_frames=2), progress=False), "other frames"),
            (logit_lens(model, model.encode(tiny_clip(), "What?"), progress=False), "has no sample"),
            ([[["dog"]]], "lens= is a list"),
        ):
            with pytest.raises(RunError, match=message):
                Exploration(model, prompt, lens=wrong)  # pyright: ignore[reportArgumentType]

    def test_the_answer_after_the_last_layer_is_the_models_own(self) -> None:
        model = tiny_model()
        prompt = tiny_prompt(model)
        exploration = Exploration(model, prompt)
        options, lines = exploration.answer(None)["options"], exploration.document["answer"]
        assert [line["text"] for line in lines] == [option["text"] for option in options]
        assert [line["true"] for line in lines] == [False, True, False]
        assert all(len(line["p"]) == 4 for line in lines)
        assert [line["p"][-1] for line in lines] == pytest.approx([one["p"] for one in options], abs=2e-5)

    def test_without_options_it_follows_the_likeliest_token(self) -> None:
        model = tiny_model()
        prompt = model.encode(tiny_clip(), "What moves?")
        exploration = Exploration(model, prompt)
        (line,) = exploration.document["answer"]
        top = exploration.answer(None)["top"][0]
        assert line["text"] == top["text"]
        assert line["p"][-1] == pytest.approx(top["p"], abs=2e-5)


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
