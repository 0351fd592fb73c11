"""What every command has: errors, exit statuses, Ctrl-C, names that would give orders to a terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings

import pytest

import workbench
from tests import ROOT
from tests.cli.asking import command, status
from workbench.cli import main
from workbench.cli.main import _printable_warnings
from workbench.errors import RunError


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

    monkeypatch.setattr("workbench.pages.drawing._draw", missing)
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
