"""Sweeps over a stand-in model: what the table says, what is skipped, and that a stopped run goes on."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench.files
from tests.analyses.stand_in import StandInEngine, StandInModel, fraction, questions
from tests.halted import halted
from workbench.analyses.sweep.effects import sweep
from workbench.data import Sample, Samples, Skipped
from workbench.errors import ClipError, FlowError, PromptError, RunError, WindowError
from workbench.interventions import after, all_layers, centred, scaled_window, trailing
from workbench.runs import EFFECT_COLUMNS, Damaged, load_run

FLOWS = ["frames -> later frames", "video -> question"]


def run(samples=None, flows=FLOWS, windows=None, engine=None, **settings):
    return sweep(
        StandInModel(),  # pyright: ignore[reportArgumentType]
        questions(0, 1, 0, 0) if samples is None else samples,
        flows,
        centred(3) if windows is None else windows,
        engine=StandInEngine() if engine is None else engine,
        **settings,
    )


def test_without_a_window_the_papers_is_taken_scaled_to_the_depth() -> None:
    model, engine = StandInModel(), StandInEngine()
    table = sweep(model, questions(0), "video -> question", engine=engine).table  # pyright: ignore[reportArgumentType]
    assert set(table["window"]) == {str(scaled_window(model.n_layers))}
    with pytest.raises(WindowError, match=r"3 is no window, .* Did you mean centred\(3\)\?"):
        run(windows=3)


def test_the_table_has_the_columns_and_the_order_that_are_promised() -> None:
    table = run(windows=[centred(3), all_layers(), after(2)]).table
    assert list(table.columns) == [
        "sample_id",
        "task",
        "flow",
        "window",
        "layer",
        "first_layer",
        "last_layer",
        "token",
        "p_base",
        "p_knockout",
        "change_percent",
        "correct_base",
        "correct_knockout",
    ]
    assert tuple(table.columns) == EFFECT_COLUMNS
    expected = [
        (sample, flow, window, layer, first, last)
        for sample in ("direction/0", "direction/2", "direction/3")
        for flow in FLOWS
        for window, layer, first, last in [
            ("centred(3)", 1, 1, 2),
            ("centred(3)", 2, 1, 3),
            ("centred(3)", 3, 2, 4),
            ("centred(3)", 4, 3, 4),
            ("all_layers()", 0, 1, 4),
            ("after(2)", 2, 3, 4),
        ]
    ]
    got = table[["sample_id", "flow", "window", "layer", "first_layer", "last_layer"]]
    assert list(got.itertuples(index=False, name=None)) == expected
    kinds = {"float64": 3, "int64": 3, "bool": 2, "str": 5}
    assert table.dtypes.astype(str).value_counts().to_dict() == kinds


def test_the_numbers_are_those_of_the_engine() -> None:
    row = run(flows="video -> question", windows="layers(2, 3)").table.to_dict("records")[0]
    p_base = 0.5 + fraction("direction/0") / 2
    p = fraction("direction/0 video -> question in layers 2..3")
    assert (row["p_base"], row["p_knockout"]) == (p_base, p)
    assert row["change_percent"] == pytest.approx((p - p_base) / p_base * 100, rel=1e-15)
    assert row["token"] == "A"
    assert row["correct_base"] is True
    assert row["correct_knockout"] is (p > 0.3)


def test_wrong_samples_are_left_out_of_the_table_unless_all_are_wanted() -> None:
    engine = StandInEngine()
    only = run(engine=engine)
    assert engine.swept == ["direction/0", "direction/2", "direction/3"]
    assert only.samples["correct"].tolist() == [True, False, True, True]
    assert only.samples["predicted"].tolist() == ["A"] * 4
    assert only.samples["answer"].tolist() == ["A", "B", "A", "A"]
    every = run(only_correct=False).table.to_dict("records")
    assert len({row["sample_id"] for row in every}) == 4
    assert {row["correct_base"] for row in every if row["sample_id"] == "direction/1"} == {False}


def test_ranges_that_are_the_same_run_once() -> None:
    engine = StandInEngine()
    # centred(8) of 4 layers covers all of them from two of its four centres, as all_layers does.
    table = run(questions(0), "video -> question", [centred(8), all_layers()], engine=engine).table
    assert len(engine.knockouts) == len(set(engine.knockouts)) < len(table)
    same = [
        row["p_knockout"] for row in table.to_dict("records") if row["first_layer"] + 3 == row["last_layer"]
    ]
    assert len(same) > 1
    assert len(set(same)) == 1


def test_a_sample_that_cannot_be_encoded_is_skipped_and_listed() -> None:
    samples = questions(0, 0, 0, broken=(1,))
    samples = Samples(samples, name="own", skipped=[Skipped("direction/9", "its clip is missing")])
    found = run(samples)
    assert found.table["sample_id"].unique().tolist() == ["direction/0", "direction/2"]
    assert found.skipped.to_dict("records") == [
        {"sample_id": "direction/9", "flow": "", "reason": "its clip is missing"},
        {"sample_id": "direction/1", "flow": "", "reason": "broken.mp4 cannot be read. Copy it again."},
    ]
    assert found.samples["sample_id"].tolist() == ["direction/0", "direction/2"]


def test_a_flow_that_some_samples_lack_is_skipped_there() -> None:
    both = Samples([*questions(0), *questions(0, task="no_options")], name="own")
    found = run(both, ["true_option -> last", "video -> last"])
    counts = found.table.groupby("sample_id")["flow"].nunique().to_dict()
    assert counts == {"direction/0": 2, "no_options/0": 1}
    skipped = found.skipped.to_dict("records")
    assert [(entry["sample_id"], entry["flow"]) for entry in skipped] == [
        ("no_options/0", "true_option -> last")
    ]
    assert "true_option" in skipped[0]["reason"]


def test_what_can_never_work_is_refused_before_anything_is_computed(tmp_path) -> None:
    engine = StandInEngine()
    out = tmp_path / "run"
    lacking = questions(0, 0, task="no_options")
    with pytest.raises(RunError, match=r"'true_option -> last' cannot be cut in any of the 2 samples"):
        run(lacking, ["video -> last", "true_option -> last"], engine=engine, out=out)
    with pytest.raises(RunError, match=r"None of the 2 samples can be used.*broken.mp4 cannot be read"):
        run(questions(0, 0, broken=(0, 1)), engine=engine, out=out)
    with pytest.raises(RunError, match="There are no samples"):
        run([], engine=engine, out=out)
    with pytest.raises(FlowError, match="Did you mean"):
        run(flows="video -> questoin", engine=engine, out=out)
    with pytest.raises(WindowError, match="outside the model, which has 4 layers"):
        run(windows=trailing(9), engine=engine, out=out)
    with pytest.raises(PromptError, match="Did you mean 'mvbench'"):
        run(style="mvbnch", out=out)
    with pytest.raises(ClipError, match="unifrom"):
        run(frames="unifrom(3)", out=out)
    with pytest.raises(RunError, match="There is no engine 'referense'"):
        run(engine="referense", out=out)
    assert not out.exists()
    assert engine.knockouts == []


def test_a_model_that_is_always_wrong_is_reported(tmp_path) -> None:
    with pytest.raises(RunError, match="answers none of the 2 samples correctly"):
        run(questions(1, 1), out=tmp_path)
    assert len(load_run(tmp_path).samples) == 2
    assert len(run(questions(1, 1), only_correct=False).table) == 16


def test_open_ended_answers_are_judged_by_their_first_sub_token() -> None:
    samples = Samples(
        [
            # The stand-in answers with the last word of the stem.
            Sample(
                id="d/0", task="d", video=Path("a"), question="?", stem="It goes left", open_answer="Left"
            ),
            Sample(
                id="d/1", task="d", video=Path("a"), question="?", stem="It goes right", open_answer="left"
            ),
            Sample(id="d/2", task="d", video=Path("a"), question="?", stem="It goes left", open_answer="xyz"),
            Sample(id="d/3", task="d", video=Path("a"), question="?", stem="It goes left"),
        ],
        name="open",
    )
    found = run(samples, "video -> last", style="open", only_correct=False).samples
    assert found["token"].tolist() == ["left", "right", "left", "left"]
    assert found["correct"].tolist() == [True, False, True, False]
    assert found["answer"].tolist() == ["Left", "left", "xyz", ""]


def test_samples_without_a_known_answer_are_skipped_where_it_counts() -> None:
    unknown = dataclasses.replace(questions(0)[0], id="direction/x", answer=None)
    samples = Samples([*questions(0), unknown], name="own")
    found = run(samples)
    assert found.samples["sample_id"].tolist() == ["direction/0"]
    assert found.skipped["sample_id"].tolist() == ["direction/x"]
    assert "not known" in found.skipped["reason"].tolist()[0]
    every = run(samples, only_correct=False)
    assert len(every.table) == 16
    assert every.skipped.empty


def test_other_errors_pass_and_name_the_sample(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="out of memory") as caught:
        run(engine=StandInEngine(fails_on="direction/2"), out=tmp_path)
    assert any("direction/2" in note for note in caught.value.__notes__)
    assert not load_run(tmp_path).finished
    assert_frame_equal(run(out=tmp_path).table, run().table)


# Stopping and going on.


def test_a_run_in_a_folder_is_the_same_as_in_memory_and_as_read_back(tmp_path) -> None:
    in_memory, stored = run(), run(out=tmp_path)
    again = load_run(tmp_path)
    for other in (stored, again):
        assert_frame_equal(in_memory.table, other.table, check_exact=True)
        assert_frame_equal(in_memory.samples.drop(columns="seconds"), other.samples.drop(columns="seconds"))
        assert_frame_equal(in_memory.skipped, other.skipped)
    assert again.finished
    assert_frame_equal(pd.read_parquet(tmp_path / "effects.parquet"), in_memory.table, check_exact=True)


def test_a_finished_run_is_not_computed_again(tmp_path) -> None:
    run(out=tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    engine = StandInEngine()
    run(out=tmp_path, engine=engine)
    assert engine.knockouts == []
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_run_killed_outright_goes_on_and_gives_the_same_table(tmp_path) -> None:
    out = tmp_path / "killed"
    code = (
        "from tests.analyses.sweep.test_effects import *\n"
        f"run(questions(*[0] * 12), engine=StandInEngine(), out={str(out)!r})"
    )
    with halted(code, out, shards=4):
        # Two processes cannot write to one folder.
        with pytest.raises(RunError, match="Another process is writing"):
            run(questions(*[0] * 12), out=out)
    partial = load_run(out)
    assert not partial.finished
    done = partial.samples["sample_id"].tolist()
    assert len(done) == 4

    engine = StandInEngine()
    resumed = run(questions(*[0] * 12), engine=engine, out=out)
    assert len(engine.swept) == 12 - len(done)
    assert not set(engine.swept) & set(done)
    whole = run(questions(*[0] * 12), out=tmp_path / "whole")
    assert_frame_equal(resumed.table, whole.table, check_exact=True)
    assert (out / "effects.parquet").read_bytes() == (tmp_path / "whole" / "effects.parquet").read_bytes()
    assert len(resumed.manifest["resumed"]) == 1
    assert whole.manifest["resumed"] == []


def test_a_run_stopped_at_any_write_goes_on(tmp_path, monkeypatch) -> None:
    samples = questions(0, 1, 0, broken=(2,))
    samples = Samples([*samples, *questions(0, task="other")], name="own")
    expected = run(samples).table
    replace = os.replace
    stop_at, stopped = 0, True
    for stop_at in range(100):
        out = tmp_path / str(stop_at)
        left = [stop_at]

        def stopping(source, target, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(workbench.files.os, "replace", stopping)
            try:
                run(samples, out=out)
            except KeyboardInterrupt:
                stopped = True
            else:
                stopped = False
        assert_frame_equal(run(samples, out=out).table, expected, check_exact=True)
        assert list(out.rglob("*.tmp")) == []
        if not stopped:
            break
    assert stop_at > 10, "the test must have stopped the run at many places"
    assert not stopped


@pytest.mark.parametrize("damage", ["cut", "emptied", "deleted", "one bit", "not json"])
@pytest.mark.parametrize("shard", ["effects-00002.parquet", "sample-00002.json"])
def test_damaged_shards_are_computed_again(tmp_path, damage, shard) -> None:
    expected = run(out=tmp_path).table
    file = tmp_path / "shards" / shard
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        file.write_bytes(b"")
    elif damage == "deleted":
        file.unlink()
    elif damage == "one bit":
        at = content.index(b"sha256") + 12 if shard.endswith("json") else 200
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    else:
        file.write_bytes(b'{"sample": 3}')
    engine = StandInEngine()
    with nullcontext() if damage == "deleted" else pytest.warns(Damaged, match="sample-00002.json"):
        again = run(out=tmp_path, engine=engine)
    assert engine.swept == ["direction/2"]
    assert_frame_equal(again.table, expected, check_exact=True)


def test_a_damaged_final_table_is_made_from_the_shards(tmp_path) -> None:
    expected = run(out=tmp_path).table
    (tmp_path / "effects.parquet").write_bytes(b"PAR1")
    with pytest.warns(Damaged, match="effects.parquet is missing or damaged, and was made again"):
        assert_frame_equal(load_run(tmp_path).table, expected, check_exact=True)
    engine = StandInEngine()
    run(out=tmp_path, engine=engine)
    assert engine.knockouts == []
    assert_frame_equal(pd.read_parquet(tmp_path / "effects.parquet"), expected, check_exact=True)


def test_other_settings_in_the_same_folder_are_refused_and_listed(tmp_path) -> None:
    run(out=tmp_path)
    before = (tmp_path / "effects.parquet").read_bytes()
    with pytest.raises(RunError) as caught:
        run(questions(0, 0), flows="video -> last", windows=centred(1), out=tmp_path, seed=3)
    text = str(caught.value)
    assert '  windows: ["centred(3)"] in the folder, ["centred(1)"] asked for' in text
    assert '  flows: ["frames -> later frames", "video -> question"] in the folder' in text
    assert "  samples: 4 in the folder, 2 asked for" in text
    assert "  seed: 0 in the folder, 3 asked for" in text
    assert "only_correct" not in text
    assert "another folder" in text
    assert "delete" in text
    assert "--out" in text
    assert "sha256" not in text, "the line on samples says it"
    other = StandInModel()
    other.weights_hash = "1" * 64
    with pytest.raises(RunError, match=r'model: ".*" as in the folder, but with other content'):
        sweep(other, questions(0, 1, 0, 0), FLOWS, centred(3), engine=StandInEngine(), out=tmp_path)  # pyright: ignore[reportArgumentType]
    assert (tmp_path / "effects.parquet").read_bytes() == before


def test_going_on_with_other_versions_warns_and_is_recorded(tmp_path) -> None:
    with pytest.raises(RuntimeError):
        run(engine=StandInEngine(fails_on="direction/2"), out=tmp_path)
    file = tmp_path / "manifest.json"
    manifest = json.loads(file.read_text("utf-8"))
    manifest["versions"]["torch"] = "1.0"
    file.write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match=r"torch 1\.0 -> "):
        found = run(out=tmp_path)
    assert found.manifest["versions"]["torch"] == "1.0"
    assert found.manifest["resumed"][0]["versions"]["torch"] != "1.0"


def test_the_manifest_says_what_was_run_and_where(tmp_path) -> None:
    manifest = run(out=tmp_path).manifest
    assert manifest == json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert manifest["settings"]["model"] == "stand-in"
    assert manifest["settings"]["weights_sha256"] == "0" * 64
    assert manifest["settings"]["flows"] == FLOWS
    assert manifest["settings"]["windows"] == ["centred(3)"]
    assert manifest["settings"]["engine"] == "stand-in"
    assert set(manifest["versions"]) == {"workbench", "python", "torch", "transformers", "nnsight"}
    assert manifest["device_name"].startswith("cpu (")
    assert manifest["finished"] >= manifest["created"]


def test_the_bar_counts_only_what_is_really_run(tmp_path, monkeypatch) -> None:
    import tqdm

    bars = []

    class Watched(tqdm.tqdm):
        def __init__(self, *args, **settings):
            super().__init__(*args, **{**settings, "disable": False, "file": open(os.devnull, "w")})  # noqa: SIM115
            bars.append(self)

        def close(self):
            super().close()
            self.fp.close()

    monkeypatch.setattr("workbench.progress._Lines", Watched)
    run(questions(0, 1, 0, 0, broken=(3,)), out=tmp_path)
    assert (bars[0].n, bars[0].total) == (16, 16)
    (tmp_path / "shards" / "sample-00002.json").unlink()
    run(questions(0, 1, 0, 0, broken=(3,)), out=tmp_path)
    assert (bars[1].n, bars[1].total) == (8, 8)


def test_nothing_is_printed_where_nobody_watches(capfd) -> None:
    run()
    run(progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_with_the_time_left(monkeypatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run(engine=StandInEngine(seconds=0.02))
    assert re.search(r"sweep: .*\d+/24 .*<00:0\d, .* knockouts/s", terminal.getvalue())
    assert "24/24" in terminal.getvalue()
