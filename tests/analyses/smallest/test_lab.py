from __future__ import annotations

from pathlib import Path

import pytest

from tests.analyses.smallest.planted import HOW, planted_samples
from workbench.analyses.smallest.contest import FLOWS
from workbench.analyses.smallest.lab import Lab
from workbench.data import as_samples
from workbench.engine import get_engine
from workbench.interventions import as_flows
from workbench.interventions.blocks import Block
from workbench.planted import planted_model, staged

CROSS = Block("frames -> later frames", 2)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder: Path = tmp_path_factory.mktemp("lab")
    return Lab(
        model=planted_model(staged(2, 4, 5)),
        search=as_samples(planted_samples(folder / "clips", pairs=3)),
        engine=get_engine("incremental"),
        out=folder / "out",
        prompting=HOW,
    )


def test_flows_that_the_prompts_lack_have_no_weight(lab: Lab) -> None:
    weights, samples = lab.weights(as_flows(FLOWS))
    assert samples == 6
    assert "separator -> video" not in weights
    assert 0 < weights["last -> last"] < weights["video -> question"] < weights["frames -> later frames"] * 3


def test_scores_say_which_block_is_needed(lab: Lab) -> None:
    other = Block("video -> last", 3)
    scores = lab.scores("scores", [CROSS, other], None)
    assert scores[CROSS] > 10
    assert abs(scores[other]) < 1e-3


def test_a_set_that_loses_too_much_is_not_asked_of_all(lab: Lab) -> None:
    assert lab.out is not None
    free = Block("video -> last", 3)
    bad, good = lab.ask([frozenset([CROSS]), frozenset([free])], may_lose=0)
    assert (bad.samples, bad.enough) == (2, False)
    assert (good.samples, good.right, good.enough) == (6, 6, True)
    (whole,) = lab.ask([frozenset([CROSS])])
    assert whole.samples == 6
    assert whole.enough
    assert {path.name for path in lab.out.glob("search-*")} == {
        "search-001-0", "search-001-1", "search-002-0", "search-002-1",
    }  # fmt: skip
