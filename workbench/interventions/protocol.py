"""What every intervention is: plain data that says what changes in a forward pass. Only engines know how.

A new kind is a module here, and a way to act in `workbench/engine/acting.py`. Something else that attention
can lose is a module here, and nothing more. What has a text of its own says so (`REMOVALS`, `INTERVENTIONS`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from workbench.interventions.edges import Edges, ScatteredEdges
    from workbench.prompts.layout import TokenLayout

T = TypeVar("T")


class Intervention(ABC):
    """Something that is changed in a forward pass: frozen, hashable, and printed as a person types it."""

    __slots__ = ()

    kind: ClassVar[str]
    """What messages call it: "cut"."""

    @abstractmethod
    def __str__(self) -> str: ...

    @abstractmethod
    def layers(self, n_layers: int) -> Collection[int]:
        """The layers that it touches, counted from 0, ascending.

        Raises InterventionError for a layer that the model does not have.
        """

    @abstractmethod
    def check(self, layout: TokenLayout, n_layers: int, n_heads: int) -> None:
        """Raises InterventionError or SpanError where it cannot act on this prompt and model."""

    @classmethod
    def check_all(
        cls, interventions: Iterable[Any], layout: TokenLayout, n_layers: int, n_heads: int
    ) -> None:
        """Checks many of this kind on one prompt; a kind whose checks share work does that work once."""
        for intervention in interventions:
            intervention.check(layout, n_layers, n_heads)


class Removal(Protocol):
    """What the attention of a layer can lose: frozen, hashable, and printed as a person types it."""

    @property
    def heads(self) -> tuple[int, ...] | None:
        """Query heads counted from 0; None for all of them."""
        ...

    @property
    def keep_self(self) -> bool:
        """Whether rows keep their own key, whatever is cut."""
        ...

    @property
    def name(self) -> str:
        """Its text without heads."""
        ...

    def edges(self, layout: TokenLayout) -> Edges | ScatteredEdges:
        """The edges that a prompt loses. Raises SpanError or KnockoutError where there are none."""
        ...


class Texts(Generic[T]):
    """Ways to read things from text. Each gives None for a text that is nothing of its kind."""

    def __init__(self) -> None:
        self._readers: list[Callable[[str], T | None]] = []

    def add(self, read: Callable[[str], T | None]) -> None:
        self._readers.append(read)

    def read(self, text: str) -> T | None:
        """What the first reader that knows this text makes of it; None where none does."""
        return next((found for read in self._readers if (found := read(text)) is not None), None)


REMOVALS: Texts[Removal] = Texts()
"""A text that nobody here reads is a flow."""
INTERVENTIONS: Texts[Intervention] = Texts()
"""A text that nobody here reads is a knockout."""
