"""What is measured of each pair: what the activations of one clip do in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, cast

import numpy as np
import pyarrow as pa

from workbench.errors import InterventionError, SpanError
from workbench.interventions import PATCH_SITES, Patch
from workbench.interventions.patches import OF_FRAMES, WITHOUT_LAYERS
from workbench.measures.correctness import UNKNOWN, judge
from workbench.runs import Asked, Done, Encoder, Measurement, Record, Unusable, table_of
from workbench.runs.tables import schema_of

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Readout, Request
    from workbench.models import Prompt, TokenLayout, VideoLLM

Direction = Literal["noising", "denoising"]
DIRECTIONS: tuple[Direction, ...] = ("noising", "denoising")
"""The twin's activations in the clip: what its answer needs; and the clip's in the twin: what suffices."""
ALL_OPTIONS = "true_option + false_options"
"""The options as one span: which of them is the true one may differ between a clip and its twin."""


class PatchRow(NamedTuple):
    """One patch of one pair, in one direction."""

    pair_id: str
    """Id of the clip."""
    task: str
    """Of the clip."""
    direction: str
    """ "noising": activations of the twin in the clip; "denoising": those of the clip in the twin."""
    site: str
    layer: int
    """From 1; a block of the tower for `vision`; 0 where the model has the site once."""
    head: int
    """From 0, for `z`; -1 at other sites."""
    span: str
    logit_difference_base: float
    """Logit of the clip's answer minus that of the twin's, in the untouched prompt that is patched."""
    logit_difference_source: float
    """The same in the prompt that the activations are taken from."""
    logit_difference_patched: float
    recovered: float
    """(patched - base) / (source - base): 0 as untouched, 1 as the other prompt; missing where both are the
    same."""
    flipped: bool
    """Whether the likeliest answer is now the other prompt's, and was not before."""
    correct: bool
    """Whether both untouched prompts are answered rightly: by their true answers, or where these are not
    known, differently."""


@dataclass(frozen=True, kw_only=True)
class Patching(Measurement):
    """Patches of pairs; samples come clip, twin, clip, twin, .. Each one's record is of patches in it."""

    name: ClassVar[str] = "twin_patching"
    table: ClassVar[str] = "patches"
    unit: ClassVar[str] = "prompts"

    sites: tuple[str, ...]
    spans: tuple[str, ...] | None
    layers: tuple[int, ...] | None
    directions: tuple[Direction, ...]
    engine: str

    @property
    def schema(self) -> pa.Schema:
        return schema_of(PatchRow)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "sites": list(self.sites),
            "spans": None if self.spans is None else list(self.spans),
            "layers": None if self.layers is None else list(self.layers),
            "directions": list(self.directions),
            "engine": self.engine,
        }

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        """See Measurement: the two sides of a pair."""
        return 2

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        """See Measurement. Raises InterventionError or HookError for a site or layer that the model lacks."""
        places_of(model, self.sites, self.layers)
        super().refuse(model, encoder)

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        """See Measurement."""
        reason = "the other side of its pair cannot be used, or both do not fit into memory together"
        if len(group) == 2:
            try:
                return [Record(table_of(rows, self.schema)) for rows in self._pair(model, *group)]
            except (Unusable, InterventionError, SpanError) as error:
                reason = str(error)
            finally:
                on_done(len(group))
        return [self.skip(asked.sample, reason) for asked in group]

    def _pair(self, model: VideoLLM, clip: Asked, twin: Asked) -> list[list[PatchRow]]:
        """Rows of the patches in the clip, and of those in the twin."""
        answers = answers_of(model, clip, twin)
        sides = [
            self._side(model, one.prompt, other.prompt, answers.ids, direction)
            for one, other, direction in zip((clip, twin), (twin, clip), DIRECTIONS, strict=True)
        ]
        measured = self._measured(model, [request for request, _ in sides])
        untouched = [base for base, _ in measured]
        first, second = (
            int(base.argmax()) if true is None else true
            for base, true in zip(untouched, answers.true, strict=True)
        )
        if first == second:
            raise Unusable(
                f"both sides have the same answer, {answers.names[first]}: nothing tells them apart"
            )
        correct = [int(base.argmax()) for base in untouched] == [first, second]

        def difference(logits: np.ndarray) -> np.ndarray:
            return logits[..., first] - logits[..., second]

        rows: list[list[PatchRow]] = []
        for at, ((_, patches), (base, patched)) in enumerate(zip(sides, measured, strict=True)):
            mine, other = (first, second) if at == 0 else (second, first)
            before, source = float(difference(base)), float(difference(untouched[1 - at]))
            way = source - before
            rows.append([
                PatchRow(
                    *(clip.sample.id, clip.sample.task, DIRECTIONS[at]),
                    *(patch.site, patch.layer, -1 if patch.heads is None else patch.heads[0], patch.span),
                    logit_difference_base=before,
                    logit_difference_source=source,
                    logit_difference_patched=float(difference(logits)),
                    recovered=(float(difference(logits)) - before) / way if way else float("nan"),
                    flipped=bool(base.argmax() == mine and logits.argmax() == other),
                    correct=correct,
                )
                for patch, logits in zip(patches, patched, strict=True)
            ])  # fmt: skip
        return rows

    def _side(
        self, model: VideoLLM, prompt: Prompt, source: Prompt, ids: Answers, direction: Direction
    ) -> tuple[Request, list[Patch]]:
        """What is asked of one side, and its patches."""
        from workbench.engine import Request

        asked: list[Patch] = []
        for site, layer in places_of(model, self.sites, self.layers) if direction in self.directions else ():
            spans = default_spans(prompt.layout, site) if self.spans is None else self.spans
            heads = [(head,) for head in range(model.n_heads)] if site == "z" else [None]
            asked += [
                Patch(site=site, layer=layer, span=span, source=source, heads=head)
                for head in heads
                for span in spans
            ]
        return Request(prompt=prompt, interventions=asked, readouts=[answer_logits(ids)]), asked

    def _measured(self, model: VideoLLM, sides: Sequence[Request]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each request the logits of the answers, untouched (answer) and after each patch (patch, answer).

        Sites before the decoder are run by themselves: where the engine cannot reuse them, it can the others.
        """
        from workbench.engine import get_engine, last_logits

        found = [np.zeros((len(side.interventions), 0)) for side in sides]
        for early in (True, False):
            chosen = [
                [
                    at
                    for at, one in enumerate(side.interventions)
                    if (cast(Patch, one).site in OF_FRAMES) == early
                ]
                for side in sides
            ]
            if not any(chosen):
                continue
            parts = [
                replace(side, interventions=[side.interventions[at] for at in places])
                for side, places in zip(sides, chosen, strict=True)
            ]
            for side, (places, outcomes) in enumerate(
                zip(chosen, get_engine(self.engine).run(model, parts), strict=True)
            ):
                numbers = np.array([outcome.measured for outcome in outcomes.changed])
                if not found[side].size:
                    found[side] = np.zeros((len(found[side]), numbers.shape[-1]))
                found[side][places] = numbers
        results = []
        for side, numbers in zip(sides, found, strict=True):
            if len(numbers):
                base, patched = np.split(numbers, 2, axis=1)
                results.append((base[0], patched))
                continue
            logits = last_logits(model, side.prompt).float()
            both = side.readouts[0](logits, logits[None], 0).cpu().numpy()
            results.append((both[0, : both.shape[1] // 2], both[:0]))
        return results


Answers = tuple[tuple[int, ...], ...]


class _Answers(NamedTuple):
    """What can be answered."""

    ids: Answers
    """Token ids of each answer, in every spelling."""
    names: tuple[str, ...]
    true: tuple[int | None, int | None]
    """Which one is right for the clip, and for the twin; None where it is not known."""


def answers_of(model: VideoLLM, clip: Asked, twin: Asked) -> _Answers:
    """The answers that a pair can be given. Raises Unusable where they cannot be told apart."""
    judges = [judge(model, one.sample, one.prompt) for one in (clip, twin)]
    if clip.sample.options and clip.prompt.answer_ids:
        letters = clip.sample.letters
        if twin.sample.letters != letters:
            raise Unusable("the two sides of its pair have different numbers of options")
        true = [None if one.answer not in letters else letters.index(one.answer) for one in judges]
        return _Answers(tuple(clip.prompt.answer_ids[one] for one in letters), letters, (true[0], true[1]))
    if not all(one.knows for one in judges):
        raise Unusable(UNKNOWN)
    if judges[0].right & judges[1].right:
        raise Unusable("the answers of both sides begin with the same token: nothing tells them apart")
    ids = tuple(tuple(sorted(one.right)) for one in judges)
    return _Answers(ids, tuple(one.answer for one in judges), (0, 1))


def answer_logits(ids: Answers) -> Readout:
    """The logit of each answer in the untouched model, and behind them those after an intervention: of an
    answer's spellings the highest, float64."""
    import torch

    def read(base: Tensor, changed: Tensor, token_id: int) -> Tensor:
        def of(logits: Tensor) -> Tensor:
            return torch.stack([logits[:, list(one)].double().amax(-1) for one in ids], dim=1)

        return torch.cat([of(base[None]).expand(len(changed), -1), of(changed)], dim=1)

    return read


def places_of(model: VideoLLM, sites: Sequence[str], layers: Sequence[int] | None) -> list[tuple[str, int]]:
    """Every site with its layers: those asked for, or all that have it.

    Raises InterventionError or HookError where the model lacks one.
    """
    from workbench.models.hooks import hook_points
    from workbench.models.hooks.filter import select

    points, found = hook_points(model), []
    for site in sites:
        pattern = PATCH_SITES[site]
        if site in WITHOUT_LAYERS:
            select(points, pattern)
            found.append((site, 0))
            continue
        if layers is not None:
            select(points, [pattern.format(block=layer - 1) for layer in layers])
        reach = [one for one in select(points, pattern.format(block="*")).points if not one.inert]
        there = [one.index + 1 for one in reach if one.index is not None]
        found += [(site, layer) for layer in there if layers is None or layer in layers]
        if missing := sorted({*(layers or ())} - {*there}):
            raise InterventionError(
                f"layers {', '.join(map(str, missing))}: {site!r} can be changed in layers "
                f"{', '.join(map(str, there))} of this model."
            )
    return found


def default_spans(layout: TokenLayout, site: str) -> list[str]:
    """Every frame, and for sites in the decoder what follows the video: the parts of a prompt that can tell a
    clip from its twin."""
    frames = [f"frame[{t}]" for t in range(layout.n_frames)]
    if site in OF_FRAMES:
        return frames
    question = ["nonoption", ALL_OPTIONS] if "true_option" in layout.spans else ["question"]
    inside = np.concatenate(layout.frames) if layout.frames else np.zeros(0, int)
    found = []
    for name in ("separator", "between", "gap", *question, "tail", "last"):
        rows = layout[name] if " + " in name else layout.spans.get(name, inside[:0])
        if np.setdiff1d(rows, inside).size:
            found.append(name)
    return [*frames, *found]
