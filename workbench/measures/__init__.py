"""What is read off a run of the model.

A measure is one module here that says `MEASURE = register(Measure(..))`: every module is imported, so nothing
else has to name it.
"""

from importlib import import_module
from pkgutil import iter_modules

from workbench.measures.registry import MEASURES, Measure, as_measures
from workbench.measures.scoring import SCORINGS, Scoring, get_scoring

for _module in sorted(iter_modules(__path__), key=lambda module: (module.name != "probability", module.name)):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["MEASURES", "SCORINGS", "Measure", "Scoring", "as_measures", "get_scoring"]
