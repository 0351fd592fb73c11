"""Patches without recomputation: what activations of another prompt change in the residual stream.

Whatever is put in, it shows first in the residual stream before some layer, in the rows of the patch alone:
those of a site inside a layer go through the rest of that layer by themselves, all patches of the layer in
one pass, since behind attention no row reads another. From there on rows from the first changed one are
computed anew, packed with those of other patches. Both prompts are run once, whichever is patched from which.

Axes: s position, n patched rows, N rows of all patches of a layer, d model, H query heads, e head dim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.acting import put_in
from workbench.engine.incremental.memory import to_device
from workbench.engine.incremental.packed_attention import Altered
from workbench.engine.incremental.plan import Job, patch_job
from workbench.engine.incremental.untouched import CannotReuse, Untouched, rows_of, run_untouched
from workbench.interventions import Patch
from workbench.interventions.patches import OF_FRAMES
from workbench.models.attention import stand_in
from workbench.models.hooks import HookPoint, edited, hook_points, run_with_cache
from workbench.models.hooks.sites import visiting

if TYPE_CHECKING:
    from workbench.models.hooks.forms import Moment
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

INSIDE = ("attn_out", "z", "resid_mid", "mlp_out")
"""Sites inside a layer, behind its attention's reading of other rows."""


class Patched(NamedTuple):
    """What the patches of one prompt come to."""

    untouched: Untouched
    altered: dict[int, Altered]
    """By the `patch` of a job."""
    jobs: list[Job]
    ends: dict[int, Tensor]
    """By place, the last row (d,) after the last layer, where a patch acts behind all that reads rows."""


class _Taken(NamedTuple):
    """One prompt's untouched forward."""

    untouched: Untouched
    held: dict[str, Tensor]
    """Activations at hook points."""
    mixers: dict[int, Tensor]
    """What layers (from 0) with a running state gave in place of attention, (1, s, d)."""


class _Change(NamedTuple):
    """What a patch does to the residual stream."""

    place: int
    layer: int
    """Before which layer, from 0; their number for what comes behind the last."""
    rows: np.ndarray
    held: Tensor
    """(k, d)."""
    at: np.ndarray
    """Where in `held` each row is."""


class _Inside(NamedTuple):
    """One patch inside a layer."""

    place: int
    patch: Patch
    rows: np.ndarray


class Twins:
    """The untouched forwards of the prompts that are patched or taken from, each run once."""

    def __init__(self, model: VideoLLM, patches: Sequence[tuple[Prompt, Patch]]) -> None:
        """`patches` are all those that will be asked for, each with its prompt.

        Raises CannotReuse where the model lacks a point that is needed.
        """
        self._model = model
        self._wanted: dict[Prompt, dict[str, HookPoint]] = {}
        self._mixing: set[Prompt] = set()
        self._taken: dict[Prompt, _Taken] = {}
        self._changed: dict[tuple[Prompt, Prompt], np.ndarray] = {}
        self._embeds: dict[tuple[Prompt, str], Tensor] = {}
        points: Mapping[str, HookPoint] = hook_points(model) if patches else {}
        running = model.family.recurrent_layers(model.hf).keys()
        stacked = len(model.family.deepstack(model.hf)) > 0

        def want(whose: Prompt, name: str, patch: Patch) -> None:
            if name not in points:  # the reference engine says why, or does without what is needed here
                raise CannotReuse(f"'{patch}' needs the hook point {name}, which this model lacks")
            self._wanted[whose][name] = points[name]

        for prompt, patch in patches:
            for whose in (prompt, patch.source):
                self._wanted.setdefault(whose, {})
            if patch.site in INSIDE or (patch.site == "resid_post" and stacked):
                want(patch.source, patch.point, patch)
            if patch.site in INSIDE and patch.layer - 1 in running:
                self._mixing.add(prompt)
            elif patch.site in INSIDE:
                want(prompt, f"blocks.{patch.layer - 1}.attn.hook_z", patch)

    def patched(self, number: int, prompt: Prompt, patches: Sequence[Patch]) -> Patched:
        """What the patches of the `number`-th prompt come to. Raises CannotReuse where its layers cannot be
        run on their own, InterventionError where frames have no counterpart."""
        untouched, length, n_layers = self._of(prompt).untouched, len(prompt), self._model.n_layers
        altered: dict[int, Altered] = {}
        jobs: list[Job] = []
        ends: dict[int, Tensor] = {}
        there: dict[tuple[bytes, torch.device], Tensor] = {}  # spans come again in every layer

        def indices(rows: np.ndarray, device: torch.device) -> Tensor:
            key = rows.tobytes(), device
            if key not in there:
                there[key] = to_device(rows, device)
            return there[key]

        for place, layer, rows, held, at in self._changes(prompt, patches):
            if layer < n_layers:
                altered[place + 1] = Altered(indices(rows, held.device), held, indices(at, held.device))
                jobs.append(patch_job(number, place, place + 1, layer, int(rows[0]), length, n_layers))
            elif rows[-1] == length - 1:
                ends[place] = held[int(at[-1])]
        return Patched(untouched, altered, jobs, ends)

    def _changes(self, prompt: Prompt, patches: Sequence[Patch]) -> Iterator[_Change]:
        """What each patch changes; nothing of those that change nothing."""
        inside: list[_Inside] = []
        for place, patch in enumerate(patches):
            if patch.site in OF_FRAMES:
                held = self._shown(prompt, patch)
                rows = np.flatnonzero((held != self._of(prompt).untouched.resid[0]).any(-1).cpu().numpy())
            elif patch.site in INSIDE:
                rows = patch.rows(prompt.layout)
                # Inside a layer a row depends on itself and on those before it.
                if self._differs(prompt, patch.source)[patch.layer - 1, : rows[-1] + 1].any():
                    inside.append(_Inside(place, patch, rows))
                continue
            else:
                rows, held = self._streams(prompt, patch)
            if rows.size:
                yield _Change(place, _before(patch), rows, held, rows)
        inside.sort(key=lambda one: one.patch.layer)
        for layer, group in groupby(inside, lambda one: one.patch.layer):
            some = list(group)
            held, done = self._through(prompt, layer - 1, some), 0
            for place, _, rows in some:
                yield _Change(place, layer, rows, held, np.arange(done, done + rows.size))
                done += rows.size

    def _of(self, prompt: Prompt) -> _Taken:
        """The untouched forward of a prompt, which is not waited for."""
        if prompt not in self._taken:
            held: dict[str, Tensor] = {}
            mixers: dict[int, Tensor] = {}

            def keep(point: HookPoint, moment: Moment) -> None:
                held[point.name] = point.form.read(moment).detach()

            with ExitStack() as until:
                until.enter_context(visiting(tuple(self._wanted[prompt].values()), keep, prompt.inputs))
                if prompt in self._mixing:
                    until.enter_context(self._mixers(lambda layer, output: mixers.update({layer: output})))
                untouched = run_untouched(self._model, prompt, first=0)
            self._taken[prompt] = _Taken(untouched, held, mixers)
        return self._taken[prompt]

    @contextmanager
    def _mixers(self, visit: Callable[[int, Tensor], Tensor | None]) -> Iterator[None]:
        """`visit` sees what layers with a running state give in place of attention, and may give another."""
        with ExitStack() as until:
            for layer, module in self._model.family.recurrent_layers(self._model.hf).items():

                def hook(module: nn.Module, args: Any, output: Any, layer: int = layer) -> Any:
                    first, *rest = output if isinstance(output, tuple) else (output,)
                    new = visit(layer, first)
                    return None if new is None else (new, *rest) if rest else new

                # Before hooks that are there already, which see what it gives.
                until.callback(module.register_forward_hook(hook, prepend=True).remove)
            yield

    def _differs(self, prompt: Prompt, source: Prompt) -> np.ndarray:
        """Whether a row of the residual stream before a layer differs between two prompts, (layer, s), as far
        as the shorter one goes."""
        if (prompt, source) not in self._changed:
            pairs = zip(self._of(prompt).untouched.resid, self._of(source).untouched.resid, strict=True)
            common, device = min(len(prompt), len(source)), self._model.device
            found = [(one[:common] != other[:common]).any(-1).to(device) for one, other in pairs]
            self._changed[prompt, source] = torch.stack(found).cpu().numpy()
            self._changed[source, prompt] = self._changed[prompt, source]
        return self._changed[prompt, source]

    def _streams(self, prompt: Prompt, patch: Patch) -> tuple[np.ndarray, Tensor]:
        """The rows that differ of those that a patch between layers changes, and the other prompt's stream
        (s, d)."""
        taken, source, before = self._of(prompt).untouched, self._of(patch.source), _before(patch)
        rows = patch.rows(prompt.layout)
        added = taken.added.get(before - 1), source.untouched.added.get(before - 1)
        if patch.site == "resid_post" and any(part is not None for part in added):
            if patch.point not in source.held:
                raise CannotReuse(f"something is added to the residual stream behind '{patch}'")
            held, own = source.held[patch.point][0], added[0]
            if own is None:
                return rows, held
            common = min(len(held), len(own))
            return rows, held[:common] + own[:common].to(held)
        if before == self._model.n_layers:
            # Only the last row counts there, and only it is kept.
            last = rows[rows == len(prompt) - 1]
            held = source.untouched.last
            if last.size and len(patch.source) != len(prompt):
                raise CannotReuse(f"'{patch}' takes a row that is not the last of the other prompt")
            return last, held.expand(len(prompt), -1)
        return rows[self._differs(prompt, patch.source)[before][rows]], source.untouched.resid[before]

    def _shown(self, prompt: Prompt, patch: Patch) -> Tensor:
        """What enters the decoder (s, d) once frames of the other clip are put in before it."""
        if patch.site == "vision" and self._of(prompt).untouched.added:
            raise CannotReuse(f"'{patch}' may change what is added to the residual stream after its layers")
        key = patch.source, patch.point
        if key not in self._embeds:
            cache = run_with_cache(self._model, patch.source, patch.point, stop_at_layer=0).cache
            self._embeds[key] = cache[patch.point]

        def put(activation: Tensor, point: HookPoint) -> Tensor:
            return put_in(patch, activation, self._embeds[key], prompt)

        with edited(self._model, prompt, [(patch.point, put)]):
            return run_with_cache(self._model, prompt, "hook_embed", stop_at_layer=0).cache["hook_embed"][0]

    @torch.no_grad()
    def _through(self, prompt: Prompt, number: int, patches: Sequence[_Inside]) -> Tensor:
        """The residual stream after layer `number` (from 0) in the rows of each patch, one behind another,
        (N, d)."""
        model, taken = self._model, self._of(prompt)
        layer, untouched = model.family.decoder_layers(model.hf)[number], taken.untouched
        rows = np.concatenate([one.rows for one in patches])
        resid = untouched.resid[number]
        at = to_device(rows, resid.device)
        puts: dict[str, list[tuple[slice, Patch, Tensor]]] = {}
        done = 0
        for _, patch, own in patches:
            values = self._of(patch.source).held[patch.point][0, to_device(own, resid.device)]
            puts.setdefault(patch.point, []).append((slice(done, done := done + own.size), patch, values))
        z = f"blocks.{number}.attn.hook_z"

        def changed(name: str, activation: Tensor) -> Tensor:
            new = activation.clone()
            for places, patch, values in puts.get(name, ()):
                if patch.heads is None:
                    new[0, places] = values.to(new)
                else:
                    new[0, places, list(patch.heads)] = values[:, list(patch.heads)].to(new)
            return new

        def visit(point: HookPoint, moment: Moment) -> None:
            read = point.form.read(moment)
            point.form.write(moment, changed(point.name, read), read)

        def attention(*args: Any, **options: Any) -> tuple[Tensor, None]:
            return changed(z, taken.held[z][:, at]), None

        points = [self._wanted[patch.source][patch.point] for _, patch, _ in patches if patch.site != "z"]
        with (
            visiting(tuple({point.name: point for point in points}.values()), visit, prompt.inputs),
            stand_in(model.family.attentions(model.hf).values(), attention),
            self._mixers(lambda layer, output: taken.mixers[layer][:, at]),
        ):
            found = layer(resid[at][None], **rows_of([untouched.arguments[number]], at))[0]
        added = untouched.added.get(number)
        return found if added is None else found + added[at].to(found)


def _before(patch: Patch) -> int:
    """The layer, from 0, before which a patch between layers changes the residual stream."""
    return patch.layer if patch.site == "resid_post" else 0 if patch.site != "resid_pre" else patch.layer - 1


def twins_of(model: VideoLLM, asked: Iterable[tuple[Prompt, Iterable[object]]]) -> Twins:
    """The twins of all patches that prompts are asked for."""
    found = [(prompt, one) for prompt, some in asked for one in some if isinstance(one, Patch)]
    return Twins(model, found)
