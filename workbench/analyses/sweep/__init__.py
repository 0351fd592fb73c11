"""Flows cut in windows of layers: what the answer loses."""
