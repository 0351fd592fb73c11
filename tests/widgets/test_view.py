"""The viewer in a real JupyterLab, in a real browser: its cell is run, its tokens and sliders are used."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from tests import ROOT
from tests.pages.browser import Page, chromium, needs_chromium

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
    pytest.mark.timeout(600),
]
CELL = """\
import workbench as wb
from workbench.analyses.lens.keywords import keyword_lists

model = wb.load("mini/video-ft")
sample = wb.samples("mini/moving_direction", limit=1)[0]
run = wb.sweep(model, [sample], ["video -> question", "question -> last"], wb.centred(3))
lens = wb.logit_lens(model, sample, keywords=keyword_lists("mini"))
viewer = wb.view(model, sample, run, lens)
viewer"""
WORD = "diamond"
MAP = (
    "[...document.querySelector('.wbv-panel.wbv-{} .wbv-strip').toDataURL()]"
    ".reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) % 1e9, 0)"
)
"""A number that changes with the picture."""
QUERY = "document.querySelector('.wbv-query').textContent"


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab on a free port of this machine, with settings of its own; gives its address with a token."""
    runtime = folder / "runtime"
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    words += ["--ServerApp.port=0", f"--ServerApp.root_dir={folder / 'notebooks'}"]
    with (folder / "jupyterlab.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        try:
            file = runtime / f"jpserver-{process.pid}.json"
            end = time.monotonic() + 120
            while not file.is_file() or not file.read_text("utf-8").endswith("}"):
                assert process.poll() is None, (folder / "jupyterlab.log").read_text("utf-8")[-2000:]
                assert time.monotonic() < end, "JupyterLab did not start"
                time.sleep(0.2)
            server = json.loads(file.read_text("utf-8"))
            yield f"{server['url']}lab/tree/viewer.ipynb?token={server['token']}"
        finally:
            process.terminate()  # it ends its kernels
            process.wait(30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A notebook in JupyterLab whose only cell, the viewer, was run by the toolbar's button."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "notebooks" / "viewer.ipynb")
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "default_setting_overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": quiet})
    )
    with jupyterlab(folder) as address, chromium(folder) as page:
        page.open(address, width=1600, height=1350)
        page.wait("document.querySelector('.jp-NotebookPanel .jp-CodeCell .cm-content')", seconds=120)
        # Before the kernel has said so itself, a run would only open a dialog about kernels.
        page.wait("document.querySelector('#jp-bottom-panel, .jp-StatusBar-Widget')", seconds=60)
        page.wait(
            "document.querySelector('.jp-StatusBar-Widget').textContent.includes('| Idle')", seconds=120
        )
        page.wait("!document.querySelector('.jp-NotebookPanel .jp-Spinner')")
        page.click('.jp-NotebookPanel [data-jp-item-name="run"]')
        page.wait("document.querySelector('.wbv-query')?.textContent.includes('last')", seconds=180)
        yield page


def token_row(page: Page, word: str) -> int:
    return int(
        page.run(
            "[...document.querySelectorAll('.wbv-token')]"
            f".find((token) => token.textContent === '{word}').dataset.row"
        )
    )


def test_a_click_on_a_token_shows_its_map(lab: Page) -> None:
    before = lab.run(MAP.format("untouched"))
    row = token_row(lab, WORD)
    lab.click(f'button[data-row="{row}"]')
    lab.wait(f"{QUERY}.includes('\"{WORD}\" (row {row})')")
    assert lab.run(MAP.format("untouched")) != before
    assert lab.run("document.querySelector('.wbv-status').textContent") == ""
    lab.keep("lab_token")


def test_the_layer_slider_changes_the_map_and_keys_stay_with_it(lab: Page) -> None:
    before = lab.run(MAP.format("untouched"))
    name = lab.run("document.querySelector('.wbv-layer-name').textContent")
    lab.click(".wbv-layer", at=(0.9, 0.5))
    assert lab.run("document.querySelector('.wbv-layer-name').textContent") != name
    assert lab.run(MAP.format("untouched")) != before
    before, name = lab.run(MAP.format("untouched")), lab.run("document.querySelector('.wbv-layer').value")
    lab.key("ArrowLeft", 37)
    assert int(lab.run("document.querySelector('.wbv-layer').value")) == int(name) - 1
    assert lab.run(MAP.format("untouched")) != before


def test_a_cut_is_drawn_beside_and_moves_the_answer(lab: Page) -> None:
    assert not lab.run("document.querySelector('.wbv-panel.wbv-cut').offsetWidth")
    lab.click(".wbv-tick")
    lab.wait("document.querySelector('.wbv-panel.wbv-cut').offsetWidth")
    assert "later frames in layers 1..12" in lab.run(
        "document.querySelector('.wbv-cut .wbv-head').textContent"
    )
    assert lab.run(MAP.format("cut")) != lab.run(MAP.format("untouched"))
    assert lab.run("document.querySelectorAll('.wbv-option').length") == 8
    lab.keep("lab_cut")


def test_a_wrong_flow_is_told_in_the_viewer(lab: Page) -> None:
    kept = lab.run(MAP.format("cut"))
    lab.run("document.querySelector('.wbv-flow').select()")
    lab.type("vidio -> last")
    lab.wait("document.querySelector('.wbv-error').textContent.includes(\"Did you mean 'video'\")")
    assert lab.run(MAP.format("cut")) == kept, "what was shown stays"
    assert lab.run("document.querySelectorAll('.jp-CodeCell').length") == 2, "no key reached the notebook"
    lab.keep("lab_error")
    lab.run("document.querySelector('.wbv-flow').select()")
    lab.type("video -> question")
    lab.wait("document.querySelector('.wbv-cut .wbv-head').textContent.includes('question')")
    assert lab.run("document.querySelector('.wbv-error').textContent") == ""
    assert lab.run(MAP.format("cut")) != kept


def test_a_click_on_a_frame_makes_its_cell_the_query(lab: Page) -> None:
    lab.click(".wbv-untouched .wbv-large", at=(0.01, 0.01))
    lab.wait(f"{QUERY}.includes('cell[0,0,0]')")


def test_heads_and_play(lab: Page) -> None:
    before = lab.run(MAP.format("untouched"))
    lab.run(
        "(() => { const s = document.querySelector('.wbv select'); s.value = '3';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    lab.wait(f"{MAP.format('untouched')} !== {json.dumps(before)}")
    name = lab.run("document.querySelector('.wbv-frame-name').textContent")
    lab.click(".wbv-play")
    lab.wait(f"document.querySelector('.wbv-frame-name').textContent !== {json.dumps(name)}", seconds=10)
    lab.click(".wbv-play")
    lab.keep("lab_head")


def test_the_words_of_the_lens_are_written_on_the_frame(lab: Page) -> None:
    cells = "document.querySelector('.wbv-scale').textContent"
    wide = "document.querySelector('.wbv-untouched .wbv-large').offsetWidth"
    heat, narrow = lab.run(MAP.format("untouched")), lab.run(wide)
    lab.click(".wbv-show-words")
    lab.wait(f"{QUERY}.startsWith('The word that each cell would say')")
    assert not lab.run("document.querySelector('.wbv-show-heat').checked"), "one colouring at a time"
    assert lab.run(wide) > narrow, "words need room"
    assert lab.run(MAP.format("untouched")) != heat, "cells that say a keyword have its list's colour"
    before = lab.run(cells)
    counts = [int(number) for number in re.findall(r"(\d+) of 288 cells", before)]
    assert len(counts) == 4, before
    assert sum(counts) == 288
    lab.keep("lab_words")
    lab.click(".wbv-layer", at=(0.1, 0.5))
    lab.wait(f"{cells} !== {json.dumps(before)}")
    lab.click(".wbv-show-words")
    assert lab.run("document.querySelector('.wbv-show-heat').checked")


def test_curves_and_answers_are_drawn_by_layer(lab: Page) -> None:
    lines = "document.querySelectorAll('{} polyline').length"
    assert lab.run(lines.format(".wbv-curves")) == 2
    assert lab.run(lines.format(".wbv-by-layer")) == 4
    assert "✓" in lab.run("document.querySelector('.wbv-by-layer').textContent")
    lab.run("document.querySelector('.wbv-charts').scrollIntoView({block: 'center'})")
    lab.keep("lab_charts")


def test_nothing_of_ours_failed_in_the_console(lab: Page) -> None:
    assert [line for line in lab.told if "Error" in line] == []
