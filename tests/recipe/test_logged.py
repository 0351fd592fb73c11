"""A recipe on the samples of a finished evaluation."""

from __future__ import annotations

import json

from tests.analyses.answers.test_logs import write_log
from tests.recipes.planted_folder import make_planted, settings
from workbench.data import samples
from workbench.recipe import find_recipe


def test_a_recipe_asks_what_was_asked_there(tmp_path, capsys) -> None:
    planted = make_planted(tmp_path / "planted", samples=4)
    asked = [one for one in samples(planted.data) if "broken" not in one.id][1:]
    logs = write_log(tmp_path / "logs", "tvbench", asked, answer="A")
    lines = [json.loads(line) for line in logs[0].read_text().splitlines()]
    lines.append({**lines[0], "doc_id": 9, "input": "Where?"})
    logs[0].write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "out"
    told = settings(planted, out, from_logs=(str(logs[0]),))
    found = find_recipe("evaluate")(**told).run()
    assert found.answers["sample_id"].tolist() == [one.id for one in asked]
    logged = found.facets.set_index("value")["samples"].to_dict()
    assert logged == {"wrong": 2, "right": 1}
    said = " ".join(capsys.readouterr().out.split())
    assert "Recorded answers on" in said
    assert "1 recorded question left out: line 4 of" in said
    few = find_recipe("evaluate")(**{**told, "limit": 1, "out": tmp_path / "few"}).run()
    assert few.answers["sample_id"].tolist() == [asked[0].id]
