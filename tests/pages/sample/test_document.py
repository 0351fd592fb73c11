"""What a viewer shows of a sample before anything is asked."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny import FAMILY_NAMES, tiny_clip, tiny_model, tiny_prompt, tiny_sample, whole_frames
from workbench.errors import RunError
from workbench.figures.keywords import LIST_STYLES
from workbench.figures.parts.template import FLOW_STYLES, line_styles
from workbench.interventions import MTF_FLOWS
from workbench.pages.sample.document import DASHES
from workbench.runs import Run
from workbench.widgets import Exploration


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
    video = np.setdiff1d(prompt.layout["video"], prompt.layout.spans.get("between", []))
    assert len(blocks) == 1 + (np.diff(video) > 1).sum(), "text between frames is shown"
    hidden = [row for block in blocks for row in range(block["first"], block["last"] + 1)]
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
    never = fake_run([{**row, "edges_percent": 100.0 * (row["layer"] != 1)} for row in rows])
    gap = Exploration(model, prompt, run=never).document["curves"]["lines"]
    assert [line["points"] for line in gap] == [[[1, None], [2, -6.0]]], "nothing was there to cut"
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
