"""The verdict as a page: each claim, what was measured, and the rule that decided."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.figures.parts.template import FONT, INK, MUTED

_COLORS = {"holds": "#00704f", "does not hold": "#b03a00", "undecided": "#6b5b00", "not measured": MUTED}
_STYLE = f"""
body {{ margin: 0 auto; max-width: 1100px; padding: 24px 20px 60px; color: {INK}; background: #fff;
  font: 16px/1.5 {FONT}; }}
h1 {{ font-size: 26px; margin: 0 0 4px; }}
p {{ color: {MUTED}; max-width: 90ch; margin: 4px 0 20px; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: 10px 12px 10px 0; border-top: 1px solid #dcdcdc; }}
th {{ font-size: 14px; color: {MUTED}; border: 0; }}
td.verdict {{ font-weight: 600; white-space: nowrap; }}
.small {{ color: {MUTED}; font-size: 14px; }}
@media (max-width: 700px) {{ table, tbody, tr, td {{ display: block; }} thead {{ display: none; }}
  td {{ border: 0; padding: 2px 0; }} tr {{ border-top: 1px solid #dcdcdc; padding: 10px 0; display: block;
  }} }}
"""


def write_findings(table: pd.DataFrame, path: Path | str, *, title: str, about: str = "") -> Path:
    """Write the table of `findings(..)` as a page without scripts, and give back its path.

    The file appears whole or not at all. Whatever names are in the table are shown as text.
    """
    rows = "\n".join(_row(row) for row in table.to_dict("records"))
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(about)}</p>\n<table>\n"
        "<thead><tr><th>Claim</th><th>Measured (95% interval)</th><th>Verdict</th></tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</body>\n</html>\n"
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)
    return path


def _row(row: dict[Any, Any]) -> str:
    verdict = str(row["verdict"])
    samples = f"{row['n']} samples. " if row["n"] else ""
    note = f"{row['note']}." if row["note"] else ""
    return (
        f'<tr><td><strong>{escape(row["claim"])}</strong><br><span class="small">{escape(row["paper"])}. '
        f"{escape(row['rule'])}</span></td>"
        f'<td>{escape(row["measured"])}<br><span class="small">{escape(samples + note)}</span></td>'
        f'<td class="verdict" style="color: {_COLORS.get(verdict, INK)}">{escape(verdict)}</td></tr>'
    )
