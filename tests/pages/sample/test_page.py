"""The viewer as a page: what is written, and what it does in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.pages.browser import chromium, needs_chromium
from tests.tiny import tiny_clip, tiny_model, tiny_prompt
from workbench.errors import RunError
from workbench.interventions import Knockout
from workbench.models import Prompt
from workbench.pages.sample import page
from workbench.pages.sample.page import default_tokens
from workbench.widgets import Exploration, view, write_page

CUT = "frames -> later frames in layers 1..4"


def stored(path: Path) -> dict:
    text = path.read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/json">(.*?)</script>', text, flags=re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0])


def test_a_page_holds_the_last_row_the_question_and_the_options(tmp_path: Path) -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    path = write_page(Exploration(model, prompt), tmp_path / "new" / "page.html", knockout=CUT)
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]
    state = stored(path)
    wanted = {row for name in ("last", "nonoption", "option[A]", "option[C]") for row in prompt.layout[name]}
    assert {int(row) for row in state["results"]} >= wanted
    assert all(result["cut"] for result in state["results"].values())
    assert path.stat().st_size < page.MOST_BYTES


def test_the_viewer_saves_what_it_shows(tmp_path: Path) -> None:
    model = tiny_model()
    viewer = view(model, tiny_prompt(model), query="question", heads=2)
    viewer.request = {**viewer.request, "id": 1, "cut": True, "first": 2, "last": 3}
    first = stored(viewer.save(tmp_path / "page.html"))["first"]
    assert first["rows"] == viewer.request["rows"]
    assert first["heads"] == "2"
    assert first["cut"]["text"].endswith("in layers 2..3")
    assert stored(viewer.save(tmp_path / "own.html", tokens=[3, 4], query=3))["results"].keys() == {"3", "4"}


def test_pages_stay_small(tmp_path: Path) -> None:
    model = tiny_model()
    exploration = Exploration(model, tiny_prompt(model))
    whole = write_page(exploration, tmp_path / "page.html")
    most = whole.stat().st_size - 2000
    smaller = write_page(exploration, tmp_path / "smaller.html", most_bytes=most)
    assert smaller.stat().st_size <= most
    rows = [int(row) for row in stored(smaller)["results"]]
    assert len(exploration.prompt) - 1 in rows, "the last row comes first"
    with pytest.raises(RunError, match="Name fewer tokens"):
        write_page(
            exploration, tmp_path / "page.html", tokens=range(len(exploration.prompt)), most_bytes=most
        )


def test_tokens_are_computed_together_and_each_is_its_own(tmp_path: Path) -> None:
    """A pass for all tokens, untouched and cut, and the numbers of a pass for each."""
    model = tiny_model()
    prompt = tiny_prompt(model)
    rows = default_tokens(Exploration(model, prompt))
    alone, together = Exploration(model, prompt), Exploration(model, prompt)
    knockout = Knockout.parse(CUT)
    expected = [alone.result(row, "mean", knockout) for row in rows]
    runs: list[int] = []
    handle = model.family.embed(model.hf).register_forward_pre_hook(lambda *_: runs.append(1))
    together.prepare(rows, knockout)
    assert len(runs) == 2
    assert together.maps("last", None).query == "last", "however its rows were asked for before"
    found = [together.result(row, "mean", knockout) for row in rows]
    assert len(runs) == 4, "beside the answers, nothing more"
    handle.remove()
    for one, other in zip(found, expected, strict=True):
        assert (one["rows"], one["query"]) == (other["rows"], other["query"])
        for mine, theirs in ((one, other), (one["cut"], other["cut"])):
            ours, own = (np.frombuffer(side["weights"], "<f2") for side in (mine, theirs))
            np.testing.assert_allclose(ours.astype(float), own.astype(float), rtol=2e-3, atol=1e-6)


def hostile() -> tuple[Prompt, str]:
    text = "</script><img src=x onerror=alert(1)> <b>&amp; what?"
    return tiny_model().encode(tiny_clip(), text, options=["<i>a</i>", "b"]), text


def test_texts_from_outside_cannot_leave_the_data(tmp_path: Path) -> None:
    prompt, _ = hostile()
    path = write_page(Exploration(tiny_model(), prompt), tmp_path / "page.html")
    said = "".join(entry["text"] for entry in stored(path)["document"]["tokens"])
    assert "<img" in said
    assert "onerror" not in re.sub(
        r'<script type="application/json">.*?</script>', "", path.read_text("utf-8")
    )


def test_the_script_writes_texts_only() -> None:
    """No HTML from strings, no ids, nothing loaded from elsewhere: what breaks in VS Code or is unsafe."""
    script = (Path(page.__file__).parent / "viewer.js").read_text("utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "getElementById"):
        assert word not in script
    assert not re.search(r"^\s*import\b|require\(|https?://(?!www\.w3\.org/2000/svg)", script, re.MULTILINE)
    style = (Path(page.__file__).parent / "viewer.css").read_text("utf-8")
    assert "@import" not in style
    assert "url(" not in style
    rules = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    for rule in re.findall(r"([^{}]+)\{", rules):
        assert all(part.strip().startswith(".wbv") for part in rule.split(",")), rule


@pytest.mark.browser
@needs_chromium
def test_the_page_works_without_python(tmp_path: Path) -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    path = write_page(Exploration(model, prompt), tmp_path / "page.html", knockout=CUT)
    word = int(prompt.layout["nonoption"][-1])
    with chromium(tmp_path) as tab:
        tab.open(path.as_uri())
        tab.wait("document.querySelector('.wbv-query')?.textContent.includes('last')")
        assert tab.run("document.querySelectorAll('.wbv-panel canvas').length") == 4
        assert "later frames in layers 1..4" in tab.run(
            "document.querySelector('.wbv-cut .wbv-head').textContent"
        )
        before = tab.run(PICTURE)
        tab.click(f'button[data-row="{word}"]')
        tab.wait(f"document.querySelector('.wbv-query').textContent.includes('row {word}')")
        assert tab.run(PICTURE) != before
        assert tab.run("document.querySelector('.wbv-chosen').dataset.row") == str(word)
        assert tab.run("document.querySelector('button[data-row=\"0\"]').disabled"), "not stored"
        assert tab.told == []
        tab.keep("page")


PICTURE = "document.querySelector('.wbv-untouched .wbv-strip').toDataURL()"


@pytest.mark.browser
@needs_chromium
def test_hostile_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    prompt, text = hostile()
    path = write_page(Exploration(tiny_model(), prompt), tmp_path / "page.html")
    with chromium(tmp_path) as tab:
        tab.open(path.as_uri())
        tab.wait("document.querySelector('.wbv-prompt')")
        shown = tab.run("document.querySelector('.wbv-prompt').textContent")
        assert text.split()[0] in shown
        assert tab.run("document.querySelectorAll('.wbv img, .wbv b b, .wbv-prompt i i').length") == 0
        assert tab.told == []
