"""Did it use time? Each question is asked again with the video changed, and each answer is a fact.

What the facts come to is said in `rule.py`. Blind tests and shuffled frames are how benchmarks are audited
(Cores et al., "Lost in Time" (TVBench), 2024, section 3); here they are asked of one model's single answers.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from workbench.analyses.use_of_time.result import TimeUse
from workbench.analyses.use_of_time.shown import APART, FEWEST, HIDDEN, RANDOM, interrogate
from workbench.data import as_samples
from workbench.errors import ClipError, KnockoutError, RunError
from workbench.interventions import Flow, Knockout
from workbench.interventions.catalogue import CROSS_FRAME, VIDEO_TEXT
from workbench.interventions.knockouts import Cut
from workbench.interventions.random_edges import RandomEdges
from workbench.measures.correctness import NO_OPTIONS, judge
from workbench.measures.likelihood import chosen, option_log_p, options_readout, spellings
from workbench.runs import PromptMeasurement, Unusable, measure_samples

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.measures.correctness import Judge
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Clip, Sampling

UNTOUCHED = "untouched"
_SPARE = 4
"""Other clips that are drawn beyond those needed, in case some cannot be read."""
NO_VIDEO, CUT, CONTROL = "no video", "frames apart", "random edges {}"


class FactRow(NamedTuple):
    """What one sample was answered when one thing was changed."""

    sample_id: str
    task: str
    fact: str
    kind: str
    """One of `shown.KINDS`; empty for the untouched clip."""
    frame: int
    """The frame, from 1, that is alone, stays in place or is put into another clip; 0 where none is."""
    options: int
    truth: str
    """The true letter of the clip as it is; empty where it is not known."""
    answer: str
    """The letter that the untouched model ranks first among the options'."""
    letter: str
    """The letter that it ranks first now."""
    p_answer: float
    """Probability now, among the options, of what the untouched model answered."""
    kept: bool
    """Whether `letter` is `answer`."""


def use_of_time(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    others: int = 6,
    shuffles: int = 4,
    controls: int = 2,
    engine: str | Engine = "incremental",
    seed: int = 0,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> TimeUse:
    """Certificates: whether each answer rests on time, on what a still shows, or on the words alone.

    Each question is asked with the video hidden from the text, with other clips in its place, with its frames
    reversed and shuffled in place, with one frame in every place, and with the attention between frames cut,
    beside as many random edges. A frame that is enough alone is looked at closer. The rule: `rule.rule`.

    Args:
        others: clips of other samples, of the same task where there are enough, that are shown instead.
        shuffles: orders of the frames, beside the reversal.
        controls: draws of random edges beside the cut between frames.
        engine: runs the cuts.
        seed: for orders, other clips and random edges.
        out, style, separators, frames: as in `sweep`.

    A sample without options, or of fewer than 4 frames, is skipped and listed. Raises RunError where none can
    be used, for numbers below 1 (`controls` below 0), where there are no `others` other clips, and where
    `out` holds a run with other settings.
    """
    from workbench.engine import get_engine
    from workbench.runs.encoding import read_frames

    for name, number, least in (("others", others, 1), ("shuffles", shuffles, 1), ("controls", controls, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise RunError(f"{name}={number!r}: give a whole number from {least}.")
    samples = as_samples(samples)
    measurement = Facts(
        others=_others(samples, others, seed),
        count=others,
        shuffles=shuffles,
        controls=controls,
        seed=seed,
        engine=get_engine(engine),
        style=style,
        separators=separators,
        frames=read_frames(frames),
    )
    found = measure_samples(
        model,
        samples,
        measurement,
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return TimeUse(table=found.table, skipped=found.skipped, manifest=found.manifest, folder=found.folder)


def _others(samples: Sequence[Sample], count: int, seed: int) -> dict[str, tuple[Sample, ...]]:
    """For each sample other samples of other clips, drawn for it alone: of its task, then of other tasks."""
    clips: dict[str, dict[Path, Sample]] = {}
    for sample in samples:
        clips.setdefault(sample.task, {}).setdefault(sample.video, sample)
    found = {}
    for sample in samples:
        rng = np.random.default_rng([seed, zlib.crc32(sample.id.encode())])
        drawn: list[Sample] = []
        for task in (sample.task, *(task for task in clips if task != sample.task)):
            near = [other for video, other in clips[task].items() if video != sample.video]
            drawn += [near[place] for place in rng.permutation(len(near))[: count + _SPARE - len(drawn)]]
        if len(drawn) < count:
            raise RunError(
                f"{sample.id} needs {count} other clips to be shown instead, and these samples have "
                f"{len(drawn)}. Give more samples, or others={len(drawn) or 1}."
            )
        found[sample.id] = tuple(drawn)
    return found


@dataclass(frozen=True, kw_only=True)
class Facts(PromptMeasurement):
    """Every sample with everything that is shown in its place, and every cut."""

    name: ClassVar[str] = "use_of_time"
    table: ClassVar[str] = "facts"
    unit: ClassVar[str] = "samples"
    row: ClassVar[type] = FactRow

    others: Mapping[str, tuple[Sample, ...]]
    """By the sample's id, whose clips may be shown instead: the first `count` that can be read."""
    count: int
    shuffles: int
    controls: int
    seed: int
    engine: Engine
    style: str | None = None
    separators: Separators | None = None
    frames: Sampling | int | None = None

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "others": self.count,
            "shuffles": self.shuffles,
            "controls": self.controls,
            "seed": self.seed,
            "engine": self.engine.name,
        }

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterator[FactRow]:
        from workbench.models.vision import seen_once  # needs torch, which reading a run does not

        verdict = judge(model, sample, prompt)
        if not verdict.letters:
            raise Unusable(NO_OPTIONS)
        if (n := len(prompt.clip)) < FEWEST:
            raise Unusable(f"its clip has {n} frames, and orders of fewer than {FEWEST} say little")
        asked: dict[str, Any] = {"style": self.style, "separators": self.separators}
        with seen_once(model):
            before, cuts = self._cuts(model, prompt, verdict, sample.letters)
        answer = chosen(before, sample.letters).letter

        def row(fact: str, kind: str, frame: int, log_p: Sequence[float]) -> FactRow:
            letter = chosen(log_p, sample.letters).letter
            return FactRow(
                sample_id=sample.id,
                task=sample.task,
                fact=fact,
                kind=kind,
                frame=frame,
                options=len(sample.letters),
                truth=sample.true_letter or "",
                answer=answer,
                letter=letter,
                p_answer=float(np.exp(log_p[sample.letters.index(answer)])),
                kept=letter == answer,
            )

        yield row(UNTOUCHED, "", 0, before)
        for fact, kind, log_p in cuts:
            yield row(fact, kind, 0, log_p)
        others = self._read(model, sample)

        def ask(clip: Clip) -> Sequence[float]:
            again = model.encode(sample, clip=clip, **asked)
            return _letters(model, again, verdict, sample.letters)

        def kept(log_p: Sequence[float]) -> bool:
            return chosen(log_p, sample.letters).letter == answer

        told: dict[str, Any] = {"shuffles": self.shuffles, "seed": self.seed}
        for one, log_p in interrogate(prompt.clip, sample.id, others, ask, kept, **told):
            yield row(one.name, one.kind, one.frame, log_p)

    def _read(self, model: VideoLLM, sample: Sample) -> list[Clip]:
        clips, why = [], ""
        for other in self.others[sample.id]:
            try:
                clips.append(model.read_clip(other, self.frames))
            except ClipError as error:
                why = f": {error}"
            if len(clips) == self.count:
                return clips
        raise Unusable(f"only {len(clips)} of {self.count} other clips can be read{why}")

    def _cuts(
        self, model: VideoLLM, prompt: Prompt, verdict: Judge, letters: Sequence[str]
    ) -> tuple[Sequence[float], list[tuple[str, str, tuple[float, ...]]]]:
        """The letters' log-probabilities of the untouched model, and after each cut in all layers."""
        from workbench.engine import Request

        every = (1, model.n_layers)
        apart = Flow.parse(CROSS_FRAME)
        count = apart.edges(prompt.layout).count()
        first = int(prompt.layout["video"][0])
        told: list[tuple[str, str, Knockout]] = [
            (NO_VIDEO, HIDDEN, Knockout.of(VIDEO_TEXT, every)),
            (CUT, APART, Knockout.of(CROSS_FRAME, every)),
        ]
        for draw in range(self.controls):
            drawn = tuple(
                Cut(
                    flow=RandomEdges(
                        count=count, first_row=first, seed=self.seed, draw=draw * model.n_layers + layer
                    ),
                    first_layer=layer,
                    last_layer=layer,
                )
                for layer in range(1, model.n_layers + 1)
            )
            told.append((CONTROL.format(draw + 1), RANDOM, Knockout(cuts=drawn)))
        knockouts = []
        for _, _, knockout in told:
            try:
                knockout.check(prompt.layout, model.n_layers, model.n_heads)
            except KnockoutError as error:
                raise Unusable(str(error)) from None
            knockouts.append(knockout)
        readout = options_readout(verdict, letters)
        request = Request(prompt=prompt, interventions=knockouts, readouts=[readout])
        (outcomes,) = self.engine.run(model, [request])
        n = len(letters)
        found = [
            (fact, kind, outcome.measured[n:])
            for (fact, kind, _), outcome in zip(told, outcomes.changed, strict=True)
        ]
        return outcomes.changed[0].measured[:n], found


def _letters(model: VideoLLM, prompt: Prompt, verdict: Judge, letters: Sequence[str]) -> Sequence[float]:
    """Log-probabilities of the letters among themselves, from one forward pass."""
    import torch

    with torch.no_grad():
        logits = model.hf(**prompt.inputs, use_cache=False, **model.only_last_logits).logits[0, -1]
    return option_log_p(logits[None], spellings(verdict, letters))[0].tolist()
