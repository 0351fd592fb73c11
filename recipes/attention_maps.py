"""What does a word look at? Attention maps on the frames, untouched beside cut (Map the Flow, Fig. 5).

For each sample one word is the query: by default the last word of the true option, which names what happens
("The person closes the door" -> "door", or "left"). Its attention on the video is drawn on the frames, layer
by layer, once untouched and once without the frames' attention to earlier frames. Where the cut blurs the
map, the word had found its place by what the frames had told one another. The first samples of each task are
drawn; how much of the attention goes to which frame or option is in a table of all samples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd

from workbench.analyses.attention.maps import AttentionMaps, Heads
from workbench.analyses.attention.shares import AttentionShares, attention_shares, maps_of_word
from workbench.data import MTF_TASKS, Sample
from workbench.errors import RunError
from workbench.figures.parts.text import count_of
from workbench.interventions import Knockout
from workbench.models import VideoLLM
from workbench.pages import Part, try_png, write_page
from workbench.recipe import Recipe

MOST_LAYERS = 12
"""Layers that a figure shows where nobody says which; deeper models are sampled evenly."""


class Found(NamedTuple):
    """What this recipe finds."""

    shares: AttentionShares
    """Of all samples."""
    maps: dict[str, tuple[AttentionMaps, AttentionMaps]]
    """Of the samples that are drawn, untouched and cut, by the sample's id."""


@dataclass(frozen=True, kw_only=True)
class AttentionMapsRecipe(Recipe):
    """What does a word look at? Its attention on the frames, untouched beside cut (Map the Flow, Fig. 5)."""

    paper_tasks: ClassVar = MTF_TASKS
    word: str | None = None
    """The query: a word of the question or of an option; "last" is the prompt's last row. If not given: the
    last word of the true option, or of the question where there is none."""
    layers: tuple[int, ...] = ()
    """Layers to show, from 1. If not given: all of a model of up to 12 layers, else 12 spread evenly."""
    heads: str = "mean"
    """mean or max over the heads, or the number of one head, from 0."""
    flow: str = "frames -> later frames"
    """Flow that is cut in the maps at the right; `workbench list flows` shows the papers' own."""
    cut_layers: str = "all_layers"
    """Where it is cut, for example "layers(3, 8)" or "first_half"; one range."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    pictures: int = 1
    """Samples of each task that are drawn on their frames; the table has all."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""

    def run(self) -> Found:
        """Measure, and leave tables, attention_maps.html and a picture a drawn sample in `out`."""
        if self.pictures < 1:
            raise RunError(f"pictures={self.pictures}: draw at least one sample a task.")
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks(), limit=1)
        knockout = self.knockout(model)
        query: dict[str, Any] = {
            "word": self.word,
            "layers": self.layers or spread(model.n_layers),
            "heads": as_heads(self.heads),
        }
        prompts: dict[str, Any] = {"style": self.style, "frames": self.frames}
        print(samples, flush=True)
        print(f"{model.name}: layers {', '.join(map(str, query['layers']))}; cut: {knockout}", flush=True)
        shares = attention_shares(model, samples, knockout, out=self.out, **query, **prompts)
        for skip in shares.skipped.to_dict("records"):
            print(f"Skipped {skip['sample_id']}: {skip['reason']}", flush=True)
        maps = {
            sample_id: maps_of_word(model, model.encode(samples[sample_id], **prompts), knockout, **query)
            for sample_id in self.drawn(shares)
        }
        print("Written: " + ", ".join(map(str, self._write(shares, maps))), flush=True)
        return Found(shares, maps)

    def drawn(self, shares: AttentionShares) -> list[str]:
        """The first samples of each task."""
        each: Any = shares.table.drop_duplicates("sample_id").groupby("task", sort=False)
        return each.head(self.pictures)["sample_id"].tolist()

    def knockout(self, model: VideoLLM) -> Knockout:
        """The flow, cut in the one range of `cut_layers`."""
        from workbench.interventions import parse_window

        spans = parse_window(self.cut_layers).expand(model.n_layers)
        if len(spans) != 1:
            raise RunError(f"{self.cut_layers} is {len(spans)} ranges. Name one, such as layers(3, 8).")
        return Knockout.of(self.flow, spans[0])

    def _write(
        self, shares: AttentionShares, drawn: dict[str, tuple[AttentionMaps, AttentionMaps]]
    ) -> list[Path]:
        page, table, by_span = (
            self.out / name for name in ("attention_maps.html", "attention_maps.csv", "attention_by_span.csv")
        )
        shares.table.to_csv(by_span, index=False, float_format="%.6f")
        parts, cells, heats = [], [], {}
        for sample_id, (untouched, cut) in drawn.items():
            heats[sample_id] = untouched.figure(cut)
            parts += [Part(sample_id, described(untouched)), Part("", heats[sample_id])]
            parts.append(Part("", untouched.mass_figure(cut)))
            cells += [
                maps.table.assign(sample_id=sample_id).dropna(subset="frame") for maps in (untouched, cut)
            ]
        columns = ["sample_id", "query", "state", "layer", "frame", "cell_row", "cell_column", "weight"]
        pd.concat(cells)[columns].to_csv(table, index=False, float_format="%.4g")
        measured = len(set(shares.table["sample_id"]))
        text = (
            "Each line is a layer, each picture a frame as the model sees it. The brighter a cell, the more "
            "the query attends to it; hover for the weight. Left: the model as it is. Right: with a cut. "
            f"{len(drawn)} of {count_of(measured, 'sample')} drawn; {by_span.name} has the numbers of all."
        )
        write_page(page, "Attention maps", parts, about=text)
        written = [page, table, by_span, self.out / "attention_by_span.parquet"]
        for sample_id, heat in heats.items():
            picture = self.out / f"attention_{re.sub(r'[^A-Za-z0-9_-]+', '_', sample_id)}.png"
            written += try_png(heat, picture, html=page, scale=1.5)
        return written


def described(maps: AttentionMaps) -> str:
    """The question, its options with the true one marked, and the query."""
    sample: Sample | None = maps.prompt.sample
    asked = [] if sample is None else [sample.question]
    if sample is not None:
        for index, (letter, option) in enumerate(zip(sample.letters, sample.options, strict=True)):
            asked.append(f"({letter}) {option}{' (true)' if index == sample.answer else ''}")
    return "\n".join([*asked, f"Query: {maps.query}"])


def spread(n_layers: int) -> tuple[int, ...]:
    """All layers from 1, or `MOST_LAYERS` of them spread evenly, the first and the last included."""
    if n_layers <= MOST_LAYERS:
        return tuple(range(1, n_layers + 1))
    step = (n_layers - 1) / (MOST_LAYERS - 1)
    return tuple(round(1 + place * step) for place in range(MOST_LAYERS))


def as_heads(text: str) -> Heads:
    """ "mean", "max", or a head's number."""
    if text in ("mean", "max"):
        return "mean" if text == "mean" else "max"
    if not text.strip().isdigit():
        raise RunError(f"heads={text!r} is not offered: use mean, max, or the number of one head, from 0.")
    return int(text)
