"""What figures share: the template, panels, text."""
