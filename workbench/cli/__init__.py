"""The command line: the same things by hand. One module a command."""

from workbench.cli.main import main

__all__ = ["main"]
