"""Pages of single samples beside a report: which samples, under which names, and what the report links."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.figures.tables import samples_table, sweep_table
from tests.pages.browser import chromium, needs_chromium
from tests.pages.report.made_runs import manifest, write_run
from tests.pages.report.test_page import EVIL, Page, words
from tests.tiny import tiny_clip, tiny_model, tiny_sample
from workbench.analyses.lens.keywords import KeywordList, keyword_lists
from workbench.data import Sample
from workbench.pages.report import write_report
from workbench.pages.sample.of_run import MOST_BYTES, address, samples_to_show, write_sample_page
from workbench.runs import Run

IDS = (
    *("moving_direction/00000", "moving_direction_00000", "Moving_Direction/00000", "../../etc/passwd", ".."),
    *(
        "/",
        "C:\\x",
        "a\x00b",
        "con",
        "x.html",
        "ä ö",
        "日本",
        EVIL,
        '" onclick="alert(1)',
        "a" * 500,
        "#?%2e",
    ),
)


def test_every_id_gives_one_plain_name_of_its_own() -> None:
    names = [address(name) for name in IDS]
    assert all(re.fullmatch(r"samples/[A-Za-z0-9_]*-?[0-9a-f]{8}\.html", name) for name in names), names
    assert all(len(name) < 120 for name in names)
    assert len({name.lower() for name in names}) == len(IDS), "also where case does not count"
    assert address(IDS[0]).startswith("samples/moving_direction_00000-")


def made_run(table: pd.DataFrame, samples: pd.DataFrame) -> Run:
    none = pd.DataFrame(columns=pd.Index(["sample_id", "flow", "reason"]), dtype="str")
    return Run(table=table, samples=samples, skipped=none, manifest=manifest())


def test_the_first_correct_sample_of_each_task_is_shown() -> None:
    table = sweep_table(samples=3)
    samples = samples_table(table)
    first = list(samples.groupby("task", sort=False)["sample_id"].first())
    assert samples_to_show(made_run(table, samples)) == first
    assert len(samples_to_show(made_run(table, samples), 2)) == 2 * len(first)
    assert samples_to_show(made_run(table, samples), 0) == []
    samples.loc[samples["sample_id"] == first[0], "correct"] = False
    assert samples_to_show(made_run(table, samples))[0] == list(table["sample_id"].unique())[1]
    samples["correct"] = False
    assert samples_to_show(made_run(table, samples)) == first, "where none is correct, the first with effects"
    assert samples_to_show(made_run(table.iloc[:0], samples)) == []


def test_the_report_links_the_pages_that_are_there(tmp_path: Path) -> None:
    table = sweep_table()
    names = list(table["sample_id"].unique())[:2]
    evil = f"../../{EVIL}"
    table["sample_id"] = [evil if name == names[1] else name for name in table["sample_id"]]
    write_run(tmp_path, table=table, samples=samples_table(table))
    assert "single samples" not in write_report(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "samples").mkdir()
    for name in (names[0], evil, "of another run"):
        (tmp_path / address(name)).write_text("a page")
    html = write_report(tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    assert page.loads == [f"a href={address(name)}" for name in (names[0], evil)]
    assert "Look into single samples" in words(page)
    assert evil in page.text
    assert EVIL not in html


def tiny_run(name: str, *, layers: tuple[int, ...] = (1, 2, 3, 4)) -> Run:
    table = pd.DataFrame(
        {"sample_id": name, "task": "moving_direction", "flow": "video -> last", "window": "centred(1)"}
        | {"layer": layers, "change_percent": -5.0}
    )
    return made_run(table, pd.DataFrame())


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A sample whose clip is a folder of frames, with texts that would do harm as HTML."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index, frame in enumerate(tiny_clip().frames):
        Image.fromarray(frame).save(folder / f"{index}.png")
    return replace(tiny_sample(), id=f"../../{EVIL}", video=folder, question=f"{EVIL} moves?")


def stored(path: Path) -> dict[str, Any]:
    html = path.read_text(encoding="utf-8")
    assert EVIL not in html
    found = re.search(r'<script type="application/json">(.*?)</script>', html, flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_page_has_the_samples_curves_and_words_and_stays_in_its_folder(tmp_path: Path, sample) -> None:
    model, keywords = tiny_model(), [KeywordList(name="moves", words=("left", "right"))]
    path = write_sample_page(
        model, sample, tiny_run(sample.id), tmp_path / "run", keywords=keywords, frames="uniform(4)"
    )
    assert path == tmp_path / "run" / address(sample.id)
    assert [file.name for file in (tmp_path / "run").rglob("*")] == ["samples", path.name]
    assert path.stat().st_size < MOST_BYTES
    document = stored(path)["document"]
    assert document["title"] == sample.id
    assert document["curves"]["lines"][0]["points"] == [[layer, -5.0] for layer in (1, 2, 3, 4)]
    assert len(document["words"]["cells"]) == 4 * len(document["cells"])
    assert [name["text"] for name in document["words"]["names"]] == ["moves"]


def test_a_page_does_without_curves_and_without_keywords_that_cannot_be_said(tmp_path: Path, sample) -> None:
    model = tiny_model()
    run = tiny_run(sample.id, layers=(0,))  # a window without a place on the layer axis
    unknown = [KeywordList(name="unknown", words=("\N{SNOWMAN}",))]
    document = stored(write_sample_page(model, sample, run, tmp_path, keywords=unknown, frames="uniform(4)"))[
        "document"
    ]
    assert document["curves"] is None
    assert len(np.unique(document["words"]["cells"])) > 1


@pytest.mark.browser
@needs_chromium
def test_the_link_leads_to_a_viewer(tmp_path: Path) -> None:
    """A report of the embedded model's run, its link clicked, and the page used."""
    import workbench as wb

    model, samples = wb.load("mini/video-ft"), wb.samples("mini/moving_direction", limit=1)
    out = tmp_path / "run"
    run = wb.sweep(model, samples, ["video -> question", "question -> last"], wb.centred(3), out=out)
    (name,) = samples_to_show(run)
    write_sample_page(model, samples[name], run, out, keywords=keyword_lists("mini"))
    report = write_report(out)
    with chromium(tmp_path) as tab:
        tab.open(report.as_uri())
        # Every figure that is drawn moves the link.
        tab.wait("document.readyState === 'complete' && !document.querySelector('.plot:not([data-shape])')")
        tab.run("document.querySelector('a[href^=samples]').scrollIntoView({block: 'center'})")
        tab.keep("report_samples")
        tab.click("a[href^=samples]")
        tab.wait("document.querySelector('.wbv-query')?.textContent.includes('last')")
        assert tab.run("document.querySelectorAll('.wbv-curves polyline').length") == 2
        tab.keep("sample_page")
        tab.click(".wbv-show-words")
        tab.wait("document.querySelector('.wbv-scale').textContent.includes('of 288 cells')")
        tab.keep("sample_page_words")
        assert tab.told == []
