"""Hook points: TransformerLens' names for places in a model, read and written."""
