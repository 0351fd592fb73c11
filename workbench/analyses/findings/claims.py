"""The claims of Map the Flow that can be tested on a model, each with its rule in words, and table rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.analyses.findings.rules import Verdict
from workbench.statistics.bootstrap import Estimate
from workbench.statistics.cautions import FEW_SAMPLES


class Claim(NamedTuple):
    """One claim of the paper."""

    claim: str
    paper: str
    """Where the paper says so."""
    rule: str
    """When it holds."""
    unit: str
    """Of the number that is measured."""


class Finding(NamedTuple):
    """One claim of the paper and what was measured of it."""

    claim: str
    paper: str
    """Where the paper says so."""
    rule: str
    """When it holds, in words."""
    measured: str
    """The numbers in words."""
    value: float
    """The number that the rule is about."""
    low: float
    high: float
    """Ends of its 95% interval over samples."""
    unit: str
    n: int
    """Samples."""
    verdict: Verdict
    note: str
    """Why there is no verdict, or what limits it."""


FINDING_COLUMNS = list(Finding._fields)


CLAIMS: dict[str, Claim] = {
    "cross_frame": Claim(
        claim="Frames exchange information in early to middle layers",
        paper="Fig. 2, Table E",
        rule="Cutting frames -> later frames lowers the answer's probability by more than 5% in "
        "some layer, and more than half of what is lost beyond 5%, over all layers, lies in the "
        "first half of the layers.",
        unit="% (deepest mean change)",
    ),
    "tuning": Claim(
        claim="Tuning on video strengthens the exchange between frames",
        paper="Fig. 2",
        rule="On the same samples the deepest mean change by cutting frames -> later frames is "
        "more than 5 points deeper in the video-tuned model than in the image model.",
        unit="points (video-tuned minus image model)",
    ),
    "order": Claim(
        claim="The question reads the video before the last row reads the question",
        paper="Fig. 3, Table E",
        rule="Cutting either flow lowers the answer's probability by more than 5% in some layer, "
        "and the mean layer of the loss beyond 5% is lower for video -> question than for "
        "question -> last.",
        unit="layers (video -> question minus question -> last)",
    ),
    "video_last": Claim(
        claim="The last row does not read the video directly",
        paper="Fig. 3",
        rule="Cutting video -> last lowers the answer's probability by less than 5% in every layer.",
        unit="% (deepest mean change)",
    ),
    "last_last": Claim(
        claim="The last row does not need its own key",
        paper="Fig. 3",
        rule="Cutting last -> last lowers the answer's probability by less than 5% in every layer.",
        unit="% (deepest mean change)",
    ),
    "true_option": Claim(
        claim="Among the options, the last row reads the true one",
        paper="Fig. 6",
        rule="The deepest mean change is deeper for true_option -> last than for false_options -> last.",
        unit="points (true minus false)",
    ),
    "false_options": Claim(
        claim="Cutting the false options helps the answer",
        paper="Fig. 6",
        rule="Cutting false_options -> last raises the answer's probability, on the mean over all layers.",
        unit="% (mean change over layers)",
    ),
    "rise": Claim(
        claim="The answer's probability rises after the question has read the video",
        paper="Fig. 8",
        rule="The true option ends above the false ones, and its lead first reaches half of its "
        "final size above the mean layer of the loss beyond 5% of video -> question.",
        unit="layers (half of the lead minus video -> question)",
    ),
    "pathways": Claim(
        claim="The effective pathways alone keep the accuracy",
        paper="Table 3",
        rule="With all else closed, at most 2 points of accuracy are lost, and the interval "
        "excludes 5; it does not hold where the interval lies above 2.",
        unit="points lost",
    ),
    "random": Claim(
        claim="As many edges closed at random do not keep it",
        paper="Table 3",
        rule="Random edges of the same number cost 10 points or more, and the interval excludes 2; "
        "it does not hold where the interval lies below 10.",
        unit="points lost",
    ),
}


def finding(
    claim: Claim, estimate: Estimate, n: int, verdict: Verdict, measured: str, note: str = ""
) -> Finding:
    """A row of the table; few samples decide nothing."""
    if n < FEW_SAMPLES or not np.isfinite(estimate.value):
        few = f"only {n} sample{'s' if n != 1 else ''}" if n < FEW_SAMPLES else "nothing to measure"
        verdict, note = "undecided", "; ".join(filter(None, (few, note)))
    return Finding(
        claim=claim.claim,
        paper=claim.paper,
        rule=claim.rule,
        measured=measured,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        unit=claim.unit,
        n=n,
        verdict=verdict,
        note=note,
    )


def not_measured(claim: Claim, why: str) -> Finding:
    """A row for a claim that the given tables cannot test."""
    nothing = float("nan")
    return Finding(
        claim.claim, claim.paper, claim.rule, "", nothing, nothing, nothing, claim.unit, 0,
        "not measured", why,
    )  # fmt: skip


def findings_table(found: list[Finding]) -> pd.DataFrame:
    """The findings as a table. Columns: `Finding`."""
    rows: list[Any] = list(found)
    return pd.DataFrame(rows, columns=pd.Index(FINDING_COLUMNS))
