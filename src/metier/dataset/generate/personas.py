"""The two roles' words; people edit them, so braces and dollar signs in them mean nothing else."""

from __future__ import annotations

from string import Template

ASKER = "You are a careful expert who asks detailed questions about a document called $subject."
ANSWERER = (
    "You are a careful expert who answers questions about a document called $subject, only from "
    "the passage that you are given."
)


def spoken(persona: str, subject: str) -> str:
    """The persona with ``$subject`` filled in; every other character stays as it was written."""
    return Template(persona).safe_substitute(subject=subject or "the document")
