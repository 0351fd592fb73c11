"""Layers with a running state on packed rows: each node's own, from the state that untouched rows leave.

What a cut is there, `workbench.engine.recurrent` defines: rows that lose the same sources run together on
the sequence without these. The rows of that sequence before a node's first are the untouched model's, so
the state that they leave is worked out once for all nodes that begin there, and only the rows behind run
again. The model's own module does all of it, with transformers' cache of linear attention to hold the state.

Axes: N packed rows, d model, B nodes side by side, G runs side by side, r rows of a node, n rows of a run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, LinearAttentionLayer

from workbench.engine.incremental.fused import put
from workbench.engine.incremental.memory import to_device
from workbench.engine.incremental.packed_attention import KeysKnown, Start
from workbench.engine.incremental.plan import Segment
from workbench.engine.incremental.untouched import CannotReuse, cache_argument
from workbench.engine.recurrent import Without, without
from workbench.interventions import keep_mask
from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

MOST_ROWS = 4096
"""Rows that run at once, each run counted in whole chunks: transformers' delta rule holds some ten copies of
its rows in float32, and fills up what is less than a chunk."""
_CHUNK = 64
_MOST_STATES = 64
"""States held of one layer and prompt. The flows of a sweep need a handful; random edges one a row."""


class _Target(NamedTuple):
    """The rows that one run is made for."""

    places: Any
    """Where they stand in the run: indices, int (t,)."""
    rows: Any
    """Where they stand among the rows that the segment asks for, int (t,)."""


class Runs(NamedTuple):
    """Runs over as many rows that follow the same untouched ones."""

    prefix: Int[np.ndarray, " p"]
    """The untouched rows before them."""
    rows: Int[Tensor, "G n"]
    """Their rows, counted from the segment's start."""
    targets: list[_Target]


class PackedRecurrent:
    """Stands in for the layers with a running state while packed rows run through them.

    What it works out about cuts, and the states of untouched rows, serve every pass over the same prompts.
    """

    def __init__(self, model: VideoLLM, starts: Sequence[Start]) -> None:
        self.model, self.starts = model, starts
        self.layer = 0
        self.segments: list[Segment] = []
        self.keys_only = False
        """Stop a layer, with KeysKnown, as soon as its inputs are known, and keep these."""
        self.known: list[Tensor] = []
        self._groups: dict[tuple[int, int], list[Without]] = {}
        self._runs: dict[tuple[int, int, int, int, torch.device], list[Runs]] = {}
        self._states: dict[tuple[int, int], dict[bytes, LinearAttentionLayer]] = {}

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """While the context is open."""
        with ExitStack() as until:
            for module in self.model.family.recurrent_layers(self.model.hf).values():
                until.callback(put, module, "forward", vars(module).get("forward"))
                module.forward = partial(self, module, module.forward)
            yield

    def __call__(self, module: nn.Module, own: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        """What the packed rows (1, N, d) get from the layer, of which `own` is the forward."""
        hidden = (args[0] if args else kwargs["hidden_states"])[0]
        if self.keys_only:
            self.known = [rows.clone() for rows in _by_node(hidden, self.segments)]
            raise KeysKnown
        out = torch.empty_like(hidden)
        given = self.known or _by_node(hidden, self.segments)
        run = partial(_run, own, cache_argument(module), getattr(module, "layer_idx", 0))
        for segment, rows, into in zip(self.segments, given, _by_node(out, self.segments), strict=True):
            self._segment(segment, run, rows, into)
        return out[None]

    def _segment(self, segment: Segment, run: Callable[..., Tensor], given: Tensor, out: Tensor) -> None:
        """Rows `start`.. of each node (B, r, d) through the layer; what rows `first`.. get, into `out`."""
        for part in self._runs_of(segment, given.device):
            state = self._state(segment.prompt, part.prefix, run)
            size = part.rows.shape[1]
            rows = given[:, part.rows].flatten(0, 1)  # (B * G, n, d)
            at_once = max(1, MOST_ROWS // (-(-size // _CHUNK) * _CHUNK))
            found = [run(some, _branches(state, len(some))) for some in rows.split(at_once)]
            joined = torch.cat(found).unflatten(0, (len(given), -1))  # (B, G, n, d)
            for number, target in enumerate(part.targets):
                out[:, target.rows] = joined[:, number, target.places]

    def _state(
        self, prompt: int, rows: Int[np.ndarray, " p"], run: Callable[..., Tensor]
    ) -> LinearAttentionLayer:
        """What these untouched rows leave, when the layer runs on them alone."""
        known = self._states.setdefault((prompt, self.layer), {})
        key = rows.tobytes()
        if key in known:
            known[key] = known.pop(key)  # used last
        else:
            begun = max((one for one in known if key.startswith(one)), key=len, default=None)
            state = LinearAttentionLayer() if begun is None else _branches(known[begun], 1)
            rest = rows[0 if begun is None else len(begun) // rows.itemsize :]
            if rest.size:
                mixed = self.starts[prompt].untouched.mixed[self.layer]
                run(mixed[:, _index(rest, mixed.device)], state)
            if len(known) >= _MOST_STATES:
                del known[next(iter(known))]
            known[key] = state
        return known[key]

    def _runs_of(self, segment: Segment, device: torch.device) -> list[Runs]:
        key = (segment.prompt, segment.kind, segment.start, segment.first, device)
        if key not in self._runs:
            groups = self._groups_of(segment.prompt, segment.kind)
            self._runs[key] = list(runs(groups, segment, device))
        return self._runs[key]

    def _groups_of(self, prompt: int, kind: int) -> list[Without]:
        if (prompt, kind) not in self._groups:
            flows = self.starts[prompt].flows
            mask = keep_mask(flows.cuts[kind], flows.layout, self.model.n_heads) if kind else None
            self._groups[prompt, kind] = [] if mask is None else without(torch.from_numpy(mask)[None])
        return self._groups[prompt, kind]


def runs(groups: Sequence[Without], segment: Segment, device: torch.device) -> Iterator[Runs]:
    """The runs that a segment takes where rows of `groups` are without others, and all other rows are not."""
    asked = np.arange(segment.first, segment.length)
    whole = np.setdiff1d(asked, np.concatenate([np.empty(0, int), *(group.rows for group in groups)]))
    alike: dict[tuple[bytes, int], list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for rows, kept in [*groups, Without(whole, np.arange(whole[-1] + 1 if whole.size else 0))]:
        if (wanted := rows[rows >= segment.first]).size:
            prefix, behind = np.split(kept, [np.searchsorted(kept, segment.start)])
            alike.setdefault((prefix.tobytes(), behind.size), []).append((prefix, behind, wanted))
    for members in alike.values():
        yield Runs(
            members[0][0],
            to_device(np.stack([behind for _, behind, _ in members]) - segment.start, device),
            [
                _Target(
                    _index(np.searchsorted(behind, wanted), device), _index(wanted - segment.first, device)
                )
                for _, behind, wanted in members
            ],
        )


def _run(
    own: Callable[..., Any], argument: str, number: int, hidden: Tensor, state: LinearAttentionLayer
) -> Tensor:
    """Rows (B, n, d) through a layer that goes on from `state`, which is then that of the last of them."""
    # A cache has a place for each layer of a model, and the module looks at its own.
    places: list[Any] = [state] * (number + 1)
    found = own(hidden_states=hidden, **{argument: Cache(layers=places)})
    if not isinstance(found, Tensor):
        raise CannotReuse(f"a layer with a running state gives {type(found).__name__}, not its rows")
    return found


def _branches(state: LinearAttentionLayer, count: int) -> LinearAttentionLayer:
    """The same state for each of `count` sequences, to go on from."""
    branches = copy.deepcopy(state)
    if state.device is not None:
        first: Any = torch.zeros(count, dtype=torch.long, device=state.device)
        branches.reorder_cache(first)
    return branches


@shaped
def _index(rows: Int[np.ndarray, " n"], device: torch.device) -> Any:
    """Rows as a slice where they follow one another, else as a tensor."""
    if int(rows[-1]) - int(rows[0]) + 1 == rows.size:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return to_device(rows, device)


def _by_node(hidden: Tensor, segments: Sequence[Segment]) -> list[Tensor]:
    """Packed rows (N, d), by segment (B, r, d): views."""
    sizes = [segment.nodes * (segment.length - segment.first) for segment in segments]
    parts = hidden.split(sizes)
    return [part.unflatten(0, (segment.nodes, -1)) for part, segment in zip(parts, segments, strict=True)]
