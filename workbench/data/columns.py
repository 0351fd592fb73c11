"""What the rows of a user's own questions may be called, and how columns become a question.

Options are a list, one text "left|right", or columns of their own: option_a, option_b, .. or option0,
option1, ..; what else a row has may be kept as facet_NAME.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from workbench.data.entry import OwnEntry
from workbench.data.options import LETTERS
from workbench.errors import near_matches

COLUMNS = (*OwnEntry.model_fields, "option_a, option_b, ..", "facet_NAME")
"""What a table may have."""
_OPTION = re.compile(r"[Oo]ption(?:[_ ]?(?P<upper>[A-Z])|[_ ](?P<lower>[a-z])|[_ ]?(?P<number>\d{1,2}))")
_FACET = "facet_"
_ALSO = {
    "choices": "options",
    "candidates": "options",
    "clip": "video",
    "path": "video",
    "video_path": "video",
}
"""Other words for a column that are common."""


def is_column(name: object) -> bool:
    """Whether a column is read."""
    plain = str(name).strip()
    return plain in OwnEntry.model_fields or bool(_OPTION.fullmatch(plain)) or plain.startswith(_FACET)


def meant(name: str) -> str:
    """What a column that is not read may have meant, as a sentence after a space; empty where nothing."""
    other = _ALSO.get(name.strip().lower())
    return f" Did you mean {other!r}?" if other else near_matches(name, (*OwnEntry.model_fields, *_ALSO))


def gathered(row: Mapping[Any, Any]) -> dict[Any, Any] | str:
    """A row with its options in a list and its facets together; a text says why it is none."""
    made = {name: value for name, value in row.items() if name in OwnEntry.model_fields}
    numbered = [
        (_place(found), value)
        for name, value in row.items()
        if (found := _OPTION.fullmatch(str(name).strip())) and value not in (None, "")
    ]
    if numbered and made.get("options") is not None:
        return "a row with options twice, in one column and in columns of their own"
    if len({place for place, _ in numbered}) < len(numbered):
        return "a row with two columns for one option"
    if numbered:
        made["options"] = [str(value) for _, value in sorted(numbered, key=itemgetter(0))]
    elif isinstance(made.get("options"), str) and "|" in made["options"]:
        made["options"] = [part.strip() for part in made["options"].split("|")]
    kept = {
        str(name)[len(_FACET) :]: str(value)
        for name, value in row.items()
        if str(name).startswith(_FACET) and value
    }
    own = made.get("facets") or {}
    if kept and isinstance(own, dict):  # the schema says what it should be
        made["facets"] = {**own, **kept}
    return made


def columns_of(rows: Iterable[object]) -> list[Any]:
    """The names of all columns that some row has, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row))


def _place(found: re.Match[str]) -> int:
    letter = found["upper"] or (found["lower"] or "").upper()
    return LETTERS.index(letter) if letter else int(found["number"])
