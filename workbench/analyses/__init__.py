"""Analyses, a folder a question. Each returns a tidy table."""
