"""The methods of this version of the workbench, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.analyses.methods.adapters import adapted
from workbench.analyses.methods.cutting import knockout, knockout_layer, knockout_pairs, knockout_window
from workbench.analyses.methods.looking import attention, attention_value
from workbench.analyses.methods.method import Method
from workbench.errors import RunError, near_matches, shown

_OWN: dict[str, Method] = {
    "knockout": knockout,
    "knockout_pairs": knockout_pairs,
    "knockout_layer": knockout_layer,
    "knockout_window": knockout_window,
    "attention": attention,
    "attention_value": attention_value,
}


def methods_here() -> dict[str, Method]:
    """Every method by its name: exact knockouts first, then others that this version has, by name."""
    return {**_OWN, **adapted()}


def as_methods(given: str | Sequence[str] | Mapping[str, Method] | None) -> dict[str, Method]:
    """All methods, those of these names, or a person's own. Raises RunError for none or an unknown name."""
    known = methods_here()
    if given is None:
        return known
    if isinstance(given, Mapping):
        found = dict(given)
    else:
        names = [given] if isinstance(given, str) else list(given)
        for name in names:
            if name not in known:
                hint = near_matches(str(name), known)
                raise RunError(f"There is no method {shown(name)}.{hint} Methods are: {', '.join(known)}.")
        found = {name: known[name] for name in names}
    if not found:
        raise RunError(f"No method is named. Methods are: {', '.join(known)}.")
    return found
