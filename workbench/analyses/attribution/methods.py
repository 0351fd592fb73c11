"""The methods of attribution by name; what each is says `estimates.py`. For lists and checks."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import RunError, near_matches, shown

LOCAL, HYBRID = "local", "hybrid"
METHODS = (LOCAL, HYBRID, "gradient", "integrated", "relp", "attention", "value_norm")
NAIVE = ("attention", "value_norm")
"""Methods whose numbers have a unit of their own."""
STEPS = 5
"""Points of the path of "integrated"."""


def as_methods(given: str | Sequence[str]) -> tuple[str, ...]:
    """One method or several. Raises RunError for none, one twice, or one that does not exist."""
    several = (given,) if isinstance(given, str) else tuple(given)
    for name in several:
        if name not in METHODS:
            raise RunError(
                f"There is no method {shown(name)} of attribution.{near_matches(str(name), METHODS)} "
                f"Methods are: {', '.join(METHODS)}."
            )
        if several.count(name) > 1:
            raise RunError(f"The method {name!r} is asked for twice. Name each method once.")
    if not several:
        raise RunError(f"No method is named. Methods are: {', '.join(METHODS)}.")
    return several
