"""The tokens of an answer under every knockout, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pyarrow as pa

from workbench.analyses.sweep.cells import Cell, make_cells, refuse_missing
from workbench.errors import NotFinite, PromptError, WorkbenchError
from workbench.interventions import Flow, Knockout, Window, at_steps
from workbench.measures.probability import change_percent
from workbench.runs import Asked, Done, Encoder, Measurement, Record, Skip, Unusable, table_of
from workbench.runs.tables import schema_of

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.engine import Engine
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.layout import TokenLayout


class StepRow(NamedTuple):
    """One token of one sample's answer under one knockout."""

    sample_id: str
    task: str
    flow: str
    window: str
    layer: int
    """From 1, as in the table of a sweep; 0 where a window has no place."""
    first_layer: int
    last_layer: int
    step: int
    """From 1: the token's place in the answer."""
    token: str
    """What it says, with its leading space where it has one."""
    p_base: float
    """Its probability in the untouched model, given the tokens before it."""
    p_knockout: float
    change_percent: float
    """(p_knockout - p_base) / p_base * 100."""


@dataclass(frozen=True, kw_only=True)
class TokensUnderKnockouts(Measurement):
    """The untouched model's answer, then the probability of its tokens after every knockout."""

    name: ClassVar[str] = "flows_while_writing"
    table: ClassVar[str] = "tokens"
    unit: ClassVar[str] = "knockouts"
    writes_text: ClassVar[bool] = True

    flows: tuple[Flow, ...]
    windows: tuple[Window, ...]
    steps: str | tuple[int, ...]
    """"each", "all" or numbers from 1."""
    texts: Mapping[str, str | list[int]] | None
    max_new_tokens: int
    engine: Engine

    @property
    def schema(self) -> pa.Schema:
        return schema_of(StepRow)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "flows": [str(flow) for flow in self.flows],
            "windows": [str(window) for window in self.windows],
            "steps": self.steps if isinstance(self.steps, str) else list(self.steps),
            "texts": self.texts,
            "max_new_tokens": self.max_new_tokens,
            "engine": self.engine.name,
        }

    def cells(self, model: VideoLLM) -> tuple[Cell, ...]:
        """What is cut, in the order of the table. Raises WindowError for layers that the model lacks."""
        return make_cells(self.flows, self.windows, model.n_layers)

    def units(self, model: VideoLLM) -> int:
        """Knockouts of one sample."""
        return len({cell.knockout for cell in self.cells(model)})

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        """Raise for layers that the model lacks, and for a flow that no sample has."""
        self.cells(model)

        def lacking(prompt: Prompt) -> dict[Flow, WorkbenchError]:
            # Whatever is written: two rows, so that one can read the other.
            told = ["", ""] if prompt.layout.tokens else []
            return self._missing(model, prompt.layout.with_generated(2, tokens=told))

        refuse_missing(encoder, lacking)

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        found = []
        for asked in group:
            try:
                found.append(self._record(model, asked.sample, asked.prompt, on_done))
            except (Unusable, NotFinite, PromptError) as reason:
                found.append(self.skip(asked.sample, str(reason)))
        return found

    def _record(self, model: VideoLLM, sample: Sample, prompt: Prompt, on_done: Done) -> Record:
        from workbench.engine import TextRequest, with_text

        text = self._text(model, sample, prompt)
        behind = with_text(model, prompt, text)
        missing = self._missing(model, behind.layout)
        cells = [cell for cell in self.cells(model) if cell.flow not in missing]
        # Each knockout as it is run; None where it has nothing to cut at the chosen steps.
        cuts: dict[Knockout, Knockout | None] = {cell.knockout: cell.knockout for cell in cells}
        if not isinstance(self.steps, str):
            steps = [step for step in self.steps if step <= len(text)]
            if not steps:
                raise Unusable(f"its answer has {len(text)} tokens, and so no step {self.steps[0]}")
            cuts = {knockout: at_steps(knockout, steps, behind.layout) for knockout in cuts}
        asked = {knockout: cut for knockout, cut in cuts.items() if cut is not None}
        request = TextRequest(
            prompt=behind, token_ids=text, knockouts=list(asked.values()), own_step=self.steps == "each"
        )
        followed = self.engine.follow(model, request, on_done)
        found = dict(zip(asked, followed.changed.tolist(), strict=True))
        return Record(
            rows=table_of(self._rows(model, sample, text, cells, found, followed.base.tolist()), self.schema),
            skipped=tuple(Skip(sample.id, str(flow), str(error)) for flow, error in missing.items()),
        )

    def _rows(
        self,
        model: VideoLLM,
        sample: Sample,
        text: Sequence[int],
        cells: Sequence[Cell],
        found: Mapping[Knockout, Sequence[float]],
        base: Sequence[float],
    ) -> Iterator[StepRow]:
        said = [model.token_text(token) for token in text]
        for flow, window, span, knockout in cells:
            told = zip(said, base, found.get(knockout, base), strict=True)
            for step, (token, p_base, p) in enumerate(told, start=1):
                yield StepRow(
                    sample_id=sample.id,
                    task=sample.task,
                    flow=str(flow),
                    window=str(window),
                    layer=span.layer,
                    first_layer=span.first_layer,
                    last_layer=span.last_layer,
                    step=step,
                    token=token,
                    p_base=p_base,
                    p_knockout=p,
                    change_percent=change_percent(p, p_base),
                )

    def _missing(self, model: VideoLLM, layout: TokenLayout) -> dict[Flow, WorkbenchError]:
        """The flows that this prompt with its text, or this model, does not have, each with the reason."""
        from workbench.engine.recurrent import check_cut

        missing: dict[Flow, WorkbenchError] = {}
        for flow in self.flows:
            try:
                check_cut(model, flow, self.windows, layout)
            except WorkbenchError as error:
                missing[flow] = error
        return missing

    def _text(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> tuple[int, ...]:
        """What is written. Raises Unusable or PromptError where it cannot be followed."""
        from workbench.engine import generate
        from workbench.prompts.tokens import encode_text

        if self.texts is None:
            return generate(model, prompt, max_new_tokens=self.max_new_tokens).token_ids
        if sample.id not in self.texts:
            raise Unusable("no text is given for it")
        given = self.texts[sample.id]
        return encode_text(model.tokenizer, given) if isinstance(given, str) else tuple(given)
