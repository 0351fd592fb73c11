"""Rows that leave the prompt after a layer, as data: no later layer computes or sees them.

An Empirical Study (CVPR 2026), section 5 and Table 1: the video leaves after layer e, and the first w layers
keep attention between video tokens inside frames. Published token pruners drop a share of the video instead;
a rule says which rows (`pruning.py` has two).

That rows leave after layer e equals this: in every layer > e, no row outside sees them. So the reference
engine computes it, by masks; `workbench.engine.accelerated` takes the rows out.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from workbench.errors import InterventionError
from workbench.interventions.catalogue import CROSS_FRAME, VIDEO_TEXT
from workbench.interventions.flows import Flow
from workbench.interventions.knockouts import Cut, Knockout, present
from workbench.interventions.protocol import INTERVENTIONS, Intervention, Texts
from workbench.prompts.spans import Span
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.prompts.layout import TokenLayout

_LEAVES = re.compile(r"(?P<rows>.+?)\s+leaves?\s+after\s+layer\s+(?P<after>\d{1,6})", flags=re.IGNORECASE)


class Seen(NamedTuple):
    """What a rule may look at when it chooses the rows that leave after a layer."""

    layout: TokenLayout
    rows: Int[Tensor, " s"]
    """Rows of the prompt that are still there, ascending."""
    resid: Float[Tensor, "s d"]
    """The residual stream of these rows after the layer."""
    attention: Callable[[int], Float[Tensor, "h s"]]
    """How much a row of the prompt attended to these rows in that layer, by head. Only where the rule says
    `reads_attention`; raises InterventionError for a row that has left."""

    def places(self, span: str = "video") -> Int[Tensor, " n"]:
        """Where those rows of a span that are still there lie in `rows`, `resid` and attention.

        Raises SpanError for a span that the prompt lacks.
        """
        import torch

        wanted = torch.as_tensor(self.layout[span], device=self.rows.device)
        return torch.isin(self.rows, wanted).nonzero()[:, 0]


class Rule(ABC):
    """Chooses rows of a prompt by what passes in the model. Frozen, hashable, printed as it is typed."""

    __slots__ = ()

    reads_attention: ClassVar[bool] = False
    """Whether it asks for attention, which costs one row of weights."""

    @abstractmethod
    def __call__(self, seen: Seen) -> Int[Tensor, " n"]:
        """The rows of the prompt that leave: some of `seen.rows`, never the last row."""


RULES: Texts[Rule] = Texts()
"""A text that nobody here reads is a span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(Intervention):
    """Rows that leave after a layer: a span, or what a rule chooses.

    Raises InterventionError for a layer below 0, SpanError for a span that no prompt can have.
    """

    kind: ClassVar[str] = "exit"
    after: int
    """The last layer that the rows pass, counted from 1; 0 for rows that never reach a layer."""
    rows: str | Rule = "video"
    """A span expression, or a rule."""

    def __post_init__(self) -> None:
        if isinstance(self.after, bool) or not isinstance(self.after, int) or self.after < 0:
            raise InterventionError(
                f"after={self.after!r}: give the last layer that the rows pass, a whole number from 0."
            )
        if isinstance(self.rows, str):
            object.__setattr__(self, "rows", str(Span.parse(self.rows)))
        elif not isinstance(self.rows, Rule):
            raise InterventionError(
                f"rows={self.rows!r} chooses no rows. Give a span such as 'video', or a rule such as FastV()."
            )
        elif self.rows.reads_attention and self.after == 0:
            raise InterventionError(
                f"'{self}': no layer lies before, so there is no attention to choose by. Let it leave after "
                "layer 1 or later."
            )

    @classmethod
    def parse(cls, text: str) -> Exit | None:
        """Reads what `str` writes, "video leaves after layer 18"; None for a text of another kind."""
        found = _LEAVES.fullmatch(" ".join(text.split()))
        if found is None:
            return None
        return cls(after=int(found["after"]), rows=RULES.read(found["rows"]) or found["rows"])

    def __str__(self) -> str:
        return f"{self.rows} leaves after layer {self.after}"

    def layers(self, n_layers: int) -> range:
        """The layers without the rows, counted from 0. Raises InterventionError as `check`."""
        if self.after > n_layers:
            raise InterventionError(f"'{self}': the model has {n_layers} layers (1..{n_layers}).")
        return range(self.after, n_layers)

    def check(self, layout: TokenLayout, n_layers: int, n_heads: int) -> None:
        """Raises InterventionError for a layer that the model lacks, or where the last row would leave;
        SpanError for a span that the prompt lacks."""
        self.layers(n_layers)
        if isinstance(self.rows, str):
            self.leaving(layout)

    @shaped
    def leaving(self, layout: TokenLayout) -> Int[np.ndarray, " n"]:
        """The rows of its span in a prompt, without those that a model writes.

        Raises SpanError; InterventionError where the last row is among them, or a rule chooses.
        """
        if not isinstance(self.rows, str):
            raise InterventionError(f"'{self}' chooses its rows in the model, not before.")
        rows = layout[self.rows]
        check_leaving(str(self), rows, layout)
        return rows


def check_leaving(what: str, rows: Any, layout: TokenLayout) -> None:
    """Raises InterventionError where rows that leave hold the last row, whose logits are the answer."""
    last = int(layout["last"][-1])
    if last in {int(row) for row in rows}:
        raise InterventionError(
            f"'{what}': the last row, {last}, would leave, and with it the answer. Let other rows leave."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceleration(Intervention):
    """Rows that leave, and edges that layers do not compute: what `wb.accelerate` runs.

    Raises InterventionError where nothing is saved, two exits lie after one layer, layers are reversed, or a
    cut is of some heads only.
    Source: An Empirical Study, Table 1 (exit after 18 of 28 layers; frames apart in layers 1 to 8).
    """

    kind: ClassVar[str] = "acceleration"
    exits: tuple[Exit, ...] = ()
    """By layer, ascending."""
    frame_local: tuple[int, int] | None = None
    """First and last layer, counted from 1, in which frames see no earlier frame."""
    cuts: tuple[Cut, ...] = ()
    """Other edges that layers do not compute, of all heads. One that finds no edge in a prompt cuts none."""

    def __post_init__(self) -> None:
        if not self.exits and self.frame_local is None and not self.cuts:
            raise InterventionError(
                "Nothing is saved: give exit_after=18, frame_local=(1, 8), exits=[Exit(after=2, ..)], or "
                "cuts='video -> text in layers 1..4'."
            )
        for cut in self.cuts:
            if cut.flow.heads is not None:
                raise InterventionError(
                    f"'{cut}' acts on some heads only, and all heads of a layer are computed together here. "
                    "Leave the heads out, or use a knockout."
                )
        after = [one.after for one in self.exits]
        if after != sorted(set(after)):
            raise InterventionError(
                f"Exits after layers {', '.join(map(str, after))}: give one a layer, in ascending order."
            )
        self.all_cuts  # noqa: B018 - it checks the layers

    @property
    def all_cuts(self) -> tuple[Cut, ...]:
        """The edges between frames that the early layers lose, and the others."""
        if self.frame_local is None:
            return self.cuts
        first, last = self.frame_local
        return (Cut(flow=Flow.parse(CROSS_FRAME), first_layer=first, last_layer=last), *self.cuts)

    def cut(self, layout: TokenLayout) -> Knockout | None:
        """What is cut in a prompt; None where it has no such edges, as those between frames of one frame."""
        return present(self.all_cuts, layout)

    def as_knockout(self, layout: TokenLayout, n_layers: int) -> Knockout | None:
        """The cut that is the same in a prompt, where one is: every exit is of the whole video, once."""
        if len(self.exits) > 1 or any(one.rows != "video" for one in self.exits):
            return None
        outside = np.setdiff1d(np.arange(int(layout["video"][0]), layout.length), layout["video"])
        if not np.isin(outside, layout["text"]).all():
            return None
        text = Flow.parse(VIDEO_TEXT)
        leaving = [
            Cut(flow=text, first_layer=one.after + 1, last_layer=n_layers)
            for one in self.exits
            if one.after < n_layers
        ]
        return present((*self.all_cuts, *leaving), layout)

    def __str__(self) -> str:
        return "; ".join(str(part) for part in (*self.all_cuts, *self.exits))

    def layers(self, n_layers: int) -> list[int]:
        """The layers that it touches, from 0. Raises InterventionError for one that the model lacks."""
        touched = set[int]()
        if self.all_cuts:
            touched.update(Knockout(cuts=self.all_cuts).layers(n_layers))
        for one in self.exits:
            touched.update(one.layers(n_layers))
        return sorted(touched)

    def check(self, layout: TokenLayout, n_layers: int, n_heads: int) -> None:
        """Raises as its parts do, and InterventionError for a cut without blocks."""
        self.layers(n_layers)
        for one in self.exits:
            one.check(layout, n_layers, n_heads)
        if (cut := self.cut(layout)) is None:
            return
        for one in cut.cuts:
            if not one.flow.edges(layout).is_blocks:
                raise InterventionError(
                    f"'{one}' has no blocks that could be computed apart. Give it as a knockout, to the "
                    "incremental engine."
                )
        cut.check(layout, n_layers, n_heads)


INTERVENTIONS.add(Exit.parse)
