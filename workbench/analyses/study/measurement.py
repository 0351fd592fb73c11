"""How many questions a model answers under each of many interventions, all samples counted.

An Empirical Study measures accuracy where Map the Flow measures the probability of an answer that was right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pandas as pd
import pyarrow as pa

from workbench.analyses.study.cases import UNTOUCHED, Case, without_video
from workbench.analyses.study.putting import Answer, Put, run_as_cut
from workbench.errors import RunError, WorkbenchError
from workbench.interventions import Knockout
from workbench.interventions.exits import Acceleration
from workbench.measures.correctness import NO_OPTIONS, UNKNOWN, judge
from workbench.measures.likelihood import chosen
from workbench.measures.text import letter_said
from workbench.runs import Asked, Done, Measurement, Record, Skip, measure_samples, table_of
from workbench.runs.tables import schema_of

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Engine, Generation
    from workbench.interventions import Intervention
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Sampling


class CaseRow(NamedTuple):
    """One row of the table: what one sample was answered in one case."""

    sample_id: str
    task: str
    case: str
    """ "untouched", or the case's name."""
    layer: int
    """Its place on the layer axis: i where a flow is cut after layer i; 0 where it has none."""
    first_layer: int
    last_layer: int
    intervention: str
    """As text; empty for the untouched model."""
    options: int
    """How many there are to choose from."""
    answer: str
    """The true letter."""
    letter: str
    """The likeliest letter."""
    p_letter: float
    """Its probability among the options."""
    correct: bool
    text: str
    """What the model wrote, where it was let write."""
    letter_written: str
    """The letter that the text chooses; empty where it chooses none."""
    correct_written: float | None
    """1 where that is the true one, else 0; missing where nothing was written."""


class Studied(NamedTuple):
    """What every sample gave in every case."""

    table: pd.DataFrame
    """One row a sample and case. Columns: `CaseRow`."""
    skipped: pd.DataFrame
    """What could not be used: sample_id, flow (the case; empty for the whole sample), reason."""
    manifest: dict[str, Any]
    folder: Path | None


def study(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    cases: Sequence[Case],
    *,
    written: Collection[str] = (),
    max_new_tokens: int = 8,
    engine: str | Engine = "incremental",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> Studied:
    """The answer to every sample: untouched, with the video cut everywhere ("no video"), and in every case.

    Args:
        written: names of cases whose answer is written out too; if there are any, so is the untouched one.
            The letters are then read off the step that wrote the first token.
        max_new_tokens: how long written answers may be.
        engine: runs cuts, and exits of the whole video as the cuts that they are. Other exits are run by
            `accelerated`, or by "reference" where that is the engine.
        out, style, separators, frames: as in `sweep`.

    A sample without options or a known answer is skipped and listed; so is a case that cannot act on a
    prompt. Raises RunError where no sample can be used, for two cases of one name and layer, max_new_tokens
    below 1, and where `out` holds a run with other settings; InterventionError for a layer that the model
    lacks.
    """
    from workbench.engine import get_engine

    if isinstance(max_new_tokens, bool) or max_new_tokens < 1:
        raise RunError(f"max_new_tokens={max_new_tokens!r} leaves nothing to say. Give 1 or more.")
    blind = without_video(model.n_layers)
    asked = [*([] if any(case.name == blind.name for case in cases) else [blind]), *cases]
    places = [(case.name, case.layer) for case in asked]
    if twice := [place for place in places if places.count(place) > 1 or place[0] == UNTOUCHED]:
        name, layer = twice[0]
        raise RunError(
            f"The case {name!r} (layer {layer}) is there twice. Give every case a name of its own."
        )
    names = tuple(dict.fromkeys([UNTOUCHED, *written])) if written else ()
    told = {"cases": tuple(asked), "written": names, "max_new_tokens": max_new_tokens}
    found = measure_samples(
        model,
        samples,
        Study(engine=get_engine(engine), **told),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return Studied(found.table, found.skipped, found.manifest, found.folder)


@dataclass(frozen=True, kw_only=True)
class Study(Measurement):
    """Every sample in every case."""

    name: ClassVar[str] = "study"
    table: ClassVar[str] = "study"
    unit: ClassVar[str] = "cases"

    cases: tuple[Case, ...]
    written: tuple[str, ...]
    max_new_tokens: int
    engine: Engine

    @property
    def schema(self) -> pa.Schema:
        return schema_of(CaseRow)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "cases": [[case.name, str(case.intervention), *case[2:]] for case in self.cases],
            "written": list(self.written),
            "max_new_tokens": self.max_new_tokens,
            "engine": self.engine.name,
        }

    def units(self, model: VideoLLM) -> int:
        return len(self.cases)

    def refuse(self, model: VideoLLM, encoder: Any) -> None:
        for case in self.cases:
            case.intervention.layers(model.n_layers)  # a layer that the model lacks fails everywhere
        super().refuse(model, encoder)

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        from workbench.engine import Request

        cuts = [case.intervention for case in self.cases if isinstance(case.intervention, Knockout)]
        return self.engine.at_once(model, Request(prompt=first.prompt, interventions=cuts))

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        from workbench.models.vision import seen_once  # needs torch, which reading a run does not

        put = [self._put(model, asked) for asked in group]
        with seen_once(model):
            answers = iter(self._answers(model, [one for one in put if isinstance(one, Put)], on_done))
            return [
                self.skip(asked.sample, one)
                if isinstance(one, str)
                else Record(
                    table_of(self._rows(one, next(answers)), self.schema),
                    skipped=tuple(Skip(asked.sample.id, name, why) for name, why in one.refused.items()),
                )
                for asked, one in zip(group, put, strict=True)
            ]

    def _answers(
        self, model: VideoLLM, put: Sequence[Put], on_done: Done
    ) -> list[dict[Intervention | None, Answer]]:
        """For each sample, the answer to each thing that is run; None is the untouched model."""
        found: list[dict[Intervention | None, Answer]] = [{} for _ in put]
        for one, answers in zip(put, found, strict=True):
            for what in one.to_write(self.written):
                said = self._written(model, one.prompt, what)
                key = None if what is None else one.run_as[what]
                answers[key] = Answer(one.letters(said.logits), said.text)
                on_done(int(what is not None))
        for engine, exits in ((self.engine, False), (self._exits_engine(), True)):
            requests = [one.request(answers, exits=exits) for one, answers in zip(put, found, strict=True)]
            if not any(request.interventions for request in requests):
                continue
            ran = engine.run(model, requests, on_done)
            for answers, request, outcomes in zip(found, requests, ran, strict=True):
                for what, outcome in zip(request.interventions, outcomes.changed, strict=True):
                    half = len(outcome.measured) // 2
                    answers.setdefault(None, Answer(outcome.measured[:half]))
                    answers[what] = Answer(outcome.measured[half:])
        return found

    def _exits_engine(self) -> Engine:
        from workbench.engine.accelerated import AcceleratedEngine

        return self.engine if self.engine.name == "reference" else AcceleratedEngine()

    def _put(self, model: VideoLLM, asked: Asked) -> Put | str:
        """What is asked of one sample; why it is not, where it cannot be."""
        verdict = judge(model, asked.sample, asked.prompt)
        if not verdict.letters:
            return NO_OPTIONS
        if not verdict.knows:
            return UNKNOWN
        cases, refused, layout = [], {}, asked.prompt.layout
        run_as: dict[Intervention, Intervention] = {}
        for case in self.cases:
            try:
                case.intervention.check(layout, model.n_layers, model.n_heads)
            except WorkbenchError as error:
                refused[case.name] = str(error)
                continue
            cases.append(case)
            run_as[case.intervention] = run_as_cut(case.intervention, layout, model.n_layers)
        return (
            Put(asked.sample, asked.prompt, verdict, cases, run_as, refused)
            if cases
            else next(iter(refused.values()))
        )

    def _rows(self, put: Put, answers: Mapping[Intervention | None, Answer]) -> Iterator[CaseRow]:
        sample, letters = put.sample, put.sample.letters
        for case in (None, *put.cases):
            name = UNTOUCHED if case is None else case.name
            what = None if case is None else case.intervention
            answer = answers[None if what is None else put.run_as[what]]
            choice = chosen(answer.letters, letters)
            text = answer.text if name in self.written else None
            said = None if text is None else letter_said(text, sample.options)
            yield CaseRow(
                sample_id=sample.id,
                task=sample.task,
                case=name,
                layer=0 if case is None else case.layer,
                first_layer=0 if case is None else case.first_layer,
                last_layer=0 if case is None else case.last_layer,
                intervention="" if what is None else str(what),
                options=len(letters),
                answer=put.judge.answer,
                letter=choice.letter,
                p_letter=choice.p,
                correct=choice.letter == put.judge.answer,
                text=text or "",
                letter_written=said or "",
                correct_written=None if text is None else float(said == put.judge.answer),
            )

    def _written(self, model: VideoLLM, prompt: Prompt, what: Intervention | None) -> Generation:
        from workbench.engine import generate
        from workbench.engine.accelerated import accelerated

        if isinstance(what, Acceleration):
            with accelerated(model, what) as fast:
                return fast.generations([prompt], max_new_tokens=self.max_new_tokens)[0]
        return generate(model, prompt, what, max_new_tokens=self.max_new_tokens)
