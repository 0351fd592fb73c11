"""The planted models, each against the reference engine."""
