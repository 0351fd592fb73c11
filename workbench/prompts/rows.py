"""Which rows of a prompt a person means: a row, a slice, a span or row numbers; and what to call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from workbench.errors import HookError, SpanError
from workbench.prompts.layout import TokenLayout
from workbench.prompts.partition import cell_of
from workbench.prompts.spans import Span
from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from torch import Tensor  # tables are read without torch

PosSlice: TypeAlias = "int | slice | str | Sequence[int] | np.ndarray | Tensor | None"
"""Rows of the prompt: one (its axis is dropped), a slice, the name of a span, or row numbers."""

Positions: TypeAlias = int | slice | np.ndarray
"""Rows of the prompt, checked: what `PosSlice` comes to."""


def positions(asked: PosSlice, layout: TokenLayout) -> Positions | None:
    """The rows that `asked` names in this prompt; None for all of them.

    Raises HookError where a row lies outside the prompt or none is left, SpanError where a span does not
    exist.
    """
    rows = layout.length
    if asked is None:
        return None
    if isinstance(asked, str):
        found = layout[asked]
    elif isinstance(asked, slice):
        found = np.arange(rows)[asked]
        if found.size:
            return asked
    elif isinstance(asked, int | np.integer) and not isinstance(asked, bool):
        if not -rows <= asked < rows:
            raise HookError(
                f"pos_slice={asked} is outside this prompt, which has {rows} rows (0..{rows - 1})."
            )
        return int(asked)
    elif isinstance(asked, tuple | bool):
        raise HookError(
            f"pos_slice={asked!r} could be read in two ways. For a range write slice(...), for rows a list."
        )
    else:
        found = np.asarray(getattr(asked, "cpu", lambda: asked)())
        if found.dtype == bool and found.shape == (rows,):
            found = np.flatnonzero(found)
        elif found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
            raise HookError(
                f"pos_slice of shape {found.shape} and type {found.dtype} is not understood: give a row, "
                f"a slice, a span such as 'question', whole row numbers, or {rows} booleans."
            )
    if not found.size:
        raise HookError(f"pos_slice={asked!r} holds no row of this prompt.")
    if found.min() < -rows or found.max() >= rows:
        raise HookError(
            f"pos_slice has rows {found.min()}..{found.max()}; this prompt has {rows} (0..{rows - 1})."
        )
    return found.astype(np.int64)


@shaped
def chosen_rows(rows: PosSlice, layout: TokenLayout) -> Int[np.ndarray, " n"]:
    """Row numbers, from 0, of a span, a row, a slice or a list of rows.

    Raises SpanError, HookError for what the prompt does not have.
    """
    found = positions(rows, layout)
    return np.atleast_1d(np.arange(layout.length)[slice(None) if found is None else found])


@shaped
def query_rows_of(query: str | int | Sequence[int], layout: TokenLayout) -> tuple[Int[np.ndarray, " n"], str]:
    """The rows of a query and what to call it: a span expression, a row (negative from the end), or rows.

    Raises SpanError where there is no such row.
    """
    if isinstance(query, str):
        rows = Span.parse(query).rows(layout)
        if not rows.size:
            raise SpanError(f"The span {query!r} has no row in this prompt. Name another span, or a row.")
        return rows, str(Span.parse(query))
    asked = [query] if isinstance(query, int | np.integer) else list(query)
    length = layout.length
    for row in asked:
        if isinstance(row, bool) or not isinstance(row, int | np.integer) or not -length <= row < length:
            raise SpanError(
                f"query={query!r}: this prompt has rows 0 to {length - 1}. Give one of them, several, "
                "or a span such as 'last' or 'question'."
            )
    if not asked:
        raise SpanError("query=[] names no row. Give a row, several, or a span such as 'last'.")
    rows = np.unique(np.asarray(asked, dtype=np.int64) % length)
    return rows, row_text(layout, rows)


@shaped
def row_text(layout: TokenLayout, rows: Int[np.ndarray, " n"]) -> str:
    """What to call some rows: `"move" (row 304)`, `cell[2,0,5]`, `row 12`, or `rows 3, 4`."""
    if rows.size == 1 and (cell := cell_of(layout, int(rows[0]))):
        return cell
    where = f"row {rows[0]}" if rows.size == 1 else f"rows {', '.join(map(str, rows.tolist()))}"
    together = rows.size == rows[-1] - rows[0] + 1
    if not layout.tokens or not together or np.intersect1d(rows, layout["video"]).size:
        return where
    text = "".join(layout.tokens[row] for row in rows).strip()
    return f'"{text}" ({where})' if text else where
