"""Measures by name: what each adds to a table, and how it is read off an engine's logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import RunError, near_matches
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Readout
    from workbench.measures.correctness import Judge

_AT_ONCE = 2**23
"""Numbers in float64 at once, 64 MiB: a vocabulary of 152,000 times hundreds of interventions is more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One way to say what an intervention did to an answer."""

    name: str
    columns: Mapping[str, str]
    """The columns that it adds to a table, each with what it holds and its unit; all are float64."""
    readout: Callable[[Judge], Readout] | None = None
    """Its reading of a sample's logits, `columns` in their order; None where every engine gives it anyway."""
    of_masks: bool = False
    """Read off the model's own masks instead; its columns stand behind all others."""


MEASURES: dict[str, Measure] = {}
"""Every measure by its name; `probability` is the first."""


def register(measure: Measure) -> Measure:
    """Makes a measure known by its name."""
    MEASURES[measure.name] = measure
    return measure


def as_measures(names: str | Sequence[str] = ()) -> tuple[Measure, ...]:
    """The measures of these names in the order given, `probability` always before them, those of masks last.

    Raises RunError for an unknown or a repeated name.
    """
    several = [names] if isinstance(names, str) else list(names)
    for name in several:
        if name not in MEASURES:
            hint = near_matches(str(name), MEASURES)
            raise RunError(f"There is no measure {name!r}.{hint} Measures are: {', '.join(MEASURES)}.")
        if several.count(name) > 1:
            raise RunError(f"The measure {name!r} is asked for twice. Name each measure once.")
    first, *_ = MEASURES
    found = [MEASURES[name] for name in dict.fromkeys([first, *several])]
    return tuple(sorted(found, key=lambda measure: measure.of_masks))


@shaped
def row_by_row(
    function: Callable[[Tensor], Tensor], logits: Float[Tensor, "row vocab"]
) -> Float[Tensor, " row"]:
    """A function of float64 logits (row, vocab) -> (row,), a few rows at a time, so that memory stays small.

    The function may write into what it is given: a copy.
    """
    import torch

    blocks = logits.split(max(1, _AT_ONCE // max(1, logits.shape[-1])))
    return torch.cat([function(block.to(torch.float64, copy=True)) for block in blocks])


@shaped
def against(
    base: Float[Tensor, " 1"], changed: Float[Tensor, " intervention"]
) -> Float[Tensor, "intervention 2"]:
    """Two columns: the untouched model's number, and by how much that of each intervention is more."""
    import torch

    return torch.stack([base.expand_as(changed), changed - base], dim=1)
