"""Samples as a notebook shows them: escaped, and short."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.data.conftest import sample
from workbench.data import Sample, Samples, Skipped


class TestDisplay:
    def test_repr_says_how_many_of_what(self, four: Samples) -> None:
        assert repr(four) == "Samples('four': 4 samples: a 2, b 2; 2 skipped, see .skipped)"
        assert repr(Samples([], name="none")) == "Samples('none': 0 samples)"

    def test_html_escapes_everything_from_outside(self) -> None:
        evil = "<script>alert(1)</script>&\"'<img src=x onerror=alert(1)>"
        items = [
            sample("t/1", question=evil, options=(evil, "b"), video=Path(f"{evil.replace('/', '')}.mp4")),
            Sample(
                id=f"t/{evil}",
                task=evil.replace("/", ""),
                video=Path("a"),
                question="q",
                stem=evil,
                open_answer=evil,
            ),
        ]
        page = Samples(items, name=evil, skipped=[Skipped(evil, evil)])._repr_html_()
        tags = Tags()
        tags.feed(page)
        assert tags.names <= {
            "div",
            "p",
            "b",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "br",
            "details",
            "summary",
            "ul",
            "li",
        }
        assert evil in tags.text

    def test_html_marks_the_true_option_and_shows_bounds(self) -> None:
        page = Samples([sample(answer=1, start=1.5, end=3.0)], name="x")._repr_html_()
        assert "(A) left&emsp; <b>(B) right</b>" in page
        assert "1.5 s to 3 s" in page

    def test_html_of_many_is_short(self) -> None:
        items = [sample(f"t/{n}") for n in range(1000)]
        page = Samples(items, name="x", skipped=[Skipped(f"t/{n}", "gone") for n in range(500)])._repr_html_()
        assert "and 990 more" in page
        assert "500 skipped" in page
        assert page.count("<tr>") == 11


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data
