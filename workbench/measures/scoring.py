"""Named rules that read an option out of written text: the workbench's own, and those of lmms-eval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import RunError, near_matches, shown
from workbench.measures import lmms_eval
from workbench.measures.text import is_right, letter_said

if TYPE_CHECKING:
    from workbench.data import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """One rule."""

    name: str
    description: str
    reads: Callable[[str, Sequence[str]], str | None]
    """The letter of the option that a text chooses among options; None where it chooses none."""
    counts_silence: bool = True
    """Whether an empty answer counts as a wrong one; if not, it is left out of the score."""

    def judge(self, sample: Sample, text: str) -> tuple[str, bool]:
        """What a text chooses (its letter, or empty; of an open-ended question the text), and whether that is
        right. Open-ended questions are read in one way: the true words come first."""
        if not sample.options:
            return text.strip(), is_right(sample, text)
        letter = self.reads(text, sample.options)
        return letter or "", letter is not None and letter == sample.true_letter


_TASKS = (
    ("lmms_mvbench", lmms_eval.mvbench, "MVBench in lmms-eval; empty answers are left out"),
    ("lmms_tvbench", lmms_eval.tvbench, "TVBench in lmms-eval"),
    ("lmms_videomme", lmms_eval.mcq, "Video-MME in lmms-eval"),
    ("lmms_egoschema", lmms_eval.egoschema, "EgoSchema in lmms-eval; where it draws at random: wrong"),
    ("lmms_tomato", lmms_eval.tomato, "TOMATO in lmms-eval; A where nothing is read"),
    (
        "lmms_longvideobench",
        lmms_eval.longvideobench,
        "LongVideoBench in lmms-eval; where it draws at random: wrong",
    ),
    ("lmms_vinoground", lmms_eval.vinoground, "Vinoground in lmms-eval: the first character"),
    ("lmms_mvp", lmms_eval.minimal_video_pairs, "Minimal Video Pairs in lmms-eval"),
)

SCORINGS: dict[str, Scoring] = {
    scoring.name: scoring
    for scoring in (
        Scoring(name="workbench", reads=letter_said, description="the workbench's own: docs/evaluation.md"),
        *(
            Scoring(name=name, reads=reads, description=text, counts_silence=name != "lmms_mvbench")
            for name, reads, text in _TASKS
        ),
    )
}


def get_scoring(name: str) -> Scoring:
    """The rule of that name. Raises RunError for any other."""
    if name in SCORINGS:
        return SCORINGS[name]
    raise RunError(
        f"scoring {shown(name)} is no rule for written answers.{near_matches(name, SCORINGS)} "
        f"There are: {', '.join(SCORINGS)}."
    )
