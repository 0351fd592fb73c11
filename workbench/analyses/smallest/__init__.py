"""The smallest pathway: how few attention edges are enough for the answers."""

from workbench.analyses.smallest.contest import FLOWS
from workbench.analyses.smallest.halves import search_and_test
from workbench.analyses.smallest.result import SmallestPathway

__all__ = ["FLOWS", "SmallestPathway", "search_and_test"]
