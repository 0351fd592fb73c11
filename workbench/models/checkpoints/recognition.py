"""Which format a checkpoint folder has, and which family it becomes."""

from __future__ import annotations

import shlex

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.formats import Format
from workbench.models.checkpoints.native import Native
from workbench.models.checkpoints.originals import original_of
from workbench.models.families import FAMILIES, Family
from workbench.models.families.transformers_own import transformers_own

FORMATS: tuple[Format, ...] = (Native(),)
"""Formats in the order in which they are asked: the particular ones before transformers' own."""


def recognise(folder: CheckpointFolder) -> tuple[Format, Family]:
    """The format of a folder, and the family that it becomes: for other classes of transformers that take a
    video, what these say of themselves.

    Raises ModelError for another architecture, and for an authors' format, which is converted first.
    """
    if (original := original_of(folder)) is not None:
        source = shlex.quote(folder.name if "/" in folder.name else str(folder.path))
        raise ModelError(
            f"{folder.path} is in the {original.name} format ({original.models}), which is converted once: "
            f"workbench convert {source} FOLDER, "
            "and then FOLDER is loaded."
        )
    for form in FORMATS:
        if (model_type := form.model_type(folder)) is not None:
            return form, FAMILIES[model_type]
    if (family := transformers_own(folder.config, folder.path)) is not None:
        return Native(), family
    model_type = folder.config.get("model_type")
    supported = "; ".join(f"{name} ({family.models})" for name, family in FAMILIES.items())
    said = f"is a {model_type!r} model" if model_type else "does not say its model_type"
    raise ModelError(
        f"{folder.path / 'config.json'} {said}, which is not among the supported families: {supported}; and "
        "transformers has no class of that name that takes a video. Use a checkpoint of one of them, or add "
        "a family (docs/add_a_family.md)."
    )
