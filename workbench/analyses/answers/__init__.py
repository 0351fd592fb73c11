"""What the model answers: accuracy, and words before and after a cut."""
