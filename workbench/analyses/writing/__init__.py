"""What the model needs while it writes: every token of an answer under every knockout."""

from workbench.analyses.writing.tokens import FlowsWhileWriting, read_steps

__all__ = ["FlowsWhileWriting", "read_steps"]
