"""Names that try to run as code, in every page and every result: they are text, wherever they stand."""

from __future__ import annotations

import inspect
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import pytest

import workbench
from tests.pages.browser import Page, chromium, needs_chromium
from tests.pages.hostile import AS_FOUND, EVERYTHING, drawn, pages, shown
from workbench import figures
from workbench.pages import Part, write_page

NAMES = (AS_FOUND, EVERYTHING, '"><script>window.hit=1</script>', "</script><script>window.hit=1</script>")
OURS = frozenset(
    (
        *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "h3"),
        *("p", "div", "span", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "b", "br", "a"),
        *("details", "summary", "dl", "dt", "dd", "ul", "li", "script", "noscript"),
    )
)


class Elements(HTMLParser):
    """What a page consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(page: str, what: str) -> Elements:
    """No element but ours, no event handler, and no link but those to samples."""
    found = Elements(page)
    assert set(found.tags) <= OURS, what
    for name, value in found.attributes:
        assert not name.startswith("on"), what
        assert name not in ("src", "srcdoc", "action"), what
        assert name != "href" or re.fullmatch(r"samples/[\w-]+\.html", value), what
    return found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.pages.drawing._draw", lambda fig, **size: b"\x89PNG")


@pytest.mark.parametrize("evil", NAMES)
def test_every_result_shows_names_as_text(evil: str) -> None:
    for name, result in shown(evil).items():
        page = result._repr_html_()
        assert type(page) is str, name
        assert evil in assert_harmless(page, name).text, name


@pytest.mark.parametrize("evil", NAMES)
def test_every_page_shows_names_as_text(evil: str, tmp_path: Path) -> None:
    for name, path in pages(tmp_path, evil).items():
        page = path.read_text(encoding="utf-8")
        found = assert_harmless(page, name)
        scripts = page.count("<script")
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
        assert policy is not None, name
        data = found.attributes.count(("type", "application/json"))
        assert len(re.findall("'sha256-", policy[1])) == scripts - data, "a hash a script, and no more"


def test_no_result_and_no_figure_is_missing_here() -> None:
    package = Path(workbench.__file__).parent
    classes = set()
    for path in package.rglob("*.py"):
        name = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            name = found[1] if (found := re.match(r"class (\w+)", line)) else name
            if re.match(r"    def _(repr_\w+|ipython_display)_\(", line):
                classes.add(name)
    assert classes - {"Shown"} == set(shown("x")), "Shown is a protocol"
    functions = {
        name
        for name in figures.__all__
        if inspect.isfunction(made := getattr(figures, name))
        and "Figure" in str(inspect.signature(made).return_annotation)
    }
    assert functions == {name.partition(" ")[0] for name in drawn("x")}


STRANGERS = (
    "document.querySelectorAll('img[onerror], img[src=x], iframe, base, svg[onload], a[href^=javascript], "
    "a[href*=evil], .main-svg a').length"
)
"""How many elements of the page were made by names."""


@pytest.mark.browser
@needs_chromium
@pytest.mark.timeout(600)
@pytest.mark.parametrize("evil", [AS_FOUND, EVERYTHING], ids=["as found", "everything"])
def test_no_name_runs_in_a_real_browser(evil: str, tmp_path: Path) -> None:
    """Each page as it is; and without its policy, so that nothing but the escaping stands in the way."""
    with chromium(tmp_path) as tab:
        for name, path in pages(tmp_path, evil).items():
            text = path.read_text(encoding="utf-8")
            bare = path.with_name(f"{name}-bare.html")
            bare.write_text(re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text), "utf-8")
            for page in (path, bare):
                tab.open(page.as_uri(), height=2000)
                tab.wait(
                    "document.readyState === 'complete' && !document.querySelector('.plot:not([data-shape])')"
                )
                if name == "sample":
                    tab.wait("document.querySelector('.wbv-query')?.textContent.includes('last')")
                    tab.run("document.querySelector('.wbv-show-words')?.click()")
                    tab.run("document.querySelector('.wbv-token:not(:disabled)').click()")
                for box in range(tab.run("document.querySelectorAll('.plot').length")):
                    hover(tab, box)
                assert tab.run(STRANGERS) == 0, page
                assert tab.run("window.hit === undefined"), page
                drew = tab.run("document.querySelectorAll('.plot .main-svg').length")
                assert bool(drew) == (name in ("report", "figures", "attention")), "the page itself works"
            tab.open(path.as_uri(), height=1400)
            tab.wait("document.readyState === 'complete'")
            tab.keep(f"hostile_{name}")
        results = tmp_path / "reprs.html"
        reprs = "".join(result._repr_html_() for result in shown(evil).values())
        results.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{reprs}", "utf-8")
        tab.open(results.as_uri())
        tab.wait("document.readyState === 'complete'")
        assert tab.run(STRANGERS) == 0
        assert tab.run("window.hit === undefined")
        assert tab.told == [], "errors, or loads and scripts that a policy refused"


def hover(tab: Page, box: int) -> None:
    """Plotly shows texts of its own under the mouse: those of every curve's first point."""
    tab.run(
        f"(async () => {{ const box = document.querySelectorAll('.plot')[{box}];"
        "for (const [curveNumber, trace] of box.data.entries()) {"
        "  if (trace.visible === false || trace.hoverinfo === 'skip') continue;"
        "  const axes = (trace.xaxis || 'x') + (trace.yaxis || 'y');"
        "  const pointNumber = trace.type === 'heatmap' ? [0, 0] : 0;"
        "  Plotly.Fx.hover(box, [{curveNumber, pointNumber}], axes);"
        "} await new Promise(done => setTimeout(done, 60)); })()"
    )


class Raw:
    """A result of somebody else's that escapes nothing."""

    def _repr_html_(self) -> str:
        return (
            "<img src=x onerror='window.hit=1'><script>window.hit=2</script>"
            "<a id=link href='javascript:window.hit=3'>x</a><svg onload='window.hit=4'></svg>"
        )


@pytest.mark.browser
@needs_chromium
def test_the_policy_stops_what_is_not_escaped_and_lets_the_page_work(tmp_path: Path) -> None:
    figure = go.Figure(go.Scatter(y=[1, 2], name="x"))
    path = write_page(tmp_path / "page.html", "t", [Part("", Raw()), Part("", figure)])
    with chromium(tmp_path) as tab:
        tab.open(path.as_uri())
        tab.wait("document.querySelector('.plot .main-svg')")
        tab.click("#link")
        tab.run("new Promise(done => setTimeout(done, 500))")
        assert tab.run("window.hit === undefined"), json.dumps(tab.told)
        assert len([line for line in tab.told if "Content Security Policy" in line]) >= 4
