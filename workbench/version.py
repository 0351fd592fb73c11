"""The version of the project: read by the package, the build and every run's manifest."""

__version__ = "0.2.0"
