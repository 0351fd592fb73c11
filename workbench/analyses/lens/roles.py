"""What an option is to a question, and a line to lenses that are compared, as tables name it."""

from __future__ import annotations

TRUE, FALSE = ROLES = ("true_option", "false_option")
"""A plain "true" would come back from a csv file as a truth value."""

COMMONEST = "commonest word"
"""The baseline of lenses: always the word that was commonest in the clips that lenses are made from."""
