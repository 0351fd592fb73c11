"""The probability of the traced token, and its change in percent: Map the Flow's measure.

softmax in float32. It saturates where p_base is near 1: `log_odds` does not.
"""

from workbench.measures.registry import Measure, register


def change_percent(p: float, p_base: float) -> float:
    """How much a probability differs from the untouched model's, in percent of that."""
    return (p - p_base) / p_base * 100


MEASURE = register(
    Measure(
        name="probability",
        columns={
            "p_base": "probability of the traced token in the untouched model",
            "p_knockout": "its probability after the cut",
            "change_percent": "(p_knockout - p_base) / p_base, percent",
        },
    )
)
