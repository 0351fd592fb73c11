"""Tables -> summaries with intervals, and tests."""
