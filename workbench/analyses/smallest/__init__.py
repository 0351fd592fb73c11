"""The smallest pathway: how few attention edges are enough for the answers."""

from workbench.analyses.smallest.contest import FLOWS
from workbench.analyses.smallest.halves import search_and_test
from workbench.analyses.smallest.ranking import read_scores
from workbench.analyses.smallest.result import SmallestPathway

__all__ = ["FLOWS", "SmallestPathway", "read_scores", "search_and_test"]
