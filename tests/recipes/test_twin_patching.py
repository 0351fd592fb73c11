"""Twin patching of a planted model, from folders to tables and a picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from tests.recipes.planted_folder import FRAMES, RUN, STAGES, names
from workbench.planted import N_LAYERS, planted_sample, save_planted, staged
from workbench.recipe import find_recipe


def test_the_planted_path_turns_the_answer(tmp_path: Path, quick: None, capsys) -> None:
    model, data = save_planted(staged(*STAGES), tmp_path / "model"), tmp_path / "data"
    (data / "json").mkdir(parents=True)
    for task, answer in (("planted", "A"), ("planted_reversed", "B")):
        sample = planted_sample(tmp_path, answer)
        shutil.copytree(sample.video, data / "video" / task / "00000")
        entry = {"video": "00000", "question": sample.question, "candidates": list(sample.options)}
        (data / "json" / f"{task}.json").write_text(json.dumps([{**entry, "answer": sample.true_option}]))
    out = tmp_path / "out"
    given: dict[str, Any] = {
        "model": str(model),
        "data": str(data),
        "out": out,
        "frames": FRAMES,
        "device": "cpu",
    }
    given |= {"sites": ("resid_post", "z")}
    found = find_recipe("twin_patching")(**given).run()
    assert names(out) == RUN | {
        "patches.parquet",
        "patch_means.csv",
        "flipping.csv",
        *(f"twin_patching_{site}.{end}" for site in ("resid_post", "z") for end in ("html", "png")),
    }
    flips = pd.read_csv(out / "flipping.csv")
    assert flips[flips["site"] == "resid_post"]["flip"].tolist() == [N_LAYERS] * 2
    assert flips[flips["site"] == "z"]["flip"].tolist() == [3, 3], "a head of each stage, at its rows"
    assert len(pd.read_csv(out / "patch_means.csv")) == len(found.means())
    assert "1 pairs of 1 tasks" in capsys.readouterr().out
