"""A run's findings for people: one HTML page, the terminal, and plain JSON."""

from metier.decision.report.page import html

__all__ = ["html"]
