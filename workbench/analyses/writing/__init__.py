"""What the model needs while it writes: every token of an answer under every knockout."""

from workbench.analyses.writing.tokens import FlowsWhileWriting

__all__ = ["FlowsWhileWriting"]
