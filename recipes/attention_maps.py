"""What does a word look at? Attention maps on the frames, untouched beside cut (Map the Flow, Fig. 5).

For each sample one word is the query: by default the last word of the true option, which names what happens
("The person closes the door" -> "door", or "left"). Its attention on the video is drawn on the frames, layer
by layer, once untouched and once without the frames' attention to earlier frames. Where the cut blurs the
map, the word had found its place by what the frames had told one another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import workbench as wb
from workbench.analyses import AttentionMaps
from workbench.analyses.attention_maps import Heads
from workbench.analyses.progress import progress_bar
from workbench.analyses.words import word_rows
from workbench.data import MTF_TASKS, Sample
from workbench.errors import RunError, WorkbenchError
from workbench.figures import Part, write_page
from workbench.interventions import Knockout
from workbench.models import Prompt, VideoLLM
from workbench.recipe import Recipe, data_source

MOST_LAYERS = 12
"""Layers that a figure shows where nobody says which; deeper models are sampled evenly."""


@dataclass(frozen=True, kw_only=True)
class AttentionMapsRecipe(Recipe):
    """What does a word look at? Its attention on the frames, untouched beside cut (Map the Flow, Fig. 5)."""

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
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""

    def run(self) -> dict[str, tuple[AttentionMaps, AttentionMaps]]:
        """Make the maps, and write attention_maps.html, a picture a sample, and two tables into `out`."""
        model = self.load_model()
        name, _ = data_source(self.data)
        tasks = MTF_TASKS if name in ("mini", "tvbench") else ()
        samples = self.load_samples(tasks=tasks, limit=1)
        knockout = self.knockout(model)
        layers = self.layers or spread(model.n_layers)
        print(samples, flush=True)
        print(f"{model.name}: layers {', '.join(map(str, layers))}; cut: {knockout}", flush=True)
        self.out.mkdir(parents=True, exist_ok=True)
        found: dict[str, tuple[AttentionMaps, AttentionMaps]] = {}
        skipped: dict[str, str] = {}
        with progress_bar(len(samples), what="attention maps", unit=" samples") as bar:
            for sample in samples:
                try:
                    prompt = model.encode(sample, frames=self.frames, style=self.style)
                    query = query_of(prompt, self.word)
                    both = [
                        wb.attention_maps(
                            model, prompt, query, layers=layers, heads=as_heads(self.heads), knockout=cut
                        )
                        for cut in (None, knockout)
                    ]
                    found[sample.id] = (both[0], both[1])
                except WorkbenchError as error:
                    skipped[sample.id] = str(error)
                bar.update(1)
        if not found:
            first, reason = next(iter(skipped.items()))
            raise RunError(f"None of the {len(samples)} samples gave maps. The first, {first}: {reason}")
        for sample_id, reason in skipped.items():
            print(f"Skipped {sample_id}: {reason}", flush=True)
        print("Written: " + ", ".join(map(str, self._write(found))), flush=True)
        return found

    def knockout(self, model: VideoLLM) -> Knockout:
        """The flow, cut in the one range of `cut_layers`."""
        from workbench.interventions import parse_window

        spans = parse_window(self.cut_layers).expand(model.n_layers)
        if len(spans) != 1:
            raise RunError(f"{self.cut_layers} is {len(spans)} ranges. Name one, such as layers(3, 8).")
        return Knockout.of(self.flow, spans[0])

    def _write(self, found: dict[str, tuple[AttentionMaps, AttentionMaps]]) -> list[Path]:
        parts, masses, cells, written = [], [], [], []
        for sample_id, (untouched, cut) in found.items():
            heat = untouched.figure(cut)
            parts += [Part(sample_id, described(untouched)), Part("", heat)]
            parts.append(Part("", untouched.mass_figure(cut)))
            picture = self.out / f"attention_{re.sub(r'[^A-Za-z0-9_-]+', '_', sample_id)}.png"
            written.append(wb.figures.write_png(heat, picture, scale=1.5))
            for maps in (untouched, cut):
                named = {"sample_id": sample_id, "query": maps.query, "state": maps.state}
                masses.append(maps.mass.assign(**named))
                cells.append(maps.table.assign(sample_id=sample_id).dropna(subset="frame"))
        text = (
            "Each line is a layer, each picture a frame as the model sees it. The brighter a cell, the more "
            "the query attends to it; hover for the weight. Left: the model as it is. Right: with a cut."
        )
        page = write_page(self.out / "attention_maps.html", "Attention maps", parts, about=text)
        by_span = self.out / "attention_by_span.csv"
        pd.concat(masses)[["sample_id", "query", "state", "layer", "span", "keys", "mass"]].to_csv(
            by_span, index=False, float_format="%.6f"
        )
        table = self.out / "attention_maps.csv"
        columns = ["sample_id", "query", "state", "layer", "frame", "cell_row", "cell_column", "weight"]
        pd.concat(cells)[columns].to_csv(table, index=False, float_format="%.4g")
        return [page, table, by_span, *written]


def query_of(prompt: Prompt, word: str | None) -> str | list[int]:
    """The query's rows: those of `word`, or of the word that tells most. Raises SpanError."""
    if word == "last":
        return "last"
    sample = prompt.sample
    if word is not None:
        return word_rows(prompt.layout, word).tolist()
    if sample is not None and sample.true_option and "true_option" in prompt.layout:
        return word_rows(prompt.layout, _last_word(sample.true_option), "true_option").tolist()
    question = "" if sample is None else sample.question
    return word_rows(prompt.layout, _last_word(question)).tolist()


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


def _last_word(text: str) -> str:
    found = re.findall(r"\w+", text)
    return found[-1] if found else text
