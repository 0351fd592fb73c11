"""The claims of An Empirical Study that can be tested on a model, each with its rule in words."""

from __future__ import annotations

from workbench.analyses.findings.claims import Claim

KNEE_BOUND = 0.65
"""The paper's exit is after 18 of 28 layers, a ratio of 0.643."""
KEPT = (0.48, 0.70)
"""Performance ratios without video that the paper finds."""
LOST = 2.0
"""Points that exit and window cost at most."""
ADDED = 5.0
"""Points that the video has to add for its stages to be told."""
FEW = 1 / 3
"""Share of the windows of a flow that may stand out, for its critical layers to be few."""

CLAIMS: dict[str, Claim] = {
    "two_stages": Claim(
        claim="Answering has two stages: text first reads the video, then needs it no more",
        paper="Fig. 3, 4",
        rule="The video adds more than 5 points, and the knee of accuracy lies before the last layer.",
        unit="layer ratio of the knee",
    ),
    "extraction": Claim(
        claim="By two thirds of the layers the video is read",
        paper="Fig. 3, Table 1",
        rule="The video adds more than 5 points, and the knee, from which on 90% of it is kept, is at a "
        "layer ratio below 0.65.",
        unit="layer ratio of the knee",
    ),
    "dominates": Claim(
        claim="Language-to-video attention matters more than attention between frames or inside them",
        paper="Fig. 5",
        rule="Cut in all layers, video -> text costs more right answers than each of the others.",
        unit="points (video -> text minus the costlier of the others)",
    ),
    "critical": Claim(
        claim="Few layers are critical",
        paper="Fig. 6",
        rule="Some windows of video -> text cost more than those that share no layer with them (paired test, "
        "corrected for all windows and flows), and they are at most a third of its windows.",
        unit="share of windows that stand out",
    ),
    "knowledge": Claim(
        claim="Knowledge of the world alone keeps 48 to 70% of the accuracy",
        paper="Fig. 3",
        rule="With the video cut everywhere the performance ratio lies between 0.48 and 0.70.",
        unit="performance ratio without video",
    ),
    "savings": Claim(
        claim="Exit and window cost under 2 points",
        paper="Table 1",
        rule="With the video leaving and frames apart in early layers, less than 2 points are lost.",
        unit="points lost",
    ),
}
