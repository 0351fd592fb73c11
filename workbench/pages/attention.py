"""Attention maps of some samples as one page, and each as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.analyses.attention.maps import AttentionMaps
from workbench.figures.parts.text import count_of
from workbench.files import plain_name
from workbench.pages.document import Part, write_page
from workbench.pages.drawing import try_png

_READING = (
    "Each line is a layer, each picture a frame as the model sees it. The brighter a cell, the more "
    "the query attends to it; hover for the weight. Left: the model as it is. Right: with a cut."
)


def write_attention_maps(
    drawn: Mapping[str, tuple[AttentionMaps, AttentionMaps]], folder: Path, *, measured: int, table: Path
) -> list[Path]:
    """Write attention_maps.html, with the maps of each sample, untouched beside cut, and a picture a sample.

    Args:
        drawn: the maps, by the samples' ids.
        measured, table: how many samples have numbers, and where.

    Gives back the page, and behind it the pictures that could be drawn.
    """
    heats = {sample_id: untouched.figure(cut) for sample_id, (untouched, cut) in drawn.items()}
    parts = []
    for sample_id, (untouched, cut) in drawn.items():
        parts += [Part(sample_id, _described(untouched)), Part("", heats[sample_id])]
        parts.append(Part("", untouched.mass_figure(cut)))
    about = f"{len(drawn)} of {count_of(measured, 'sample')} drawn; {table.name} has the numbers of all."
    page = write_page(folder / "attention_maps.html", "Attention maps", parts, about=f"{_READING} {about}")
    written = [page]
    for sample_id, heat in heats.items():
        picture = folder / f"attention_{plain_name(sample_id)}.png"
        written += try_png(heat, picture, html=page, scale=1.5)
    return written


def _described(maps: AttentionMaps) -> str:
    """The question, its options with the true one marked, and the query."""
    sample = maps.prompt.sample
    asked = [] if sample is None else [sample.question]
    if sample is not None:
        for index, (letter, option) in enumerate(zip(sample.letters, sample.options, strict=True)):
            asked.append(f"({letter}) {option}{' (true)' if index == sample.answer else ''}")
    return "\n".join([*asked, f"Query: {maps.query}"])
