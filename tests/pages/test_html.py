"""What every page has: its policy, and names from outside as text."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from workbench.pages import html

FOLDER = Path(html.__file__).parent
EVIL = "<img src=x onerror=alert(1)>"


def policy(page: str) -> str:
    (found,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    return found


def test_every_template_is_a_page_with_the_policy() -> None:
    names = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.j2")} - {"base.html.j2"}
    assert len(names) == 4
    for name in names:
        assert (FOLDER / name).read_text(encoding="utf-8").startswith('{% extends "base.html.j2" %}\n'), name
    for path in FOLDER.rglob("*.py"):
        assert "<!doctype" not in path.read_text(encoding="utf-8").lower(), path


def test_a_page_without_scripts_may_run_none_and_shows_names_as_text() -> None:
    page = html.render("findings.html.j2", title=EVIL, about=EVIL, rows=[], colors={})
    assert policy(page).startswith("default-src 'none'; style-src")
    assert EVIL not in page
    assert page.count("&lt;img") == 3
    assert page.endswith("</html>\n")


def test_a_page_with_scripts_loads_nothing_all_the_same() -> None:
    page = html.render("document.html.j2", title="t", heading=EVIL, about="", parts=[], plotly="")
    assert policy(page).startswith("default-src 'none'; script-src 'unsafe-inline'; ")
    assert "http" not in policy(page)
    assert EVIL not in page
    assert "font: 15px/1.5 Inter, 'Segoe UI'" in page


def test_what_a_template_needs_must_be_there() -> None:
    with pytest.raises(jinja2.UndefinedError, match="rows"):
        html.render("findings.html.j2", title="t", about="", colors={})
