"""Ours beside the authors' own code, where that is at hand."""
