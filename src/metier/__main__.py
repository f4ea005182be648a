"""``python -m metier``: the command line where no script is on the path."""

from __future__ import annotations

from metier.cli.main import app

app()
