"""Any value in any setting of any recipe: a recipe that can start, or our error; nothing is written."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.values import NUMBER, TEXT, VALUE, attempt, confined, few
from workbench.recipe import find_recipe, recipe_names

SETTINGS = [(name, field.name) for name in recipe_names() for field in dataclasses.fields(find_recipe(name))]
SEEN = sorted({setting for _, setting in SETTINGS})


@pytest.mark.parametrize("setting", SEEN)
@few(3)
@given(data=st.data())
def test_any_value(setting: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    name = data.draw(st.sampled_from([name for name, has in SETTINGS if has == setting]))
    value: Any = data.draw(st.one_of(TEXT, st.lists(TEXT, max_size=3).map(tuple), NUMBER, VALUE))
    home = tmp_path_factory.getbasetemp()
    (home / "inside").mkdir(exist_ok=True)
    given_: dict[str, Any] = {"model": "mini/video-ft"} | {"out": home / "inside" / "out", setting: value}
    if name == "mask_gallery":
        given_.pop("model")
        given_[setting] = value

    def made() -> Any:
        return find_recipe(name)(**given_).checked

    with confined(home / "inside", home / "outside"):
        attempt(made)
    assert not list((home / "inside").iterdir())
