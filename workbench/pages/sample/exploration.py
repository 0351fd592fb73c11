"""One sample, looked into: what a viewer asks for, computed when asked and kept. No notebook is needed.

Axes: l layer, s position (key).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.analyses.attention.maps import AttentionMaps, Heads, attention_maps, map_layers, maps_of_rows
from workbench.data.sample import Sample
from workbench.figures.parts.text import arrows
from workbench.interventions import Knockout, Window
from workbench.pages.sample.document import document
from workbench.pages.sample.lens import answer_by_layer, cell_words, option_texts
from workbench.prompts.rows import query_rows_of
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.analyses.lens.logit_lens import LogitLens
    from workbench.models import Prompt, VideoLLM
    from workbench.runs import Run

_KEPT = 64  # maps that are kept: one a query and knockout
_TOP = 5  # tokens shown of the answer


class Exploration:
    """Answers the questions of a viewer about one prompt."""

    def __init__(
        self,
        model: VideoLLM,
        prompt: Prompt | Sample,
        *,
        run: Run | None = None,
        lens: LogitLens | bool | None = None,
        layers: int | Sequence[int] | Window | None = None,
    ) -> None:
        """`lens` is the logit lens of this prompt; True reads it here, in one pass.

        Raises RunError where `run` or `lens` do not fit, WindowError for layers that are not there.
        """
        self.model = model
        self.prompt = model.encode(prompt) if isinstance(prompt, Sample) else prompt
        self._maps: OrderedDict[tuple[tuple[int, ...], Knockout | None], AttentionMaps] = OrderedDict()
        self._answers: dict[Knockout | None, dict[str, Any]] = {}
        self._asked_layers = layers
        self.layers = map_layers(layers, model.n_layers)
        self.document = document(
            self.prompt,
            model_name=model.name,
            layers=self.layers,
            n_layers=model.n_layers,
            n_heads=model.n_heads,
            run=run,
            words=cell_words(model, self.prompt, lens, self.layers),
            answer=answer_by_layer(model, self.prompt),
        )

    def maps(self, query: str | int | Sequence[int], knockout: Knockout | None) -> AttentionMaps:
        """The maps of a query, from memory where it was asked before."""
        rows, name = query_rows_of(query, self.prompt.layout)
        key = (tuple(rows.tolist()), knockout)
        if key not in self._maps:
            self._keep(
                attention_maps(self.model, self.prompt, query, layers=self._asked_layers, knockout=knockout)
            )
        self._maps.move_to_end(key)
        return replace(self._maps[key], query=name)  # the same rows may have been asked by another name

    def prepare(self, rows: Sequence[int], knockout: Knockout | None) -> None:
        """Compute the maps of each of these rows (at most 64, counted from 0) together, in one pass."""
        for cut in dict.fromkeys((None, knockout)):
            new = [row for row in rows if ((row,), cut) not in self._maps]
            if new:
                found = maps_of_rows(self.model, self.prompt, new, layers=self._asked_layers, knockout=cut)
                for maps in found:
                    self._keep(maps)

    def _keep(self, maps: AttentionMaps) -> None:
        self._maps[maps.rows, maps.knockout] = maps
        while len(self._maps) > _KEPT:
            self._maps.popitem(last=False)

    def result(
        self, query: str | int | Sequence[int], heads: Heads = "mean", knockout: Knockout | None = None
    ) -> dict[str, Any]:
        """What a viewer draws: weights as bytes (float16, l x s, little endian), and what the model answers.

        Raises WorkbenchError for what the prompt or the model does not have.
        """
        untouched = self.maps(query, None).with_heads(heads)
        found: dict[str, Any] = {
            "rows": list(untouched.rows),
            "query": untouched.query,
            "heads": str(heads),
            "weights": packed(untouched.weights),
            "answer": self.answer(None),
            "cut": None,
        }
        if knockout is not None:
            cut = self.maps(query, knockout).with_heads(heads)
            found["cut"] = {
                "text": arrows(str(knockout)),
                "weights": packed(cut.weights),
                "answer": self.answer(knockout),
            }
        return found

    def answer(self, knockout: Knockout | None) -> dict[str, Any]:
        """The likeliest next tokens, and the probability of each option's letter in all its spellings."""
        if knockout not in self._answers:
            self._answers[knockout] = self._answer(knockout)
        return self._answers[knockout]

    def _answer(self, knockout: Knockout | None) -> dict[str, Any]:
        # Not above: engines need torch.
        from workbench.engine import last_logits

        p = last_logits(self.model, self.prompt, knockout).float().softmax(dim=-1)
        top = p.topk(min(_TOP, len(p)))
        options = []
        sample = self.prompt.sample
        texts = option_texts(self.prompt)
        for index, ids in enumerate(self.prompt.answer_ids.values()):
            true = sample is not None and sample.answer == index
            options.append({"text": texts[index], "p": float(p[list(ids)].sum()), "true": true})
        tokens = [
            {"text": self.model.token_text(int(token)).strip() or "␣", "p": float(value)}
            for token, value in zip(top.indices, top.values, strict=True)
        ]
        return {"top": tokens, "options": options}

    def knockout(self, flow: str, first: int, last: int) -> Knockout:
        """A flow cut in layers first .. last, from 1. Raises WorkbenchError where it cannot act here."""
        knockout = Knockout.of(flow, (first, last))
        knockout.check(self.prompt.layout, self.model.n_layers, self.model.n_heads)
        return knockout


@shaped
def packed(weights: Float[np.ndarray, "l s"]) -> bytes:
    """Weights as little-endian float16: 3 digits, and what is exactly 0 stays 0."""
    return np.ascontiguousarray(weights, dtype="<f2").tobytes()
