"""In which layers a flow carries the answer, and whether these alone suffice."""
