"""What a word attends to."""
