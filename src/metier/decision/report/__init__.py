"""A run's findings for people: one HTML page, the terminal, and plain JSON."""

from metier.decision.report.page import html
from metier.decision.report.summary import as_json
from metier.decision.report.terminal import terminal

__all__ = ["as_json", "html", "terminal"]
