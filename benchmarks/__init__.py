"""Speed of attention knockouts, side by side with how they are usually run."""
