"""Methods, and how they are scored."""
