"""Formats of authors: which folders are theirs, what they become, what is refused."""
