"""What several tests of prompts start from."""

from __future__ import annotations

from tests.models.conftest import folder

__all__ = ["folder"]
