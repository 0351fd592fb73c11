"""HTML and PNG: figures as files, pages of several, the report of a run, pages of single samples."""

from workbench.pages.attention import write_attention_maps
from workbench.pages.document import Part, write_figure, write_html, write_page
from workbench.pages.drawing import try_png, write_png
from workbench.pages.findings import write_findings

__all__ = [
    "Part",
    "try_png",
    "write_attention_maps",
    "write_figure",
    "write_findings",
    "write_html",
    "write_page",
    "write_png",
]
