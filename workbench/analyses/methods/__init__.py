"""Methods that say which edges carry an answer, and how often they are right where it is known."""

from workbench.analyses.methods.bench import MethodScores, bench_methods
from workbench.analyses.methods.losses import losses
from workbench.analyses.methods.method import Method, method_file
from workbench.analyses.methods.registry import methods_here

__all__ = ["Method", "MethodScores", "bench_methods", "losses", "method_file", "methods_here"]
