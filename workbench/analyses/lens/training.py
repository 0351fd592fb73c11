"""Training a tuned lens: each layer's words are to be those that the model ends with, in the same row.

Belrose et al. (arXiv:2303.08112, section 3): the loss is the divergence KL(last layer || lens) between the
two distributions over words; what the world says does not enter. Maps begin as the identity, so that an
untrained lens is the logit lens, and are trained one layer after another, each with AdamW and a rate that
falls to 0. Logits exist of a few rows at a time.

Axes: l layer, n row, d model, w word of the vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from workbench.analyses.lens.lenses import model_identity
from workbench.analyses.lens.states import ResidualStates, residual_states
from workbench.analyses.lens.tuned import TunedLens
from workbench.analyses.lens.unembedding import head_of
from workbench.data import as_samples
from workbench.engine.vocabulary import tiles
from workbench.errors import RunError, not_finite
from workbench.models.softmax import logit_cap
from workbench.progress import progress_bar
from workbench.runs.settings import as_seed, data_settings
from workbench.shapes import Float, shaped
from workbench.statistics.bootstrap import bootstrap_table

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

ROWS_PER_SAMPLE = 128
EPOCHS = 20
BATCH = 256
"""Rows of a step."""
RATE = 1e-3
HELD_OUT = 0.2
_MOST_LOGITS = 2**25
"""Rows x words that exist at once: 128 MiB of float32, a few times over while gradients flow."""


class LayerLoss(NamedTuple):
    """How far a lens' words are from those of the last layer, of samples kept out of training."""

    layer: int
    """From 0: what enters the first block."""
    lens: str
    """ "logit lens" or "tuned lens"."""
    n: int
    """Samples."""
    mean: float
    """KL(last layer || lens) in nats, the mean over rows, then over samples."""
    low: float
    high: float
    """Ends of the mean's 95% bootstrap interval."""


def tuned_lens(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    rows: str | None = None,
    rows_per_sample: int | None = ROWS_PER_SAMPLE,
    epochs: int = EPOCHS,
    shuffled: bool = False,
    held_out: float = HELD_OUT,
    seed: int = 0,
    states: ResidualStates | None = None,
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> TunedLens:
    """Train a tuned lens on some rows of `samples`.

    Args:
        rows: a span; None is all rows, of the video and of the text.
        rows_per_sample: rows drawn of each sample; None is all of them.
        epochs: how often every row is used.
        shuffled: a control: every row is to say what another row, drawn at random, ends with. Such a lens
            has learnt how often the model ends with which word, and nothing about rows.
        held_out: share of the samples that is kept out of training, for the loss.
        states: what `residual_states` read of these samples, where it was; then rows and the like are its.
        out: a file for the lens. One that is there already with these settings is read instead.
        style, separators, frames: as in `sweep`.

    Raises RunError for settings that cannot work, where no sample can be used, and where `out` holds a lens
    with other settings.
    """
    samples = as_samples(samples)
    how = _Training(
        epochs=_whole("epochs", epochs), shuffled=bool(shuffled), held_out=held_out, seed=as_seed(seed)
    )
    if not 0 < held_out < 1:
        raise RunError(f"held_out={held_out!r}: give a share between 0 and 1, such as {HELD_OUT}.")
    reading: dict[str, Any] = {"rows": rows, "rows_per_sample": rows_per_sample}
    asked = {"style": style, "separators": separators, "frames": None if frames is None else str(frames)}
    if states is not None:
        _same_samples(states, samples)
        reading = {name: states.manifest["settings"][name] for name in reading}
        asked = {name: states.manifest["settings"][name] for name in asked}
    settings = {
        "model": model_identity(model),
        **data_settings(samples),
        **reading,
        **asked,
        **vars(how),
    }
    if out is not None and Path(out).exists():
        return _stored(Path(out), settings)
    if states is None:
        told: dict[str, Any] = {"style": style, "separators": separators, "frames": frames}
        states = residual_states(model, samples, **reading, seed=seed, progress=progress, **told)
    apart = _held_out(samples, states.samples, held_out, seed)
    test = states.table["sample_id"].isin(sorted(apart)).to_numpy(bool, copy=True)
    weight, bias = _train(model, states.states[:, torch.from_numpy(~test)], how, progress)
    plain = {"weight": torch.zeros_like(weight), "bias": torch.zeros_like(bias)}
    name = "tuned lens, shuffled" if shuffled else "tuned lens"
    lenses = {"logit lens": plain, name: {"weight": weight, "bias": bias}}
    loss = _losses(model, states, test, lenses, seed)
    made = TunedLens(weight=weight, bias=bias, loss=loss, trained=settings, name=name)
    if out is not None:
        made.save(out)
    return made


@dataclass(frozen=True, kw_only=True)
class _Training:
    epochs: int
    shuffled: bool
    held_out: float
    seed: int
    batch: int = BATCH
    rate: float = RATE


def _same_samples(states: ResidualStates, samples: Samples) -> None:
    if states.manifest["settings"]["sample_ids_sha256"] != data_settings(samples)["sample_ids_sha256"]:
        raise RunError(
            f"The states are of {states.manifest['settings']['samples']} samples that are not these "
            f"{len(samples)}. Give the samples that residual_states read."
        )


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RunError(f"{name}={value!r}: give a whole number from 0.")
    return value


def _stored(path: Path, settings: Mapping[str, Any]) -> TunedLens:
    """The lens in a file, where it was trained as is asked for."""
    found = TunedLens.load(path)
    different = [name for name in settings if found.trained.get(name) != settings[name]]
    if different:
        raise RunError(
            f"{path} holds a tuned lens that was trained with other {', '.join(different)}. Choose another "
            "file (out=), ask for what this one has, or delete it to train anew."
        )
    return found


def _held_out(samples: Samples, read: Sequence[str], share: float, seed: int) -> set[str]:
    """Ids of samples to keep out of training. Samples of one clip, or group, stay on one side."""
    together: dict[str, list[str]] = {}
    for sample in samples:
        if sample.id in set(read):
            together.setdefault(sample.group or str(sample.video), []).append(sample.id)
    if len(together) < 2:
        raise RunError(
            f"A tuned lens needs samples of 2 clips at least, one to train on and one to judge it by; there "
            f"{'is 1' if together else 'are 0'}. Give more samples."
        )
    groups = sorted(together)
    random.Random(seed).shuffle(groups)
    count = min(len(groups) - 1, max(1, round(share * len(groups))))
    return {name for group in groups[:count] for name in together[group]}


def _train(
    model: VideoLLM, states: Float[Tensor, "l n d"], how: _Training, progress: bool
) -> tuple[Float[Tensor, "l d e"], Float[Tensor, "l d"]]:
    """Maps of every layer but the last, on the CPU."""
    layers, n, width = states.shape
    draw = torch.Generator("cpu").manual_seed(how.seed)
    partner = torch.randperm(n, generator=draw) if how.shuffled else torch.arange(n)
    weights, biases = [], []
    steps = how.epochs * -(-n // how.batch)
    with progress_bar((layers - 1) * steps, what="tuned lens", unit=" steps", show=progress) as bar:
        for layer in range(layers - 1):
            weight = torch.zeros(width, width, dtype=torch.float32, device=model.device, requires_grad=True)
            bias = torch.zeros(width, dtype=torch.float32, device=model.device, requires_grad=True)
            descent = torch.optim.AdamW([weight, bias], lr=how.rate, weight_decay=1e-3)
            for step, rows in enumerate(_batches(n, how, draw)):
                for group in descent.param_groups:
                    group["lr"] = how.rate * (1 - step / steps)
                descent.zero_grad()
                for part in rows.split(_at_once(model)):
                    here = states[layer, part].to(model.device)
                    ends = states[-1, partner[part]].to(model.device)
                    there = here + (here.float() @ weight.T + bias).to(here.dtype)
                    loss = divergence(model, ends, there).sum() / len(rows)
                    loss.backward()
                descent.step()
                bar.update(1)
            if not bool(torch.isfinite(weight).all() and torch.isfinite(bias).all()):
                raise not_finite(f"The maps of layer {layer}", model.dtype)
            weights.append(weight.detach().cpu())
            biases.append(bias.detach().cpu())
    return torch.stack(weights), torch.stack(biases)


def _batches(n: int, how: _Training, draw: torch.Generator) -> Iterator[Tensor]:
    for _ in range(how.epochs):
        yield from torch.randperm(n, generator=draw).split(how.batch)


def _at_once(model: VideoLLM) -> int:
    return max(1, _MOST_LOGITS // model.vocab_size)


@shaped
def divergence(
    model: VideoLLM, ends: Float[Tensor, "n d"], here: Float[Tensor, "n d"]
) -> Float[Tensor, " n"]:
    """KL(words of `ends` || words of `here`) in nats, row by row; gradients flow into `here`."""
    with torch.no_grad():
        target = _words(model, ends)
    return F.kl_div(_words(model, here), target, log_target=True, reduction="none").sum(-1)


def _words(model: VideoLLM, residual: Tensor) -> Tensor:
    """Log-probabilities (n w), in float32."""
    head = head_of(model)
    hidden = model.family.final_norm(model.hf)(residual).to(head.weight.device)
    (whole,) = tiles(head, hidden, head.out_features, cap=logit_cap(model.config))
    return whole.logits.log_softmax(-1)


def _losses(
    model: VideoLLM,
    states: ResidualStates,
    test: np.ndarray,
    lenses: Mapping[str, Mapping[str, Tensor]],
    seed: int,
) -> pd.DataFrame:
    """Columns: `LayerLoss`."""
    kept = states.states[:, torch.from_numpy(test)]
    ids = states.table.loc[test, "sample_id"].to_numpy()
    parts = []
    with torch.no_grad():
        for name, maps in lenses.items():
            for layer in range(len(maps["weight"])):
                weight, bias = (maps[part][layer].to(model.device) for part in ("weight", "bias"))
                lost = []
                for rows in torch.arange(kept.shape[1]).split(_at_once(model)):
                    here, ends = (kept[at, rows].to(model.device) for at in (layer, -1))
                    there = here + (here.float() @ weight.T + bias).to(here.dtype)
                    lost.append(divergence(model, ends, there).cpu())
                values = torch.cat(lost).double().numpy()
                parts.append(pd.DataFrame({"sample_id": ids, "layer": layer, "lens": name, "kl": values}))
    each: Any = pd.concat(parts).groupby(["layer", "lens", "sample_id"], sort=False, as_index=False)["kl"]
    table = bootstrap_table(each.mean(), ["lens", "layer"], "kl", seed=seed, within=(0.0, np.inf))
    return pd.DataFrame(table[list(LayerLoss._fields)])
