"""Keeps other libraries' bars and remarks off the screen: metier has its own progress."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it, transformers draws no bars and reports only errors.

    Its GGUF reader draws bars without asking, and its loader remarks on buffers that newer
    versions no longer store.
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
