"""Planted mechanisms: every planted layer is found, and none is invented."""

from __future__ import annotations

from pathlib import Path

import pytest

import workbench as wb
from workbench.engine import get_engine
from workbench.interventions import NAMED_FLOWS, Knockout, Window, centred, trailing
from workbench.models.attention import AttentionKind
from workbench.planted import IDS, N_FRAMES, N_LAYERS, Reader, direct, planted_model, planted_sample, staged

LAYERS = ((1, 2, 3), (1, 3, 6), (2, 4, 5), (4, 5, 6))
NAMES = tuple(named.text for named in NAMED_FLOWS)
ONE = centred(1)
NOTHING = 1e-4
"""Percent. The path is wired with attention weights of 1 - e^-30; anything above this was read somewhere."""


class Swept:
    """What `wb.sweep` finds in one planted model."""

    def __init__(
        self,
        folder: Path,
        stages: tuple[Reader, ...],
        flows: tuple[str, ...] = NAMES,
        windows: tuple[Window, ...] = (ONE,),
        *,
        attention: AttentionKind = "sdpa",
        answers: str = "B",
        engine: str = "incremental",
    ) -> None:
        self.run = wb.sweep(
            planted_model(stages, attention),
            [planted_sample(folder, answer) for answer in answers],
            flows=flows,
            windows=windows,
            frames=N_FRAMES,
            engine=engine,
            progress=False,
        )
        assert list(self.run.samples["token"]) == list(answers), "the untouched model answers rightly"
        assert min(self.run.samples["p_base"]) > 0.95

    def broken(self, flow: str, window: Window = ONE, answer: str = "B") -> set[int]:
        """Places on the layer axis where the answer is lost: whole, or else this fails."""
        table = self.run.table
        rows = table[
            (table["flow"] == flow)
            & (table["window"] == str(window))
            & (table["sample_id"] == f"planted/{answer}")
        ]
        found = dict(zip(rows["layer"], rows["change_percent"], strict=True))
        assert list(found) == [span.layer for span in window.expand(N_LAYERS)]
        for layer, change in found.items():
            assert abs(change) < NOTHING or change < -95, f"{flow}, {window}, layer {layer}: {change} %"
        return {layer for layer, change in found.items() if change < -95}


def covering(window: Window, layer: int) -> set[int]:
    """Places of the window whose range holds `layer`."""
    return {span.layer for span in window.expand(N_LAYERS) if span.first_layer <= layer <= span.last_layer}


def carried(a: int, b: int, c: int) -> dict[str, int]:
    """The named flows that carry the answer, with their layer. All other flows carry nothing."""
    return {
        "frames -> later frames": a,
        "video -> question": b,
        "video -> nonoption": b,
        "video -> text": b,
        "question -> last": c,
        "nonoption -> last": c,
    }


@pytest.fixture(params=["incremental", "reference"])
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("planted", LAYERS, ids=str)
def test_a_sweep_finds_exactly_the_planted_layers(
    tmp_path: Path, planted: tuple[int, int, int], attention: AttentionKind, engine: str
) -> None:
    windows = (ONE, centred(3))
    found = Swept(tmp_path, staged(*planted), windows=windows, attention=attention, engine=engine)
    path = carried(*planted)
    for flow in NAMES:
        for window in windows:
            expected = covering(window, path[flow]) if flow in path else set()
            assert found.broken(flow, window) == expected, (flow, window)
    ranges = wb.pathways(found.run.table.query("window == 'centred(1)'"), bin=1)
    assert {flow: span for flow, span in ranges.items() if span is not None} == {
        flow: (layer, layer) for flow, layer in path.items()
    }


def test_both_answers_travel_the_same_way(tmp_path: Path) -> None:
    found = Swept(tmp_path, staged(2, 4, 5), answers="AB")
    for answer in "AB":
        for flow in NAMES:
            expected = {carried(2, 4, 5)[flow]} if flow in carried(2, 4, 5) else set()
            assert found.broken(flow, answer=answer) == expected, flow


def test_other_windows_find_them_where_they_cover_them(tmp_path: Path) -> None:
    windows, path = (centred(4), trailing(2), trailing(4)), carried(2, 4, 5)
    found = Swept(tmp_path, staged(2, 4, 5), flows=tuple(path), windows=windows)
    for flow, layer in path.items():
        for window in windows:
            assert found.broken(flow, window) == covering(window, layer), (flow, window)


@pytest.mark.parametrize("layer", [1, 4, 6])
def test_a_direct_path_is_told_from_a_staged_one(tmp_path: Path, layer: int, engine: str) -> None:
    found = Swept(tmp_path, direct(layer), engine=engine)
    for flow in NAMES:
        expected = {layer} if flow in ("video -> last", "video -> text") else set()
        assert found.broken(flow) == expected, flow


def test_the_path_is_found_down_to_its_spans_and_heads(tmp_path: Path, engine: str) -> None:
    expected = {
        "frame[0] -> frame[3]": {2},
        "frame[0] -> frame[1:3]": set(),
        "frame[1:3] -> frame[3]": set(),
        "frame[3] -> nonoption": {4},
        "frame[0:3] -> question": set(),
        "cell[0,:,:] -> cell[3,:,:]": {2},
        "option[A] + option[B] + tail -> last": set(),
        "frames -> later frames @ heads 1": {2},
        "frames -> later frames @ heads 0,2,3": set(),
        "video -> question @ heads 2": {4},
        "video -> question @ heads 0,1,3": set(),
        "question -> last @ heads 3": {5},
        "question -> last @ heads 0,1,2": set(),
    }
    found = Swept(tmp_path, staged(2, 4, 5), flows=tuple(expected), engine=engine)
    for flow, layers in expected.items():
        assert found.broken(flow) == layers, flow


def test_knockouts_of_many_cuts(tmp_path: Path, engine: str) -> None:
    model = planted_model(staged(2, 4, 5))
    prompt = model.encode(planted_sample(tmp_path, "B"), frames=N_FRAMES)
    # Each flow open in its own layer alone, and closed everywhere else: the answer still arrives.
    arrives = (
        "VT-K in layer 1; VT-K in layers 3..6; video -> question in layers 1..3; "
        "video -> question in layers 5..6; question -> last in layers 1..4; question -> last in layer 6; "
        "video -> last in layers 1..6"
    )
    lost = arrives.replace("VT-K in layers 3..6", "VT-K in layers 2..6")
    base, found, *_ = get_engine(engine).outcomes(
        model, prompt, [Knockout.parse(arrives), Knockout.parse(lost)]
    )
    assert found[0].p == pytest.approx(base.p, rel=1e-5)
    assert found[0].top_id == IDS["B"]
    assert found[1].p < 0.05
