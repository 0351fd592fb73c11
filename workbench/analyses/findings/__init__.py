"""Which claims of Map the Flow hold for a model and its data."""
