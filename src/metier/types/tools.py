"""A call of a tool, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metier.types.grounding import Hit
from metier.types.plain import Json


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a tool made."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a tool is asked."""

    arguments: Mapping[str, Json]
    """Valid under the tool's schema, which the caller has checked."""
    tenant: str = ""
    """On whose behalf; a tool shows nothing that belongs to another."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What earlier calls of the same request made, by name."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool found or made."""

    text: str
    """For the model to read."""
    artifacts: tuple[Artifact, ...] = ()
    hits: tuple[Hit, ...] = ()
    """The passages that the text is made of, in the order in which it numbers them."""
    failed: bool = False
    """Whether the text tells of an error, which the model may mend by another call."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """How much one run in the sandbox may take."""

    seconds: float = 20.0
    memory: int = 1 << 30
    """Bytes of address space; numpy, pandas and matplotlib together need 600 MB."""
    disk: int = 64 << 20
    """Bytes of its folder; they lie in memory."""
    output: int = 64 << 10
    """Bytes of standard output, and of standard error."""
    keep: int = 16 << 20
    """Bytes of files that are handed back."""
    threads: int = 16


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one request may spend before it must answer with what it has."""

    steps: int = 6
    """Calls of tools, or nodes of a plan."""
    tokens: int = 16384
    """Read and written by models, all calls together."""
    seconds: float = 120.0

    def within(self, most: Budget) -> Budget:
        """The lesser of each."""
        return Budget(
            min(self.steps, most.steps),
            min(self.tokens, most.tokens),
            min(self.seconds, most.seconds),
        )
