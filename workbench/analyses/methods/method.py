"""What a method is: it looks at a model and its questions, and says how much each candidate matters.

def by_chance(model, samples, candidates):
    return numpy.random.default_rng(0).random(len(candidates))

METHODS = {"by_chance": by_chance}  # a file that `workbench bench-methods --method-file` reads
"""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import RunError, shown
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models import VideoLLM
    from workbench.planted import Candidate


class Method(Protocol):
    """Any function of a model, some samples and candidates."""

    def __call__(
        self, model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
    ) -> ArrayLike:
        """One finite number a candidate, in their order: its absolute value ranks them. Positive where the
        answer needs it, negative where it votes against the answer, for methods that know a direction."""
        ...


def method_file(path: Path | str) -> dict[str, Method]:
    """The methods of a file of Python, which is run: a dict `METHODS` from names to functions.

    Raises RunError where there is no such file, it fails, or it has no such dict.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"There is no file {shown(str(path))}. Give a file of Python with a dict METHODS.")
    try:
        found = runpy.run_path(str(path)).get("METHODS")
    except (Exception, SystemExit) as error:  # whatever a person's code may raise
        raise RunError(f"{path.name} stopped with {type(error).__name__}: {error}") from error
    if not isinstance(found, dict) or not found:
        raise RunError(f"{path.name} has no METHODS. Write METHODS = {{'name': function}} in it.")
    for name, function in found.items():
        if not isinstance(name, str) or not callable(function):
            raise RunError(f"{path.name}: METHODS[{shown(name)}] should be a name and a function.")
    return dict(found)


@shaped
def scores_of(given: ArrayLike, name: str, wanted: int) -> Float[np.ndarray, " candidate"]:
    """What a method gave, checked. Raises RunError where it is not one finite number a candidate."""
    try:
        scores = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RunError(
            f"The method {shown(name)} gave no numbers ({error}). Give one a candidate."
        ) from error
    if scores.shape != (wanted,):
        raise RunError(
            f"The method {shown(name)} gave numbers of shape {scores.shape} for {wanted} candidates. "
            "Give one a candidate, in their order."
        )
    if not np.isfinite(scores).all():
        raise RunError(
            f"The method {shown(name)} gave {int((~np.isfinite(scores)).sum())} numbers that are not finite. "
            "Give 0 where it knows nothing."
        )
    return scores
