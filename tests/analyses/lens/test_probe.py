"""The probe: it finds a truth planted in states, and its control has that of another clip."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import workbench as wb
from tests.tiny import tiny_model
from workbench.analyses.lens.lenses import model_identity
from workbench.analyses.lens.probe import cell_probe, commonest_word
from workbench.analyses.lens.states import ResidualStates
from workbench.analyses.lens.truth import WORDS, scenes_of
from workbench.errors import ModelError, RunError
from workbench.mini.cells import ATTRIBUTES, cell_truth, moments

GRID = (6, 6)


def planted_states(samples: wb.Samples, model: wb.VideoLLM) -> ResidualStates:
    """Layer 1 has a direction for every colour, layer 0 is noise; the rows are all cells of two frames."""
    draw = torch.Generator().manual_seed(0)
    directions = torch.randn(6, model.d_model, generator=draw)
    seconds = np.array([0.25, 1.5])
    tables, states = [], []
    for sample in samples:
        colour = cell_truth(scenes_of([sample])[sample.id], moments(seconds), GRID)["colour"]
        for (t, i, j), word in np.ndenumerate(colour):
            tables.append((sample.id, sample.task, 0, t, i, j, *GRID, seconds[t], ""))
            noise = torch.randn(2, model.d_model, generator=draw)
            noise[1] += 4 * directions[word] if word >= 0 else 0
            states.append(noise)
    columns = ["sample_id", "task", "row", "frame", "cell_row", "cell_column", "grid_rows", "grid_columns"]
    settings = dict.fromkeys(("data_sha256", "sample_ids_sha256", "rows", "rows_per_sample", "seed"), "x")
    return ResidualStates(
        table=pd.DataFrame(tables, columns=pd.Index([*columns, "second", "word"])),
        states=torch.stack(states, 1),
        skipped=pd.DataFrame(),
        manifest={"settings": settings},
    )


def test_a_planted_truth_is_found_in_its_layer_and_by_no_control() -> None:
    model = tiny_model()
    samples = wb.samples("mini/object_count", limit=12)
    states, unseen = planted_states(samples[:8], model), planted_states(samples[8:], model)
    groups = [(WORDS.index(word),) for word in ATTRIBUTES["colour"]]
    truth = np.concatenate(
        [
            cell_truth(scenes_of([sample])[sample.id], moments(np.array([0.25, 1.5])), GRID)["colour"].ravel()
            for sample in samples[8:]
        ]
    )
    known = truth >= 0
    right = {}
    for shuffled in (False, True):
        probe = cell_probe(model, samples[:8], states, shuffled=shuffled)
        probe.check(model)
        for layer in (0, 1):
            found = probe.read(model, unseen.states[layer], layer, groups=groups)
            right[shuffled, layer] = float((found.group_p.argmax(1).numpy() == truth)[known].mean())
    assert right[False, 1] > 0.98
    assert max(right[True, 1], right[False, 0]) < 0.5
    assert probe.words_said(model, [0, 5]) == {0: "circle", 5: "red"}
    assert probe.match(model, ["red", "zebra"])[1].token_ids == ()
    assert probe.settings["lens"] == "probe, shuffled"
    same = commonest_word(probe).read(model, unseen.states[1], 1, groups=groups)
    assert len(set(same.top_ids.flatten().tolist())) == 1
    assert (same.group_p == probe.bias[[ids[0] for ids in groups]]).all()


def test_what_cannot_be_probed_is_refused() -> None:
    model = tiny_model()
    samples = wb.samples("mini/object_count", limit=1)
    states: Any = planted_states(samples, model)
    text = dataclasses.replace(states, table=states.table.assign(cell_row=None))
    with pytest.raises(RunError, match="these states hold 0 sizes"):
        cell_probe(model, samples, text)
    with pytest.raises(RunError, match="2 samples at least"):
        cell_probe(model, samples, states, shuffled=True)
    probe = cell_probe(model, samples, states)
    other = {"model": model_identity(model) | {"weights_sha256": "0"}}
    with pytest.raises(ModelError, match=r"probe was made for .* other weights"):
        dataclasses.replace(probe, made=other).check(model)
