"""What does a word look at? Attention maps on the frames, untouched beside cut (Map the Flow, Fig. 5).

For each sample one word is the query: by default the last word of the true option, which names what happens
("The person closes the door" -> "door", or "left"). Its attention on the video is drawn on the frames, layer
by layer, once untouched and once without the frames' attention to earlier frames. Where the cut blurs the
map, the word had found its place by what the frames had told one another. The first samples of each task are
drawn; how much of the attention goes to which frame or option is in a table of all samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from workbench.analyses import attention
from workbench.analyses.answers import first_of_each_task
from workbench.data import MTF_TASKS
from workbench.interventions import Knockout, spread_layers
from workbench.pages import write_attention_maps
from workbench.recipe import Count, Prompting, one_range, say


class Found(NamedTuple):
    """What this recipe finds."""

    shares: attention.AttentionShares
    """Of all samples."""
    maps: dict[str, tuple[attention.AttentionMaps, attention.AttentionMaps]]
    """Of the samples that are drawn, untouched and cut, by the sample's id."""


@dataclass(frozen=True, kw_only=True)
class AttentionMapsRecipe(Prompting):
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
    pictures: Count = 1
    """Samples of each task that are drawn on their frames; the table has all."""

    def run(self) -> Found:
        """Measure, and leave tables, attention_maps.html and a picture a drawn sample in `out`."""
        samples, model = self.load_samples(limit=1), self.load_model()
        cut = Knockout.of(self.flow, one_range(self.cut_layers, model.n_layers, option="cut-layers"))
        layers, heads = self.layers or spread_layers(model.n_layers, 12), attention.parse_heads(self.heads)
        query: dict[str, Any] = {"word": self.word, "layers": layers, "heads": heads}
        say(samples)
        say(f"{model.name}: layers {', '.join(map(str, layers))}; cut: {cut}")
        shares = attention.attention_shares(model, samples, cut, out=self.out, **query, **self.prompting)
        for skip in shares.skipped.to_dict("records"):
            say(f"Skipped {skip['sample_id']}: {skip['reason']}")
        found = set(shares.table["sample_id"])
        maps = {
            one.id: attention.maps_of_word(model, model.encode(one, **self.prompting), cut, **query)
            for one in first_of_each_task(samples, found, self.pictures)
        }
        by_span = self.write_csv(shares.table, "attention_by_span.csv", "%.6f")
        table = self.write_csv(attention.cell_table(maps), "attention_maps.csv", "%.4g")
        page, *pictures = write_attention_maps(maps, self.out, measured=len(found), table=by_span)
        self.wrote(page, table, by_span, self.out / "attention_by_span.parquet", *pictures)
        return Found(shares, maps)
