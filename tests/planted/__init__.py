"""Models whose weights are written by hand."""
