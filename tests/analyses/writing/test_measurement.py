"""What the loop asks of the measurement of tokens."""

from __future__ import annotations

import json
import pickle

from tests.tiny import tiny_model
from workbench.analyses.writing.measurement import StepRow, TokensUnderKnockouts
from workbench.engine import get_engine
from workbench.interventions import Flow, all_layers, centred

MADE = TokensUnderKnockouts(
    flows=(Flow.parse("video -> last"), Flow.parse("generated -> last")),
    windows=(centred(3), all_layers()),
    steps=(2, 3),
    texts={"a": [1, 2]},
    max_new_tokens=4,
    engine=get_engine("incremental"),
)


def test_settings_go_into_a_manifest_and_into_another_process() -> None:
    assert json.loads(json.dumps(MADE.settings)) == {
        "flows": ["video -> last", "generated -> last"],
        "windows": ["centred(3)", "all_layers()"],
        "steps": [2, 3],
        "texts": {"a": [1, 2]},
        "max_new_tokens": 4,
        "engine": "incremental",
    }
    assert pickle.loads(pickle.dumps(MADE)) == MADE


def test_a_unit_is_a_knockout() -> None:
    model = tiny_model()
    assert len(MADE.cells(model)) == 2 * (model.n_layers + 1)
    assert MADE.units(model) == 2 * (model.n_layers + 1)
    assert tuple(MADE.schema.names) == StepRow._fields
