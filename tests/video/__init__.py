"""Tests of workbench.video."""
