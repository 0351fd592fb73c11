"""A processor's text is taken apart by its marks, and what cannot be parted is refused."""

from __future__ import annotations

import pytest

from workbench.errors import ModelError
from workbench.models.families.written import pieces

MARKS = {"<img>", "</img>", "<s>", "</s>"}


@pytest.mark.parametrize(
    ("written", "units", "parts"),
    [
        ("PPPPPP", 3, "0PP 1PP 2PP"),
        ("<s>PPPP</s>", 2, "0s<s> 0PP 1PP 1s</s>"),
        ("<img>PP</img><img>PP</img>", 2, "0s<img> 0PP 0s</img> 1s<img> 1PP 1s</img>"),
        (
            "one <img>PP</img> two <img>PP</img>",
            2,
            "0w[one ] 0s<img> 0PP 0s</img> 1w[ two ] 1s<img> 1PP 1s</img>",
        ),
        ("PP</img>PP</img>", 2, "0PP 0s</img> 1PP 1s</img>"),
        ("<img>P<s>P</img><img>P<s>P</img>", 2, "0s<img> 0P 0s<s> 0P 0s</img> 1s<img> 1P 1s<s> 1P 1s</img>"),
    ],
)
def test_what_is_written_is_taken_apart(written: str, units: int, parts: str) -> None:
    found = []
    for piece in pieces(written, "P", units, MARKS):
        kind = "w" if piece.words else "s" if piece.separator else ""
        found.append(f"{piece.frame}{kind}{f'[{piece.text}]' if piece.words else piece.text}")
    assert " ".join(found) == parts
    assert "".join(piece.text for piece in pieces(written, "P", units, MARKS)) == written


@pytest.mark.parametrize(("written", "units"), [("PPPPP", 2), ("P,P,P", 2), ("", 1)])
def test_rows_that_cannot_be_parted_are_refused(written: str, units: int) -> None:
    with pytest.raises(ModelError, match="nothing says which rows show which frame"):
        list(pieces(written, "P", units, set()))
