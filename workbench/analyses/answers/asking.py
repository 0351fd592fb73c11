"""How an untouched model is asked: for its first token, its likeliest option, or an answer in words.

Axes: b batch, s position, v vocabulary.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pyarrow as pa

from workbench.analyses.answers.untouched import sample_row
from workbench.measures.correctness import NO_OPTIONS, UNKNOWN, judge
from workbench.measures.likelihood import chosen, option_log_p, spellings
from workbench.measures.scoring import get_scoring
from workbench.runs import Asked, Done, Measurement, Record, SampleRow, effects_schema, table_of
from workbench.runs.tables import schema_of
from workbench.shapes import Float

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Baseline
    from workbench.measures.correctness import Judge
    from workbench.models import Prompt, VideoLLM

SILENT = "the model wrote nothing, and this scoring leaves such answers out"


class AnswerRow(NamedTuple):
    """One row of answers.parquet: what was read of one sample's answer."""

    sample_id: str
    task: str
    text: str
    """What the model wrote, exactly; empty where it was not let write."""
    answer: str
    """The true letter, or the true words of an open-ended sample."""
    predicted: str
    """The letter that was chosen; empty where none was. Of an open-ended sample the text."""
    p: float | None
    """The chosen letter's probability among the options; missing for written answers."""
    correct: bool


@dataclass(frozen=True, kw_only=True)
class FirstAnswers(Measurement):
    """The token that the untouched model ranks first. Nothing is cut: the table of effects stays empty."""

    name: ClassVar[str] = "accuracy"
    table: ClassVar[str] = "effects"
    unit: ClassVar[str] = "questions"
    keeps_samples: ClassVar[bool] = True

    batch: int
    """Questions a forward, where their prompts have the same length."""

    @property
    def schema(self) -> pa.Schema:
        return effects_schema()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"batch": self.batch}

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        return self.batch

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        logits = _last_logits(model, group, on_done)
        return [self._record(model, asked, row) for asked, row in zip(group, logits, strict=True)]

    def _record(self, model: VideoLLM, asked: Asked, logits: Float[Tensor, " v"]) -> Record:
        verdict = judge(model, asked.sample, asked.prompt)
        if not verdict.knows:
            return self.skip(asked.sample, UNKNOWN)
        return Record(self.schema.empty_table(), _row(model, asked, verdict, logits))


@dataclass(frozen=True, kw_only=True)
class _Answers(Measurement):
    """Answers that are read by a rule: a row of answers.parquet each."""

    name: ClassVar[str] = "answers"
    table: ClassVar[str] = "answers"
    unit: ClassVar[str] = "questions"
    keeps_samples: ClassVar[bool] = True

    batch: int

    @property
    def schema(self) -> pa.Schema:
        return schema_of(AnswerRow)

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        return self.batch

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        found: list[Record] = []
        for asked, (text, logits) in zip(group, self.said(model, group, on_done), strict=True):
            verdict = judge(model, asked.sample, asked.prompt)
            row = self.read(asked, verdict, text, logits) if verdict.knows else UNKNOWN
            if isinstance(row, str):
                found.append(self.skip(asked.sample, row))
            else:
                found.append(Record(table_of([row], self.schema), _row(model, asked, verdict, logits)))
        return found

    @abstractmethod
    def said(
        self, model: VideoLLM, group: Sequence[Asked], on_done: Done
    ) -> list[tuple[str, Float[Tensor, " v"]]]:
        """The text of each, and the logits that its first token was taken from."""

    @abstractmethod
    def read(self, asked: Asked, verdict: Judge, text: str, logits: Float[Tensor, " v"]) -> AnswerRow | str:
        """The row, or why there is none."""


@dataclass(frozen=True, kw_only=True)
class LikeliestOptions(_Answers):
    """The option whose letter is likeliest, among the options alone."""

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"batch": self.batch, "ask": "likelihood"}

    def said(
        self, model: VideoLLM, group: Sequence[Asked], on_done: Done
    ) -> list[tuple[str, Float[Tensor, " v"]]]:
        return [("", logits) for logits in _last_logits(model, group, on_done)]

    def read(self, asked: Asked, verdict: Judge, text: str, logits: Float[Tensor, " v"]) -> AnswerRow | str:
        if not verdict.letters:
            return NO_OPTIONS
        letters = asked.sample.letters
        choice = chosen(option_log_p(logits[None], spellings(verdict, letters))[0].tolist(), letters)
        right = choice.letter == verdict.answer
        return AnswerRow(
            asked.sample.id, asked.sample.task, text, verdict.answer, choice.letter, choice.p, right
        )


@dataclass(frozen=True, kw_only=True)
class WrittenAnswers(_Answers):
    """What the model writes, read by a rule."""

    writes_text: ClassVar[bool] = True

    max_new_tokens: int
    scoring: str

    @property
    def settings(self) -> Mapping[str, Any]:
        told = {"max_new_tokens": self.max_new_tokens, "scoring": self.scoring}
        return {"batch": self.batch, "ask": "generation", **told}

    def said(
        self, model: VideoLLM, group: Sequence[Asked], on_done: Done
    ) -> list[tuple[str, Float[Tensor, " v"]]]:
        from workbench.engine.generation import generate_batch

        written = generate_batch(model, [asked.prompt for asked in group], max_new_tokens=self.max_new_tokens)
        on_done(len(group))
        return [(one.text, one.logits) for one in written]

    def read(self, asked: Asked, verdict: Judge, text: str, logits: Float[Tensor, " v"]) -> AnswerRow | str:
        sample, scoring = asked.sample, get_scoring(self.scoring)
        if not text and not scoring.counts_silence:
            return SILENT
        predicted, right = scoring.judge(sample, text)
        return AnswerRow(sample.id, sample.task, text, verdict.answer, predicted, None, right)


def _row(model: VideoLLM, asked: Asked, verdict: Judge, logits: Float[Tensor, " v"]) -> SampleRow:
    from workbench.engine import Outcomes

    return sample_row(model, asked, verdict, Outcomes(_baseline(logits), []))


def _baseline(logits: Float[Tensor, " v"]) -> Baseline:
    """The likeliest token of logits, softmax in float32."""
    from workbench.engine import Baseline
    from workbench.engine.readout import probabilities

    best = probabilities(logits[None]).max(dim=-1)
    return Baseline(token_id=int(best.indices[0]), p=float(best.values[0]))


def _last_logits(model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Float[Tensor, " v"]]:
    """The logits behind each prompt of a group, those of one shape in one forward."""
    found: dict[int, Any] = {}
    for places in _same_shape([asked.prompt for asked in group]):
        logits = last_logits(model, [group[place].prompt for place in places])
        found.update(zip(places, logits, strict=True))
        on_done(len(places))
    return [found[place] for place in range(len(group))]


def _same_shape(prompts: Sequence[Prompt]) -> Iterator[list[int]]:
    """Places of prompts whose inputs can be stacked without padding."""
    groups: dict[Any, list[int]] = {}
    for place, prompt in enumerate(prompts):
        shape = tuple((name, tuple(value.shape)) for name, value in sorted(prompt.inputs.items()))
        groups.setdefault(shape, []).append(place)
    yield from groups.values()


def last_logits(model: VideoLLM, prompts: Sequence[Prompt]) -> Float[Tensor, "b v"]:
    """The untouched model's logits (b, v) behind each prompt.

    The prompts' inputs must have the same shapes: they are stacked along their first axis and run as one.
    """
    import torch

    given = [prompt.inputs for prompt in prompts]
    told = [model.family.behind(one, given[:place]) for place, one in enumerate(given)]
    inputs = {name: torch.cat([one[name] for one in told]) for name in sorted(given[0])}
    with torch.inference_mode():
        return model.hf(**inputs, use_cache=False, **model.only_last_logits).logits[:, -1]
