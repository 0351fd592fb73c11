"""Every interval, test and verdict of the project on made-up samples of which the truth is known."""
