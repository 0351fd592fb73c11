"""All lenses and controls that are compared with one another, made from the same samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from workbench.data import Samples, as_samples
from workbench.errors import RunError

if TYPE_CHECKING:
    from workbench.analyses.lens.lenses import Lens
    from workbench.data import Sample
    from workbench.models import VideoLLM


class Halves(NamedTuple):
    """Samples that lenses are made from, and those that judge them."""

    train: Samples
    judged: Samples


def first_of_each(samples: Samples, count: int | None = None) -> Halves:
    """The first `count` samples of every task (half of the largest, if not given), and the others.

    In the embedded data a clip and its twin have the same place in their tasks, so they stay on one side.
    Raises RunError where a side has none.
    """
    sizes = Counter(sample.task for sample in samples)
    most = max(sizes.values(), default=0)
    count = most // 2 if count is None else count
    seen: dict[str, int] = {}
    train, judged = [], []
    for sample in samples:
        place = seen.get(sample.task, 0)
        seen[sample.task] = place + 1
        (train if place < count else judged).append(sample)
    if not train or not judged:
        raise RunError(
            f"{count} of each task's clips are to make the lenses, and the largest task has "
            f"{most}: none is left to judge them. Use more clips (limit), or fewer "
            "of them for training (trained)."
        )
    parts = [Samples(part, name=samples.name, source=samples.source) for part in (train, judged)]
    return Halves(*parts)


def texts_of(samples: Iterable[Sample]) -> list[str]:
    """What samples say: questions, options and open answers with their stems, each once, in their order."""
    found: dict[str, None] = {}
    for sample in samples:
        said = f"{sample.stem or ''} {sample.open_answer}." if sample.open_answer else ""
        found |= dict.fromkeys(filter(None, (sample.question, *sample.options, said.strip())))
    return list(found)


def lenses_from(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    rows: str | None = None,
    rows_per_sample: int | None = None,
    epochs: int | None = None,
    neighbours: Literal["all", "same"] = "all",
    seed: int = 0,
    out: Path | None = None,
    prompting: Mapping[str, Any] | None = None,
) -> dict[str, Lens]:
    """The logit lens, a tuned lens, one by nearest neighbours, a probe, and controls, by name.

    Args:
        rows, rows_per_sample, epochs: of the tuned lens, as in `tuned_lens`.
        neighbours: which layers of the bank count, as in `neighbour_lens`.
        out: a folder for tuned_lens.safetensors and that of its control.
        prompting: style, separators and frames, as in `sweep`.

    The bank is of the samples' texts, read alone. Raises as these functions do; samples must be of the
    embedded data.
    """
    # Here and not above: reading tables needs no torch.
    from workbench.analyses.lens.lenses import Unembedding
    from workbench.analyses.lens.neighbours import neighbour_lens
    from workbench.analyses.lens.probe import cell_probe, commonest_word
    from workbench.analyses.lens.states import residual_states
    from workbench.analyses.lens.training import EPOCHS, ROWS_PER_SAMPLE, tuned_lens
    from workbench.analyses.lens.truth import scenes_of

    samples = as_samples(samples)
    scenes_of(samples)
    asked, most = dict(prompting or {}), ROWS_PER_SAMPLE if rows_per_sample is None else rows_per_sample
    states = residual_states(model, samples, rows=rows, rows_per_sample=most, seed=seed, **asked)
    told: dict[str, Any] = {"states": states, "seed": seed, "epochs": EPOCHS if epochs is None else epochs}
    files = {
        shuffled: None if out is None else out / f"tuned_lens{'_shuffled' * shuffled}.safetensors"
        for shuffled in (False, True)
    }
    tuned = {on: tuned_lens(model, samples, shuffled=on, out=file, **told) for on, file in files.items()}
    bank = neighbour_lens(model, texts_of(samples), layers=neighbours, seed=seed)
    probes = {on: cell_probe(model, samples, states, shuffled=on, seed=seed) for on in (False, True)}
    made = [Unembedding(), tuned[False], bank, probes[False]]
    controls = [tuned[True], probes[True], commonest_word(probes[False])]
    return {lens.name: lens for lens in [*made, *controls]}
