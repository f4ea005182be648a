"""Keeps other libraries off the screen: progress goes through metier's own callback."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it, transformers draws no bars (its GGUF reader draws them without asking).

    Nor does it report on weights that it does not use; that report is a warning, and its logger
    keeps the standard error that it found when it was imported.
    """
    logging: Any = importlib.import_module("transformers.utils.logging")

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
