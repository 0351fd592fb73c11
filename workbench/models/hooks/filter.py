"""Which hook points a user means: names, patterns, lists and functions of names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from workbench.errors import HookError, near_matches
from workbench.models.hooks.points import BLOCK, HookPoint

NamesFilter: TypeAlias = str | Iterable[str] | Callable[[str], bool] | None
"""A name, a pattern ("blocks.*.hook_resid_post"), several of them, a function of names, or None for all."""


class Selection(NamedTuple):
    """Hook points in forward order, and which of them were asked for by their full name."""

    points: tuple[HookPoint, ...]
    named: frozenset[str]


def select(points: Mapping[str, HookPoint], names: NamesFilter) -> Selection:
    """The hook points that `names` means. None leaves out those kept on request only (hook_result,
    hook_mlp_in).

    Raises HookError for a name that the model does not have, and where nothing matches.
    """
    if names is None:
        return Selection(tuple(point for point in points.values() if not point.on_request), frozenset())
    if callable(names):
        kept = {name for name in points if names(name)}
        named: set[str] = set()
        if not kept:
            raise HookError(
                f"names_filter accepts none of the {len(points)} hook points. {_examples(points)}"
            )
    else:
        entries = [names] if isinstance(names, str) else list(names)
        named = {entry for entry in entries if entry in points}
        kept = set(named)
        for entry in entries:
            if entry not in named:
                kept.update(_matches(points, entry))
        if not kept:
            raise HookError(f"names_filter names no hook point. {_examples(points)}")
    return Selection(tuple(point for name, point in points.items() if name in kept), frozenset(named))


def _matches(points: Mapping[str, HookPoint], entry: object) -> list[str]:
    if not isinstance(entry, str):
        raise HookError(f"A hook name must be text, not {type(entry).__name__}. {_examples(points)}")
    if not any(mark in entry for mark in "*?["):
        raise HookError(_unknown(points, entry))
    found = fnmatch.filter(points, entry)
    if not found:
        raise HookError(f"{entry!r} matches none of the {len(points)} hook points. {_examples(points)}")
    return found


def _unknown(points: Mapping[str, HookPoint], name: str) -> str:
    if (reason := getattr(points, "absent", {}).get(name)) is not None:
        return f"This model has no {name!r}: {reason}. model.hook_names() lists what it has."
    inside = re.fullmatch(r"(blocks|vision)\.(-?\d+)\.(.+)", name)
    if inside is not None:
        stem, index, rest = inside[1], int(inside[2]), inside[3]
        count = len({point.index for known, point in points.items() if known.startswith(f"{stem}.")})
        if count and not 0 <= index < count:
            return (
                f"{name!r}: this model has {stem}.0 to {stem}.{count - 1}; layers in hook names count from 0."
            )
        if stem == "blocks" and rest in {row.name for row in BLOCK}:
            return (
                f"This model has no {name!r}: its modules do not show that step (for instance one joint "
                "projection for q, k and v, or a norm of another kind). model.hook_names() lists what it has."
            )
    return f"There is no hook point {name!r}.{near_matches(name, points)} {_examples(points)}"


def _examples(points: Mapping[str, HookPoint]) -> str:
    shown = [name for name in ("blocks.0.hook_resid_post", "blocks.0.attn.hook_z") if name in points]
    return f"Names look like {' or '.join(shown) or next(iter(points))}; model.hook_names() lists all."
