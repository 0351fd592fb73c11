"""One sample as it is put to a model in many cases, and the answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from workbench.analyses.study.cases import Case
from workbench.interventions import Knockout
from workbench.interventions.exits import Acceleration
from workbench.measures.likelihood import options_readout

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.data import Sample
    from workbench.engine import Readout, Request
    from workbench.interventions import Intervention
    from workbench.measures.correctness import Judge
    from workbench.prompts.layout import TokenLayout
    from workbench.prompts.prompt import Prompt


class Answer(NamedTuple):
    """What the model says to one sample in one case."""

    letters: tuple[float, ...]
    """Log-probabilities of the letters among themselves."""
    text: str | None = None
    """What it wrote; None where it was not let write."""


class Put(NamedTuple):
    """One sample as it is put to the engines."""

    sample: Sample
    prompt: Prompt
    judge: Judge
    cases: list[Case]
    run_as: dict[Intervention, Intervention]
    """What is run for each of them: an exit of the whole video is a cut of the text, which costs less."""
    refused: dict[str, str]
    """Why other cases cannot act on it, by name."""

    def to_write(self, names: Collection[str]) -> list[Intervention | None]:
        """What is done in the cases of these names, each once; None is the untouched model."""
        found = dict.fromkeys(case.intervention for case in self.cases if case.name in names)
        return [*([None] if names else []), *found]

    def letters(self, logits: Tensor) -> tuple[float, ...]:
        """Log-probabilities of the letters from the logits (vocabulary,) of the last row."""
        both = self._readout()(logits, logits[None], 0)[0].tolist()
        return tuple(both[len(both) // 2 :])

    def _readout(self) -> Readout:
        return options_readout(self.judge, self.sample.letters)

    def request(self, known: Collection[Intervention | None], *, exits: bool) -> Request:
        """Its exits, or its cuts, each once, without those that are known."""
        from workbench.engine import Request

        wanted = [one for one in self.run_as.values() if isinstance(one, Knockout) is not exits]
        new = [one for one in dict.fromkeys(wanted) if one not in known]
        return Request(prompt=self.prompt, interventions=new, readouts=[self._readout()])


def run_as_cut(what: Intervention, layout: TokenLayout, n_layers: int) -> Intervention:
    """An exit of the whole video as the cut that it is; everything else as it is."""
    same = what.as_knockout(layout, n_layers) if isinstance(what, Acceleration) else None
    return what if same is None else same
