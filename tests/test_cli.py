"""The command line: what it prints, its exit status, and that a killed run goes on."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import warnings

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench
import workbench.runs.manifest
from tests import ROOT
from tests.halted import halted
from tests.recipes.planted_folder import FRAMES, PlantedFolder, make_planted
from tests.tiny import tiny_folder
from workbench.cli import _printable_warnings, main
from workbench.errors import RunError


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"), samples=9)


def command(*words: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "workbench", *words]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, workbench, workbench.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "pandas", "plotly", "rich"} & set(done.stdout.split())


def test_every_public_name_exists() -> None:
    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    assert set(workbench.__all__) <= set(dir(workbench))
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        workbench.swep  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_version_and_help(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"workbench {workbench.__version__}\n"
    assert main(["run"]) == 2
    assert main(["run", "--help"]) == 0
    assert "information_flow" in capsys.readouterr().out
    assert main([]) == 2
    assert "report" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("models", ["mini/video-ft", "mini/image", "Qwen2_5_VLForConditionalGeneration"]),
        ("data", ["mini", "tvbench:/path"]),
        ("recipes", ["information_flow", "evaluate"]),
        ("flows", ["frames -> later frames", "video -> text", "MTF Fig. 3"]),
        ("measures", ["probability", "p_base", "log_odds", "percent"]),
    ],
)
def test_lists(what, words, capsys) -> None:
    assert main(["list", what]) == 0
    said = capsys.readouterr().out
    for word in words:
        assert word in said


def test_a_familys_name_lists_what_it_says_and_models_are_set_beside_each_other(capsys) -> None:
    assert main(["models", "check", "lfm3_vl"]) == 0
    said = capsys.readouterr().out
    for word in ("Lfm3VlForConditionalGeneration", "LiquidAI/LFM3-VL-2B", "layers without attention  conv"):
        assert word in said
    assert main(["models", "check", str(tiny_folder()), str(tiny_folder("qwen2_vl"))]) == 0
    last = capsys.readouterr().out.splitlines()
    rows = [line for line in last if line.startswith("cut edges are 0")]
    assert [row.split()[-2:] for row in rows] == [["yes", "yes"]]


def status(*words: str) -> int:
    """The exit status of a command; what the parser refuses leaves by SystemExit."""
    try:
        return main(list(words))
    except SystemExit as stopped:
        return int(stopped.code or 0)


EVALUATE = "run evaluate --model MODEL --data DATA --out OUT"
FLOW = "run information_flow --model MODEL --data DATA --out OUT"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run informationflow", "Did you mean 'information_flow'"),
        ("run --limit 3", "The recipe comes first"),
        ("run nowhere/mine.py", "no recipe file"),
        ("run evaluate --model nowhere --out OUT", "There is no checkpoint folder nowhere"),
        ("run evaluate --model MODEL --data tvbnch:/x --out OUT", "Did you mean 'tvbench'"),
        ("run evaluate --model MODEL --data /nowhere --out OUT", "neither a data set"),
        (f"{EVALUATE} --limit 0", "limit is 0"),
        (f"{EVALUATE} --batch 0", "batch=0"),
        (f"{EVALUATE} --dtype int3", "int3"),
        (f"{EVALUATE} --device tpu9", "tpu9"),
        (f"{EVALUATE} --style mvbnch", "Did you mean 'mvbench'"),
        (f"{EVALUATE} --frames midpoints(900)", "900"),
        (f"{EVALUATE} --frames midpiont(4)", "midpiont"),
        (f"{FLOW} --flows video->lost", "Did you mean"),
        (f"{FLOW} --window trailling(3)", "Did you mean 'trailing'"),
        (f"{FLOW} --window trailing(9)", "outside the model, which has 6 layers"),
        (f"{FLOW} --engine fast", "no engine 'fast'"),
        (f"{FLOW} --tasks plantet", "planted"),
        ("report OUT", "holds no run"),
    ],
)
def test_what_cannot_be_done_is_one_clear_message(words, message, planted, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    names = {"MODEL": str(planted.model), "DATA": str(planted.data), "OUT": str(out)}
    assert status(*(names.get(word) or word for word in words.split())) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said
    assert not out.exists()


@pytest.mark.parametrize(
    "words", [["list", "flow"], ["repot", "x"], ["list"], ["run", "evaluate", "--modle", "m"]]
)
def test_wrong_words_are_status_2(words, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out


def test_debug_shows_where_an_error_came_from(tmp_path) -> None:
    with pytest.raises(RunError):
        main(["report", str(tmp_path), "--debug"])


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys) -> None:
    import workbench.pages.report

    def stopped(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(workbench.pages.report, "write_report", stopped)
    assert main(["report", "x"]) == 130
    assert "The same command goes on" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("list", "flows"), stdout=write, stderr=subprocess.PIPE, cwd=ROOT, check=False
    )
    os.close(write)
    assert done.stderr == b""  # and no traceback at exit


def test_a_killed_run_is_finished_by_the_same_command(planted, tmp_path) -> None:
    flow = ("--flows", "question -> last", "--window", "centred(1)", "--bin", "1")
    out = tmp_path / "killed"
    words = planted.words("information_flow", out, *flow)
    with halted(f"from workbench.cli import main; main({words!r})", out, shards=4):
        pass
    done = {path: path.stat().st_mtime_ns for path in out.glob("shards/*.json")}
    assert len(done) == 4
    assert not (out / "effects.parquet").exists()

    resumed = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert {path: path.stat().st_mtime_ns for path in done} == done, "finished samples were computed again"
    assert resumed.stderr == "", "there is no bar where nobody watches"

    whole = tmp_path / "whole"
    assert main(planted.words("information_flow", whole, *flow)) == 0
    for name in ("effects.parquet", "pathways.csv", "skipped.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    table = pd.read_parquet(out / "effects.parquet")
    assert len(set(table["sample_id"])) == 9
    assert_frame_equal(table, workbench.load_run(whole).table)


def test_the_report_can_be_written_again(planted, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    words = planted.words("information_flow", out, "--limit", "2", "--window", "centred(1)", "--bin", "1")
    assert main(words) == 0
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    capsys.readouterr()
    assert main(["report", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert (out / "report.html").read_bytes() == page


def test_a_run_names_the_command_that_made_it(planted, tmp_path) -> None:
    out = tmp_path / "my run"
    words = planted.words("evaluate", out, "--limit", "2")
    assert main([*words, "--debug"]) == 0
    made = json.loads((out / "manifest.json").read_text("utf-8"))
    assert shlex.split(made["command"]) == ["workbench", *words]
    # The command is no setting: the same request in other words finds everything done.
    assert main([*words[:-2], "--limit=2"]) == 0
    assert json.loads((out / "manifest.json").read_text("utf-8")) == made
    # One that adds numbers is put on record.
    (out / "shards" / "sample-00001.json").unlink()
    assert main([*words[:-2], "--limit=2"]) == 0
    again = json.loads((out / "manifest.json").read_text("utf-8"))
    assert again["command"] == made["command"]
    assert "--limit=2" in again["resumed"][0]["command"]
    assert workbench.runs.manifest.provenance()["command"] is None, "only while the command runs"


def test_another_setting_in_the_same_folder_is_refused(planted, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    assert main(planted.words("evaluate", out, "--limit", "2")) == 0
    assert main(planted.words("evaluate", out, "--limit", "4")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "holds a run with other settings: samples: 2 in the folder, 4 asked for A folder keeps" in said
    assert "Choose another folder (--out; out= in Python), ask for what this one has, or delete it" in said
    assert main(planted.words("information_flow", out, "--limit", "2")) == 2
    assert "another analysis" in capsys.readouterr().err
    assert main(["report", str(out)]) == 2


def test_negative_numbers_and_text_with_arrows_are_values(planted, tmp_path) -> None:
    more = ("--threshold", "-200", "--flows", "video -> last", "question->last", "--frames", FRAMES)
    out = tmp_path / "run"
    assert main(planted.words("information_flow", out, "--limit", "1", "--bin", "3", *more)) == 0
    table = pd.read_csv(out / "pathways.csv")
    assert list(dict.fromkeys(table["flow"])) == ["video -> last", "question -> last"]
    assert set(table["counts"]) == {False}


ESCAPES = "\x1b]0;owned\x07\x1b[2J"


@pytest.mark.parametrize(
    "words",
    [
        ["list", f"flows{ESCAPES}"],
        ["report", f"x{ESCAPES}"],
        ["run", f"evaluate{ESCAPES}"],
        ["run", "evaluate", "--model", "mini/video-ft", "--out", f"x{ESCAPES}"],
        ["run", "evaluate", f"--modle{ESCAPES}"],
    ],
)
def test_no_argument_gives_orders_to_the_terminal(words, capsys) -> None:
    assert status(*words) == 2
    captured = capsys.readouterr()
    assert "\x1b]" not in captured.err + captured.out
    assert "\x1b[2J" not in captured.err + captured.out
    assert "would obey" in captured.err


def test_names_in_data_and_in_warnings_give_no_orders_either(planted, tmp_path, monkeypatch, capsys) -> None:
    data = tmp_path / "data"
    shutil.copytree(planted.data, data)
    file = data / "json" / "planted.json"
    file.rename(file.with_name(f"a{ESCAPES}.json"))
    (data / "video" / "planted").rename(data / "video" / f"a{ESCAPES}")

    def missing(*_: object, **__: object) -> bytes:
        raise RunError(f"No program{ESCAPES}.")

    monkeypatch.setattr("workbench.pages.png._draw", missing)
    words = planted._replace(data=data).words(
        "information_flow", tmp_path / "out", "--limit", "1", "--bin", "3"
    )
    with pytest.warns(UserWarning, match="is left out"):
        assert status(*words, "--flows", "question -> last") == 0
    captured = capsys.readouterr()
    assert "owned" in captured.out
    assert "\x1b]" not in captured.err + captured.out
    assert "\x1b[2J" not in captured.err + captured.out


def test_warnings_show_names_as_text() -> None:
    with _printable_warnings():
        said = warnings.formatwarning(f"x{ESCAPES}", UserWarning, f"{ESCAPES}.py", 1)
    assert "\x1b" not in said
    assert "owned" in said
    assert "\x1b" in warnings.formatwarning(f"x{ESCAPES}", UserWarning, "a.py", 1), (
        "only while a command runs"
    )
