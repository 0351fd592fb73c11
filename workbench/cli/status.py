"""Exit statuses."""

FAILED = 2
"""Of a request that cannot be met, as of a wrong option."""
STOPPED = 130
"""After Ctrl-C."""
