"""What is put in where, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.interventions.layouts import separated_layout, small_layout
from workbench.errors import InterventionError, SpanError
from workbench.interventions import PATCH_SITES, Patch
from workbench.prompts.layout import TokenLayout


@dataclass(frozen=True, eq=False)
class Source:
    """A prompt, as far as a patch looks at it."""

    layout: TokenLayout
    sample: None = None


def patch(layout: TokenLayout | None = None, **fields: Any) -> Patch:
    source: Any = Source(small_layout() if layout is None else layout)
    return Patch(**{"site": "resid_post", "layer": 2, "span": "question", "source": source, **fields})


def test_a_patch_says_what_it_is() -> None:
    source = cast(Any, Source(small_layout()))
    one, same = patch(source=source, span=" Question "), patch(source=source)
    assert one == same
    assert len({one, same, patch()}) == 2, "prompts are compared by identity"
    assert str(one) == "resid_post in layer 2 at question of another prompt"
    assert str(patch(site="z", heads=[1, 0])) == "z of heads 1,0 in layer 2 at question of another prompt"
    assert str(patch(site="embed", layer=0)) == "embed at question of another prompt"
    assert one.point == "blocks.1.hook_resid_post"
    assert one.points == "blocks.*.hook_resid_post"
    assert one.layers(4) == (1,)
    assert patch(site="vision").layers(1) == patch(site="projector", layer=0).layers(1) == ()
    one.check(small_layout(), 4, 4)


def test_frames_are_found_with_their_separators() -> None:
    for layout in (small_layout(), separated_layout()):
        assert patch(site="projector", layer=0, span="video").frames(layout).tolist() == list(
            range(layout.n_frames)
        )
        assert patch(site="vision", span="frame[1]").frames(layout).tolist() == [1]
    for span in ("question", "cell[0,0,0]", "frame[0] + last"):
        with pytest.raises(InterventionError, match="not made of whole ones"):
            patch(site="projector", layer=0, span=span).check(small_layout(), 4, 4)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InterventionError, match="Did you mean 'resid_post'"):
        patch(site="resid_pst")
    with pytest.raises(InterventionError, match=", ".join(PATCH_SITES)):
        patch(site=7)
    for layer in (-1, True, "2", 1.0):
        with pytest.raises(InterventionError, match="whole number from 1"):
            patch(layer=layer)
    with pytest.raises(InterventionError, match="needs a layer"):
        patch(layer=0)
    with pytest.raises(InterventionError, match="its layer is 0"):
        patch(site="embed", layer=1)
    with pytest.raises(SpanError):
        patch(span="vidoe")
    for site, heads in (("z", ()), ("z", (1, 1)), ("resid_post", (0,))):
        with pytest.raises(InterventionError, match="heads"):
            patch(site=site, heads=heads)
    with pytest.raises(InterventionError, match="4 layers"):
        patch(layer=5).check(small_layout(), 4, 4)
    with pytest.raises(InterventionError, match="heads 0 to 3"):
        patch(site="z", heads=(4,)).check(small_layout(), 4, 4)
    with pytest.raises(InterventionError, match="no rows"):
        patch(span="generated").check(small_layout(), 4, 4)


def test_a_span_must_have_the_same_rows_on_both_sides() -> None:
    with pytest.raises(InterventionError, match=r"is rows 15 to 19 \(5\) here and rows 7 to 7"):
        patch(separated_layout()).check(small_layout(), 4, 4)
