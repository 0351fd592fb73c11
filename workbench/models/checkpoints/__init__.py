"""Checkpoint folders: how authors' files become a model."""
