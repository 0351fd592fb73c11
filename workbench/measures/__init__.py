"""What is read off a run of the model."""
