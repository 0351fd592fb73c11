"""What turns the answer? Activations of a clip and of its counterfactual, each put into the other.

A clip and its twin differ in what is asked about: the same frames backwards, or a benchmark's minimal pair.
The twin's activations in the clip's prompt show what the answer needs, and the clip's in the twin's prompt
what suffices for it: at every layer, for every frame and every part of the text (activation patching; Vig et
al. 2020, Meng et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import workbench as wb
from workbench.analyses.patching import TwinPatching, flipping
from workbench.pages import write_figure
from workbench.recipe import Prompting, console, frame_shown, say


@dataclass(frozen=True, kw_only=True)
class TwinPatchingRecipe(Prompting):
    """What turns the answer? A clip's activations in its time-reversed twin, and the twin's in the clip."""

    sites: tuple[str, ...] = ("resid_post",)
    """Of resid_pre, resid_mid, resid_post, attn_out, mlp_out, z (head by head), embed, projector, vision."""
    spans: tuple[str, ...] = ()
    """Rows that are patched, each span by itself. If not given: every frame, and each part of the text."""
    layers: tuple[int, ...] = ()
    """Layers to patch, from 1; all if not given."""
    directions: tuple[str, ...] = ("noising", "denoising")
    """noising: the twin's activations in the clip; denoising: the clip's in the twin."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; reference, one forward a patch."""
    only_correct: bool = True
    """Keep to the pairs of which the model answers both sides correctly."""

    def run(self) -> TwinPatching:
        """Patch all pairs among the samples, print how many sites flip the answer, and write tables and a
        figure of each site into `out`."""
        pairs, model = wb.pairs(self.load_samples()), self.load_model()
        say(f"{len(pairs)} pairs of {len({pair.clip.task for pair in pairs})} tasks")
        found = wb.patch(
            model,
            pairs,
            self.sites,
            self.spans or None,
            self.layers or None,
            directions=self.directions,
            engine=self.engine,
            out=self.out,
            **self.prompting,
        )
        told = {"only_correct": self.only_correct, "seed": self.seed}
        means = found.means(**told)
        flips = flipping(means)
        console().print(frame_shown(flips, "Patches that flip the answer of at least 95% of the pairs", 1))
        written = [self.write_csv(means, "patch_means.csv", "%.6f")]
        written.append(self.write_csv(flips, "flipping.csv", "%.2f"))
        for site in self.sites:
            written += write_figure(found.figure(site=site, **told), self.out / f"twin_patching_{site}")
        self.wrote(self.out / "patches.parquet", *written, skipped=found.skipped)
        return found
