from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WindowError, shown
from workbench.interventions import (
    LayerSpan,
    Window,
    after,
    all_layers,
    as_windows,
    axis_of,
    centred,
    first_half,
    kind_of,
    layers,
    parse_window,
    read_window,
    second_half,
    series_of,
    trailing,
)


@pytest.mark.parametrize(
    ("typed", "window", "printed"),
    [
        ("centred(9)", centred(9), "centred(9)"),
        (" Centered( 3 ) ", centred(3), "centred(3)"),
        ("trailing(4)", trailing(4), "trailing(4)"),
        ("after(0)", after(0), "after(0)"),
        ("all", all_layers(), "all_layers()"),
        ("all_layers()", all_layers(), "all_layers()"),
        ("first_half", first_half(), "first_half()"),
        ("second_half()", second_half(), "second_half()"),
        ("layers(3,5)", layers(3, 5), "layers(3, 5)"),
    ],
)
def test_windows_print_as_python_and_read_back(typed: str, window: Window, printed: str) -> None:
    assert parse_window(typed) == window
    assert str(window) == printed
    assert parse_window(printed) == window


def spans(window: Window, n_layers: int) -> list[tuple[int, int, int]]:
    return [(span.layer, span.first_layer, span.last_layer) for span in window.expand(n_layers)]


def test_centred_is_clipped_not_shifted() -> None:
    assert spans(centred(9), 32)[0] == (1, 1, 5)
    assert spans(centred(9), 32)[15] == (16, 12, 20)
    assert spans(centred(9), 32)[-1] == (32, 28, 32)
    assert spans(centred(4), 6) == [(1, 1, 2), (2, 1, 3), (3, 1, 4), (4, 2, 5), (5, 3, 6), (6, 4, 6)]
    assert spans(centred(1), 3) == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    assert spans(centred(2), 3) == [(1, 1, 1), (2, 1, 2), (3, 2, 3)]


@given(st.integers(1, 80), st.integers(1, 100))
def test_centred_is_the_definition_cut_to_the_model(k: int, n_layers: int) -> None:
    for layer, first, last in centred(k).expand(n_layers):
        wanted = set(range(layer - k // 2, layer + (k - 1) // 2 + 1)) & set(range(1, n_layers + 1))
        assert set(range(first, last + 1)) == wanted


def test_trailing_has_one_window_for_every_full_position() -> None:
    found = trailing(4).expand(28)
    assert len(found) == 28 - 3
    assert found[0] == LayerSpan(4, 1, 4)
    assert found[-1] == LayerSpan(28, 25, 28)


def test_windows_without_a_sweep() -> None:
    assert spans(after(0), 6) == [(0, 1, 6)]
    assert spans(after(4), 6) == [(4, 5, 6)]
    assert spans(after(6), 6) == [(6, 7, 6)], "no layer at all: the untouched model"
    assert spans(all_layers(), 6) == [(0, 1, 6)]
    assert spans(layers(2, 2), 6) == [(0, 2, 2)]


@pytest.mark.parametrize("n_layers", [2, 5, 12, 31])
def test_halves_share_the_layers(n_layers: int) -> None:
    (_, a, b), (_, c, d) = *first_half().expand(n_layers), *second_half().expand(n_layers)
    assert (a, b + 1, d) == (1, c, n_layers)
    assert b == n_layers // 2


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("centrd(3)", "'centrd.3.' is not a window. Did you mean 'centred'"),
        ("", "'' is not a window"),
        ("centred(9", "is not a window"),
        ("centred", "centred takes one number"),
        ("centred(0)", "numbers start at 1 here"),
        ("centred(-3)", "numbers start at 1 here"),
        ("centred(2.5)", "something else than whole numbers"),
        ("trailing(k)", "something else than whole numbers"),
        ("all(3)", "all_layers takes no number"),
        ("after(-1)", "numbers start at 0 here"),
        ("layers(0, 3)", "numbers start at 1 here"),
        ("layers(5, 3)", r"is reversed: did you mean layers\(3, 5\)"),
        ("layers(5)", "layers takes two numbers"),
        ("layers(1, 2, 3)", "layers takes two numbers"),
    ],
)
def test_unreadable_windows_are_refused(typed: str, message: str) -> None:
    with pytest.raises(WindowError, match=message):
        parse_window(typed)


@pytest.mark.parametrize("k", [True, 2.0, "3"])
def test_numbers_in_code_must_be_whole(k) -> None:
    with pytest.raises(WindowError, match="is not a whole number"):
        centred(k)


@pytest.mark.parametrize("window", [layers(3, 13), layers(13, 14), after(13), trailing(13)])
def test_layers_outside_the_model_are_refused(window: Window) -> None:
    with pytest.raises(WindowError, match="lies outside the model, which has 12 layers"):
        window.expand(12)


def test_one_layer_has_no_halves() -> None:
    with pytest.raises(WindowError, match="no two halves"):
        first_half().expand(1)


def test_as_windows() -> None:
    assert as_windows("centred(9)") == as_windows(centred(9)) == (centred(9),)
    assert as_windows([centred(1), "all"]) == (centred(1), all_layers())
    for bad, message in (([], "No window"), (["all", all_layers()], "twice"), ([9], "9 is no window")):
        with pytest.raises(WindowError, match=message):
            as_windows(bad)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "series", "axis", "point", "together"),
    [
        (
            "centred(9)",
            "centred(9)",
            "layer (centre of the cut window)",
            "in the 9 layers around it",
            "9 neighbouring layers are cut at a time, around each layer (fewer at both ends)",
        ),
        (
            "centred(1)",
            "centred(1)",
            "layer (centre of the cut window)",
            "in that layer",
            "one layer is cut at a time",
        ),
        (
            "trailing(4)",
            "trailing(4)",
            "layer (last of the cut window)",
            "in the 4 layers that end there",
            "4 neighbouring layers are cut at a time, up to and including each layer",
        ),
        (
            "after(3)",
            "after(i)",
            "layer i (every layer after i is cut)",
            "in all layers after it",
            "all layers after a layer are cut together",
        ),
        (
            "after(i)",
            "after(i)",
            "layer i (every layer after i is cut)",
            "in all layers after it",
            "all layers after a layer are cut together",
        ),
        ("all_layers()", "all_layers()", "", "", "all layers are cut at once"),
        ("first_half()", "first_half()", "", "", "the first half of the layers is cut at once"),
        ("second_half()", "second_half()", "", "", "the second half of the layers is cut at once"),
        ("layers(2, 3)", "layers(2, 3)", "", "", "these layers are cut at once"),
    ],
)
def test_a_kind_has_its_own_words(text: str, series: str, axis: str, point: str, together: str) -> None:
    window = read_window(text)
    assert window is not None
    assert (series_of(text), axis_of(text), window.point, window.together) == (series, axis, point, together)


def test_what_is_no_window_has_no_words() -> None:
    for text in ("sometimes", "centred(k)", ""):
        assert read_window(text) is None
        assert series_of(text) == text
    assert kind_of("sometimes") is None
    assert axis_of("sometimes") == ""


@pytest.mark.parametrize("windows", [5, None, 1.5, [5], [None], object()])
def test_what_holds_no_window_is_refused(windows: Any) -> None:
    with pytest.raises(WindowError, match=r"is no window.*centred\(k\)"):
        as_windows(windows)


@pytest.mark.parametrize("number", [10**9, 2**63, 10**4299, 10**5000], ids=shown)
def test_numbers_that_no_model_reaches_are_refused(number: int) -> None:
    for make in (centred, trailing, after, lambda k: layers(1, k)):
        with pytest.raises(WindowError, match="no model has so many layers") as said:
            make(number)
        assert len(str(said.value)) < 400
    with pytest.raises(WindowError, match="nine digits"):
        parse_window(f"centred({'9' * 4300})")


def test_a_kind_that_does_not_exist_is_refused() -> None:
    for kind, numbers in [("centerd", (3,)), (None, ()), (["centred"], ()), ("centred", 3)]:
        with pytest.raises(WindowError, match="is not a window"):
            Window(kind, numbers)  # type: ignore[arg-type]
