"""Any text in a question, an option, a task, an id, a model's name: never a tag, in no page and no result."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import sample
from tests.fuzz.values import TIMES, few
from tests.pages.hostile import pages, shown
from tests.pages.test_hostile import assert_harmless
from workbench.data import Samples, Skipped

PIECES = st.one_of(
    st.sampled_from(
        (
            *(
                "<",
                ">",
                "&",
                "'",
                '"',
                "`",
                "/",
                "=",
                "<b>",
                "</p>",
                "<!--",
                "-->",
                "<![CDATA[",
                "]]>",
                "<?x",
                "</",
            ),
            *(
                "</script>",
                "<script>",
                "</style>",
                "</title>",
                "</textarea>",
                "<img src=x onerror=hit()>",
                "<svg/",
            ),
            *(
                "onload=hit()",
                "javascript:hit()",
                "&lt;i&gt;",
                "&#60;i>",
                "\\u003ci>",
                "\\x3c",
                "%3Ci%3E",
                "$x$",
            ),
            *(
                "{{7*7}}",
                "{%",
                "%}",
                "${x}",
                "\n",
                "\r",
                "\t",
                "\u2028",
                "\ufeff",
                "\u202e",
                "\uff1c",
                "\x00",
            ),
        )
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
EVIL = st.lists(PIECES, min_size=1, max_size=8).map("".join)
"""Half of a surrogate pair is refused before it could come here: tests/fuzz/test_annotations.py."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.pages.drawing._draw", lambda fig, **size: b"\x89PNG")


@few(30)
@given(words=st.lists(EVIL, min_size=6, max_size=6))
def test_samples_with_any_words(words: list[str]) -> None:
    id, task, question, left, right, reason = words
    one = sample(
        f"t/{id}",
        task=f"t{task}".replace("/", ""),
        question=f"q{question}",
        options=(f"1{left}", f"2{right}"),
        video=Path(f"{left}x.mp4".replace("\0", "")),
        facets={left: right},
    )
    found = Samples([one], name=reason, skipped=[Skipped(id, reason)])
    assert_harmless(found._repr_html_(), "samples")


@few(4)
@given(evil=EVIL)
def test_every_result(evil: str) -> None:
    for name, result in shown(evil).items():
        assert_harmless(result._repr_html_(), name)


@pytest.mark.faults
@few(4, times=max(1, TIMES // 10))
@given(evil=EVIL)
def test_every_page(evil: str) -> None:
    """The report, the page of a sample with its viewer, findings, figures and attention: seconds each."""
    with tempfile.TemporaryDirectory() as home:
        for name, path in pages(Path(home), evil).items():
            assert_harmless(path.read_text(encoding="utf-8"), name)
