"""The report in a real browser: its scripts run, its figures are drawn, nothing is asked of the network."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.figures.tables import sweep_table
from tests.pages.browser import PROGRAM, needs_chromium
from tests.pages.report.made_runs import write_run
from workbench.figures import TEMPLATE, information_flow
from workbench.pages.report import write_report

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=4000", "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"),
)


def dump(page: Path, folder: Path, width: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            str(PROGRAM),
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},2000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(folder)},
    )


def test_no_figure_has_the_button_that_sends_it_away(tmp_path: Path) -> None:
    """With plotly's own buttons, as a notebook shows them."""
    page = tmp_path / "figure.html"
    titles = {}
    for template in (TEMPLATE, "plotly"):
        fig = information_flow(sweep_table(samples=2)).update_layout(template=template)
        fig.write_html(page, include_plotlyjs=True)
        titles[template] = set(re.findall(r'data-title="([^"]*)"', dump(page, tmp_path, 1280).stdout))
    assert titles["plotly"] - titles[TEMPLATE] == {"Share chart..."}


@pytest.mark.parametrize(("width", "panels"), [(1280, "wide"), (500, "narrow")])
def test_every_figure_is_drawn_in_the_shape_of_the_screen(tmp_path: Path, width: int, panels: str) -> None:
    path = write_report(write_run(tmp_path / "run"))
    done = dump(path, tmp_path, width)
    boxes = re.findall(r'<div class="plot js-plotly-plot"[^>]*>', done.stdout)
    assert len(boxes) == 2
    assert all(f'data-shape="{panels}"' in box for box in boxes)
    lines = done.stdout.count('class="js-line"')
    assert lines == 2 * 25 + 5 + 13, "a band and a curve each, five in the legend, thirteen ranges framed"
    buttons = re.findall(r'class="modebar-btn"[^>]*data-title="([^"]*)"', done.stdout)
    assert len(buttons) == (4 if panels == "wide" else 0), buttons
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert told == [], "errors, or loads that the page's policy refused"
