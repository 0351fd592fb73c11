"""What an option is to a question, as tables name it."""

from __future__ import annotations

TRUE, FALSE = ROLES = ("true_option", "false_option")
"""A plain "true" would come back from a csv file as a truth value."""
