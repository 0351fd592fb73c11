"""The exact incremental engine: what a cut does not change is computed once."""
