"""Keeps the bars of other libraries off the screen: progress goes through metier's own callback."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it, transformers draws no bars (its GGUF reader draws them without asking)."""
    logging: Any = importlib.import_module("transformers.utils.logging")

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if bars:
            logging.enable_progress_bar()
