"""Which rows of a prompt are a word, and which rows a person means who names a query."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from workbench.errors import PromptError, SpanError, near_matches
from workbench.interventions import Span
from workbench.prompts.layout import TokenLayout

_EDGES = re.compile(r"^\W+|\W+$")


def word_rows(layout: TokenLayout, word: str, within: str = "question") -> np.ndarray:
    """Rows (int64) of the first place where `word` stands in the span `within`, whole and in any case.

    A word that the tokenizer splits gives several rows. Raises SpanError where the span lacks the word, with
    the words that it has, PromptError where the layout knows no token texts.
    """
    wanted = _bare(word)
    if not wanted:
        raise SpanError(f"{word!r} is no word. Name a word of the prompt, such as 'move'.")
    for rows in words_of(layout, within):
        if _bare("".join(layout.tokens[row] for row in rows)) == wanted:
            return np.asarray(rows, dtype=np.int64)
    known = words(layout, within)
    raise SpanError(
        f"The word {word!r} is not in {within!r} of this prompt.{near_matches(wanted, known)} "
        f"Its words are: {', '.join(known)}."
    )


def words(layout: TokenLayout, within: str = "question") -> list[str]:
    """The different words of a span, in lower case, in reading order."""
    texts = (_bare("".join(layout.tokens[row] for row in rows)) for rows in words_of(layout, within))
    return [text for text in dict.fromkeys(texts) if text]


def words_of(layout: TokenLayout, within: str) -> list[list[int]]:
    """The rows of a span, gathered by word; punctuation that has a token of its own is a word too."""
    if not layout.tokens:
        raise PromptError("This layout knows no token texts, so no word can be found. Name rows or a span.")
    rows = layout[within].tolist()
    # Tokenizers of whole words write no spaces: there each token stands alone.
    spaced = any(layout.tokens[row][:1].isspace() for row in layout["text"])
    found: list[list[int]] = []
    for row in rows:
        before = found[-1][-1] if found else None
        inside = before is not None and row == before + 1 and layout.tokens[before][-1:].isalnum()
        glued = spaced and inside and layout.tokens[row][:1].isalnum()
        if glued:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def query_rows_of(query: str | int | Sequence[int], layout: TokenLayout) -> tuple[np.ndarray, str]:
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


def row_text(layout: TokenLayout, rows: np.ndarray) -> str:
    """What to call some rows: `"move" (row 304)`, `cell[2,0,5]`, `row 12`, or `rows 3, 4`."""
    cell = _cell_of(layout, int(rows[0])) if rows.size == 1 else ""
    if cell:
        return cell
    where = f"row {rows[0]}" if rows.size == 1 else f"rows {', '.join(map(str, rows.tolist()))}"
    together = rows.size == rows[-1] - rows[0] + 1
    if not layout.tokens or not together or np.intersect1d(rows, layout["video"]).size:
        return where
    text = "".join(layout.tokens[row] for row in rows).strip()
    return f'"{text}" ({where})' if text else where


def _cell_of(layout: TokenLayout, row: int) -> str:
    """The cell that a row is, as a span; empty where it is none."""
    for t, frame in enumerate(layout.frames if layout.grid is not None else ()):
        cells = np.setdiff1d(frame, layout.spans["separator"])
        place = int(np.searchsorted(cells, row))
        if layout.grid is not None and place < cells.size and cells[place] == row:
            i, j = divmod(place, layout.grid[1])
            return f"cell[{t},{i},{j}]"
    return ""


def _bare(text: str) -> str:
    return _EDGES.sub("", text.strip()).casefold()
