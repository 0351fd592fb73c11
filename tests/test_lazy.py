"""Names of a package are imported when they are first asked for, and not a moment earlier."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types

import pytest

import workbench as wb
from tests import ROOT
from workbench.lazy import lazily


def test_a_name_is_imported_once_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, asked = types.ModuleType("shop"), []

    def arrive(name: str, package: str) -> types.ModuleType:
        asked.append(name := package + name)
        made = types.ModuleType(name)
        vars(made)["bread"] = "fresh"
        return made

    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setattr(importlib, "import_module", arrive)
    vars(shop)["__getattr__"] = lazily("shop", {"bread": "counters.baker", "till": ""})
    assert asked == []
    assert (shop.bread, shop.bread, shop.till.__name__) == ("fresh", "fresh", "shop.till")
    assert asked == ["shop.counters.baker", "shop.till"]
    with pytest.raises(AttributeError, match="module 'shop' has no attribute 'cake'"):
        _ = shop.cake


def test_the_public_face_is_what_can_be_seen() -> None:
    assert dir(wb) == sorted(wb.__all__)


def test_the_help_of_recipes_waits_for_no_model_and_no_statistics() -> None:
    """Under a second of a processor is meant; what takes the seconds is not loaded at all."""
    code = (
        "import sys\nfrom workbench.cli import main\nfrom workbench.recipe import find_recipe, recipe_names\n"
        "for name in recipe_names():\n    find_recipe(name)\n"
        "try:\n    main(['run', name, '--help'])\nexcept SystemExit:\n    pass\n"
        "print('loaded', *sorted({'torch', 'transformers', 'nnsight', 'scipy', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines()[-1] == "loaded"
